"""Markdown without its markup, by markdown-it."""

from __future__ import annotations

from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

from studio.tuning.texts.hypertext import is_tag, text_of_fragment
from studio.tuning.texts.works import SCENE_BREAK, Block

# Paragraphs that a writer indents are no program code, one with a line of dashes below it, meant
# as a scene break, is no heading, and "[Anna]: No!" is said by Anna.
_PARSER = (
    MarkdownIt("commonmark").use(front_matter_plugin).disable(["code", "lheading", "reference"])
)
_MAX_HEADING_CHARS = 200


def read_markdown(text: str) -> list[Block]:
    """The paragraphs of a Markdown text: markup, comments and front matter out, line ends kept.

    What a list item begins with stays, since many writers begin speech with a dash.
    """
    place = _Place()
    blocks: list[Block] = []
    for token in _PARSER.parse(_with_headings_marked(text)):
        blocks += [
            Block(each, place.is_heading and len(each) <= _MAX_HEADING_CHARS, place.n_quotes > 0)
            for each in place.enter(token)
        ]
    return blocks


class _Place:
    """Where in the text a token stands."""

    def __init__(self) -> None:
        self.n_quotes = 0
        self.is_heading = False
        self._markers = ""

    def enter(self, token: Token) -> list[str]:
        """The paragraphs that the token brings."""
        match token.type:
            case "blockquote_open" | "blockquote_close":
                self.n_quotes += token.nesting
            case "heading_open" | "heading_close":
                self.is_heading = token.nesting > 0
            case "list_item_open":
                self._markers += f"{token.info}{token.markup} "
            case "list_item_close":
                return [self._taken_markers().strip()]
            case "inline":
                return [self._taken_markers() + _text_of(token.children or ())]
            case "fence":
                return [token.content.rstrip("\n")]
            case "html_block":
                return _texts_of_html(token.content)
            case "hr":
                return [SCENE_BREAK]
            case _:
                pass
        return []

    def _taken_markers(self) -> str:
        markers, self._markers = self._markers, ""
        return markers


def _texts_of_html(source: str) -> list[str]:
    if is_tag(source) or source.lstrip().startswith("<!--"):
        return text_of_fragment(source).split("\n\n")
    return [source.rstrip("\n")]


def _with_headings_marked(text: str) -> str:
    """A line of equal signs below a line makes it a heading."""
    lines = text.split("\n")
    for i in range(len(lines) - 1):
        below = lines[i + 1].strip()
        if lines[i].strip() and len(below) >= 3 and not below.strip("="):
            lines[i : i + 2] = [f"# {lines[i].strip()}", ""]
    return "\n".join(lines)


def _text_of(tokens: Sequence[Token]) -> str:
    made: list[str] = []
    for token in tokens:
        match token.type:
            case "softbreak" | "hardbreak":
                made.append("\n")
            case "html_inline":
                if token.content.lower().startswith("<br"):
                    made.append("\n")
                elif not is_tag(token.content) and not token.content.startswith("<!--"):
                    made.append(token.content)  # "<Anna> Hello"
            case "image":
                pass
            case _:
                made.append(token.content)
    return "".join(made)
