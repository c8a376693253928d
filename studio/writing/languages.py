"""The programming languages that Lamplight knows, by the names of files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path


class Blocks(Enum):
    """What makes a block."""

    INDENTATION = auto()
    BRACES = auto()
    WORDS = auto()
    """Words such as `end`, or tags: known by their indentation too."""


@dataclass(frozen=True)
class Language:
    """What is needed to know of a language to cut, indent and colour it."""

    name: str
    lexer: str
    """Pygments' name for it."""
    blocks: Blocks
    comment: tuple[str, str]
    """What begins a comment, and what ends it; the end of the line does if that is empty."""
    quotes: tuple[str, ...]
    """What strings stand in; those longer than a character, and backticks, may span lines."""
    block_comment: tuple[str, str] | None = None
    openers: tuple[str, ...] = ()
    """Ends of lines, besides opening brackets, that a deeper line follows."""
    indent: str = "    "
    """What its writers indent with, where a file has no habit yet."""


_C_COMMENTS = ("/*", "*/")
_SLASHES = ("//", "")
_HASH = ("#", "")
_DASHES = ("--", "")
_BOTH = ('"', "'")
_DOUBLE = ('"',)  # where ' is a lifetime, a character or a prime
_TAGS = ("<!--", "-->")


def _c(name: str, lexer: str, *, quotes: tuple[str, ...] = _BOTH, indent: str = "    ") -> Language:
    return Language(name, lexer, Blocks.BRACES, _SLASHES, quotes, _C_COMMENTS, indent=indent)


def _hash(
    name: str, lexer: str, blocks: Blocks, *openers: str, quotes: tuple[str, ...] = _BOTH
) -> Language:
    return Language(name, lexer, blocks, _HASH, quotes, openers=openers, indent="  ")


def _tags(name: str, lexer: str) -> Language:
    return Language(name, lexer, Blocks.WORDS, _TAGS, (), _TAGS, indent="  ")


_SCRIPT = ("`", *_BOTH)
_PYTHON = Language(
    "Python", "python", Blocks.INDENTATION, _HASH, ('"""', "'''", *_BOTH), openers=(":",)
)
_BY_SUFFIX: dict[str, Language] = {
    ".py .pyi .pyw": _PYTHON,
    ".js .mjs .cjs": _c("JavaScript", "javascript", quotes=_SCRIPT, indent="  "),
    ".jsx": _c("JSX", "jsx", quotes=_SCRIPT, indent="  "),
    ".ts .mts .cts": _c("TypeScript", "typescript", quotes=_SCRIPT, indent="  "),
    ".tsx": _c("TSX", "tsx", quotes=_SCRIPT, indent="  "),
    # Pygments' own lexer for JSON can't begin in the middle of a file.
    ".json .jsonc": _c("JSON", "javascript", quotes=_DOUBLE, indent="  "),
    ".c .h": _c("C", "c"),
    ".cc .cpp .cxx .hpp .hh .hxx .ino": _c("C++", "cpp"),
    ".cs": _c("C#", "csharp"),
    ".java": _c("Java", "java"),
    ".kt .kts": _c("Kotlin", "kotlin", quotes=('"""', *_BOTH)),
    ".go": _c("Go", "go", quotes=_SCRIPT, indent="\t"),
    ".rs": _c("Rust", "rust", quotes=_DOUBLE),
    ".swift": _c("Swift", "swift", quotes=('"""', '"')),
    ".scala": _c("Scala", "scala", quotes=('"""', '"'), indent="  "),
    ".dart": _c("Dart", "dart", quotes=('"""', "'''", *_BOTH), indent="  "),
    ".zig": _c("Zig", "zig", quotes=_DOUBLE),
    ".groovy .gradle": _c("Groovy", "groovy"),
    ".php": _c("PHP", "php"),
    ".css": Language("CSS", "css", Blocks.BRACES, _C_COMMENTS, _BOTH, _C_COMMENTS, indent="  "),
    ".scss .less": _c("SCSS", "scss", indent="  "),
    ".rb .rake": _hash("Ruby", "ruby", Blocks.WORDS, "do", "then", "else", "begin"),
    ".ex .exs": _hash("Elixir", "elixir", Blocks.WORDS, "do", "else", "->", quotes=('"""', '"')),
    ".jl": _hash("Julia", "julia", Blocks.WORDS, "begin", "do", "else", quotes=('"""', '"')),
    ".pl .pm": _hash("Perl", "perl", Blocks.BRACES),
    ".r": _hash("R", "r", Blocks.BRACES),
    ".nim": _hash("Nim", "nim", Blocks.INDENTATION, ":", "=", quotes=('"""', '"')),
    ".sh .bash .zsh": _hash("Shell", "bash", Blocks.WORDS, "then", "do", "else", "in"),
    ".ps1": _hash("PowerShell", "powershell", Blocks.BRACES),
    ".cmake": _hash("CMake", "cmake", Blocks.WORDS, quotes=_DOUBLE),
    ".yaml .yml": _hash("YAML", "yaml", Blocks.INDENTATION, ":"),
    ".toml": _hash("TOML", "toml", Blocks.WORDS, quotes=('"""', "'''", *_BOTH)),
    ".ini .cfg": _hash("INI", "ini", Blocks.WORDS, quotes=()),
    ".lua": Language(
        "Lua", "lua", Blocks.WORDS, _DASHES, _BOTH, openers=("then", "do", "else"), indent="  "
    ),
    ".sql": Language("SQL", "sql", Blocks.WORDS, _DASHES, _BOTH, _C_COMMENTS, indent="  "),
    ".hs": Language(
        "Haskell",
        "haskell",
        Blocks.INDENTATION,
        _DASHES,
        _DOUBLE,
        ("{-", "-}"),
        openers=("where", "do", "of", "=", "->"),
        indent="  ",
    ),
    ".ml .mli": Language(
        "OCaml",
        "ocaml",
        Blocks.WORDS,
        ("(*", "*)"),
        _DOUBLE,
        ("(*", "*)"),
        openers=("=", "->", "begin", "struct", "then", "else"),
        indent="  ",
    ),
    ".html .htm": _tags("HTML", "html"),
    ".xml .svg": _tags("XML", "xml"),
    ".vue": _tags("Vue", "vue"),
}
_LANGUAGES = {
    suffix: language for suffixes, language in _BY_SUFFIX.items() for suffix in suffixes.split()
}
CODE_SUFFIXES = frozenset(_LANGUAGES)


def language_of(path: Path | None) -> Language | None:
    """The language of a file by its suffix; None for prose, or what is not known."""
    return _LANGUAGES.get(path.suffix.lower()) if path else None


def languages() -> Iterator[Language]:
    """Each language once."""
    return iter(_BY_SUFFIX.values())
