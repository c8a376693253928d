"""Suggestions in code: a statement or block, balanced, indented as the file is."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.writing.code import fit, indent_unit, inside, next_indent, opens_block, trim
from studio.writing.ending import Trimmed
from studio.writing.languages import Language, language_of, languages


def _language(name: str) -> Language:
    return next(each for each in languages() if each.name == name)


PYTHON, JS, C, RUBY, HTML = map(_language, ("Python", "JavaScript", "C", "Ruby", "HTML"))


@pytest.mark.parametrize(
    ("before", "generated", "shown", "complete"),
    [
        ("x = ", "f(1)\ny = 2\n", "f(1)", True),
        ("x = ", "f(1", "f(1", False),
        ("x = ", "f(\n    1,\n    2,\n)\ny = 2\n", "f(\n    1,\n    2,\n)", True),
        ("x = f(", "1, 2)\ny", "1, 2)", True),
        ("def f(x):", "\n    y = x\n    return y\n\nz", "\n    y = x\n    return y", True),
        ("def f(x):", "\n    y = x\n    return y\nz = 1", "\n    y = x\n    return y", True),
        ("def f(x):\n    ", "y = x\n    return y\nz = 1", "y = x\n    return y", True),
        ("def f(x):\n    y = x\n    ", "return y\n    z", "return y", True),
        ("if x:\n    ", "a()\n    if b:\n        c()\ne()", "a()\n    if b:\n        c()", True),
        ("x = 1\n", "if x:\n    a()\nb()\n", "if x:\n    a()", True),
        ("def f(se", "lf):\n    return 1\n\nx", "lf):\n    return 1", True),
        ("x = 1  # the", " first (one\ny", " first (one", True),
        ('"""A docstring', ' that goes on.\n    More"""\n', " that goes on.", True),
        ("x = ", '"a)"\ny', '"a)"', True),
        ("x = ", "a + \\\n    b\nc", "a + \\\n    b", True),
        ("x = a", ")\ny", "", True),
        ("f(a", "])", "", True),
        ("x = [", "'\\'', 1]\ny", "'\\'', 1]", True),
    ],
)  # fmt: skip
def test_python_ends_with_the_statement_or_block(
    before: str, generated: str, shown: str, complete: bool
) -> None:
    assert trim(before, "", generated, PYTHON, ended=False) == Trimmed(shown, complete)


@pytest.mark.parametrize(
    ("before", "generated", "shown", "complete"),
    [
        ("let x = ", "f(1);\nlet y", "f(1);", True),
        ("if (x) {", "\n  a();\n}\nb();", "\n  a();\n}", True),
        ("if (x) {\n  ", "a();\n  b();\n}\nc();", "a();\n  b();\n}", True),
        ("", "if (x) {\n  a();\n} else {\n  b;\n}\nc", "if (x) {\n  a();\n} else {\n  b;\n}", True),
        ("list.map(", "x => {\n  return x;\n});\nc();", "x => {\n  return x;\n});", True),
        ("if (x", ") {\n  a();\n}\nb();", ") {\n  a();\n}", True),
        ("let s = `a", " ${b}`;\nc", " ${b}`;", True),
        ("/* a", " comment */\nc", " comment */", True),
        ("{\n  a: ", "1,\n  b: 2\n}", "1,", True),
    ],
)  # fmt: skip
def test_javascript_ends_with_the_statement_or_block(
    before: str, generated: str, shown: str, complete: bool
) -> None:
    assert trim(before, "", generated, JS, ended=False) == Trimmed(shown, complete)


@pytest.mark.parametrize(
    ("language", "before", "after", "generated", "shown"),
    [
        (PYTHON, "print(", ")", "x)\ny", "x"),
        (PYTHON, "print(", ")\n", "f(x))", "f(x)"),
        (PYTHON, 'print("', '")', 'hello")\n', "hello"),
        (PYTHON, "x = [", "]\n", "1, 2]", "1, 2"),
        (PYTHON, "x = (a", " + b)\n", " * 2 + b)", " * 2"),
        (C, "int f() {\n  g(", "\n}\n", "1);\n}\n", "1);"),
        (C, "int f() {\n  ", "\n}\n", "return 1;\n}\n", "return 1;"),
        (C, "if (x) {", "}", "\n  y();\n}", "\n  y();"),
        (JS, "f(() => {\n  ", "\n});\n", "a();\n});\n", "a();"),
        (PYTHON, "a = 1\n", "c = 3\n", "c = 3\n", ""),
        (PYTHON, "if a:\n    ", "\n    c = 3\n", "b = 2\n    c = 3\n    d = 4\n", "b = 2"),
        (PYTHON, "def f():\n    ", "\n    return x\n", "return x", ""),
    ],
)
def test_what_follows_the_cursor_is_neither_closed_nor_written_again(
    language: Language, before: str, after: str, generated: str, shown: str
) -> None:
    assert trim(before, after, generated, language, ended=True).text == shown


@pytest.mark.parametrize(
    ("before", "generated", "shown"),
    [
        ("x = ", "foo(bar, ", "foo"),
        ("if a:\n    ", "b = 2\n    c = foo(", "b = 2"),
        ("if a:\n    ", "b = 2\n    c = fo", "b = 2"),
        ("x = foo + ", "bar.ba", "bar."),
        ("x = ", "ba", "ba"),
        ('"""Of the', " words that", " words"),
        ("if a:\n    ", "b = 2\n    if c:\n        d(", "b = 2"),
    ],
)
def test_what_was_cut_short_is_balanced_and_whole(before: str, generated: str, shown: str) -> None:
    assert trim(before, "", generated, PYTHON, ended=True, cut_short=True).text == shown


def test_a_window_that_begins_in_a_docstring_is_seen_through() -> None:
    before = 'the end of one.\n    """\n    x = 1\n\ndef f(x):\n    """Do it."""\n'
    shown = trim(before + "    y = ", "", "g(\n        1)\n    z = 2\n", PYTHON, ended=False)
    assert shown == Trimmed("g(\n        1)", complete=True)


def test_a_ruby_block_keeps_its_end() -> None:
    shown = trim("if x\n  ", "", "a\n  b\nend\nc", RUBY, ended=False)
    assert shown.text == "a"
    shown = trim("xs.each do |x|\n  y = 1 if x do", "", "\n    a\n  end\n  b", RUBY, ended=False)
    assert shown == Trimmed("\n    a\n  end", complete=True)


@pytest.mark.parametrize(
    ("before", "text", "fitted"),
    [
        ("def f():\n", "return 1", "    return 1"),
        ("def f():\n    ", "    return 1", "return 1"),
        ("def f():\n    ", "    x = 1\n        return x", "x = 1\n    return x"),
        ("def f():\n\t", "    return 1", "return 1"),
        ("class A:\n\tdef f():", "\n        return 1", "\n\t\treturn 1"),
        ("if a:\n  b\n", "    c", "  c"),
        ("if a:\n    b\n", "c", "c"),
        ("x = ", "f(1)", "f(1)"),
        ("def f():\n", "        x = 1\n    return x", "    x = 1\n    return x"),
        ("def f():", "\n  x = 1\n  return x", "\n    x = 1\n    return x"),
        ("f(a,\n", "  b)", "  b)"),
        ("f(a,\n  ", "      b)", "      b)"),
        ('s = """\n', "   as it is", "   as it is"),
    ],
)
def test_a_line_gets_the_indentation_that_fits(before: str, text: str, fitted: str) -> None:
    assert fit(before, text, PYTHON) == fitted


def test_a_closing_brace_stands_below_its_block() -> None:
    assert fit("  if (x) {\n    a();\n", "}", JS) == "  }"
    assert fit("if (x) {\n  a();\n", "b();", JS) == "  b();"
    assert fit("if (x) {\n", "}", JS) == "}"


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("def f():\n  return 1\n", "  "),
        ("def f():\n\treturn 1\n", "\t"),
        ("def f():\n    if x:\n        y\n", "    "),
        ("x = 1\n", "    "),
    ],
)
def test_the_file_s_own_indentation_is_found(text: str, unit: str) -> None:
    assert indent_unit(text, PYTHON) == unit


@pytest.mark.parametrize(
    ("before", "language", "indent"),
    [
        ("if x:", PYTHON, "    "),
        ("if x:  # why: this", PYTHON, "    "),
        ("  x = 1", PYTHON, "  "),
        ("x = 'a:", PYTHON, ""),
        ("f(", PYTHON, "    "),
        ("  if (x) {", JS, "    "),
        ("xs.each do", RUBY, "  "),
        ("undo", RUBY, ""),
        ('"""Look:', PYTHON, ""),
    ],
)
def test_a_new_line_is_indented(before: str, language: Language, indent: str) -> None:
    assert next_indent(before, language) == indent


def test_strings_over_several_lines_are_known() -> None:
    assert inside('x = """a\nb', PYTHON)
    assert not inside('x = """a\nb"""', PYTHON)
    assert inside("/* a\nb", C)
    assert not inside("x = 'a", PYTHON)
    assert not opens_block("# so:", PYTHON)


def test_endless_input_takes_no_endless_time() -> None:
    for text in ("(" * 20_000, '"' * 20_000, "{\n" * 10_000, "\\" * 20_000):
        for language in (PYTHON, JS, HTML):
            trim(text, text, text[:2_000], language, ended=True)
            fit(text, text[:2_000], language)


def test_languages_are_known_by_suffix() -> None:
    assert language_of(Path("a/b.JS")) is JS
    assert language_of(Path("song.txt")) is None
