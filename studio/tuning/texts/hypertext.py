"""HTML and XHTML without markup, by lxml."""

from __future__ import annotations

import html.entities
import re
from collections.abc import Callable, Iterator

import lxml.etree
import lxml.html
import lxml.html.defs
from lxml.etree import _Element as Element

from studio.manuscript import decoding
from studio.tuning.texts.works import SCENE_BREAK, Block

_EPUB = "{http://www.idpf.org/2007/ops}type"
_OUT_NAMES = (
    "head script style nav header footer aside form button select textarea template noscript "
    "svg math iframe object audio video canvas figure rt rp"
)
_LEFT_OUT = frozenset(_OUT_NAMES.split())
_BLOCK_NAMES = (
    "address article blockquote body center dd details div dl dt fieldset figcaption h1 h2 h3 h4 "
    "h5 h6 hgroup hr html li main ol p pre section summary table tbody td tfoot th thead tr ul"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_TAGS = lxml.html.defs.tags | _BLOCKS | _LEFT_OUT | {"mark", "ruby", "time", "wbr", "bdi"}
_TAG = re.compile(r"\s*</?([A-Za-z][A-Za-z0-9]*)(?=[\s/>])[^<>]*>")
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_NOTE_NAMES = "noteref footnote footnotes endnote endnotes rearnote rearnotes"
_NOTES = frozenset(_NOTE_NAMES.split())
_MAX_HEADING_CHARS = 200
_MAX_DEPTH = 400

_DOCTYPE = re.compile(r"<!DOCTYPE(?:[^>\[\"']|\"[^\"]*\"|'[^']*'|\[[^\]]*\])*>", re.IGNORECASE)
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)""", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\r\n\f]+")


def parse(content: bytes, *, is_xml: bool) -> Element | None:
    """The root of a page; None if there is nothing in it. Raises `decoding.NotText`.

    Nothing outside of the page is ever read, and entities that it declares count as nothing.
    """
    text = _DECLARATION.sub("", _DOCTYPE.sub("", _decoded(content), count=1), count=1)
    # XHTML first as what it is: read as HTML, a <title/> would hide all that follows.
    if is_xml or text.lstrip()[:200].find("http://www.w3.org/1999/xhtml") >= 0:
        parser = lxml.etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        )
        try:
            return lxml.etree.fromstring(_ENTITY.sub(_character, text).encode(), parser)
        except lxml.etree.XMLSyntaxError:
            pass
    try:
        return lxml.html.document_fromstring(text)
    except (lxml.etree.ParserError, lxml.etree.XMLSyntaxError):
        return None


def is_tag(source: str) -> bool:
    """Whether `source` begins with a tag that HTML knows."""
    found = _TAG.match(source)
    return found is not None and found[1].lower() in _TAGS


def title_of(root: Element) -> str:
    """What the page calls itself; may be empty."""
    for element in root.iter():
        if _name(element) == "title":
            return " ".join("".join(element.itertext()).split())
    return ""


def read_html(root: Element, leave_out: Callable[[Element], bool] = lambda _: False) -> list[Block]:
    """The paragraphs and headings of a page.

    Left out are scripts, styles, navigation, headers, footers, asides, pictures, notes and what
    `leave_out` says.
    """
    bodies = [element for element in root.iter() if _name(element) == "body"]
    reader = _Reader(leave_out)
    for body in bodies or [root]:
        reader.read(body)
    return reader.blocks()


def text_of_fragment(source: str) -> str:
    """The text within some tags; paragraphs are parted by a blank line."""
    if re.fullmatch(r"\s*(?:<!--.*?-->\s*)+", source, re.DOTALL):
        return ""
    root = parse(f"<body>{source}</body>".encode(), is_xml=False)
    return "" if root is None else "\n\n".join(block.text for block in read_html(root))


def types_of(element: Element) -> frozenset[str]:
    """The kinds of content that EPUB declares for an element."""
    declared = f"{element.get(_EPUB) or element.get('epub:type') or ''} {element.get('role') or ''}"
    return frozenset(each.removeprefix("doc-") for each in declared.lower().split())


class _Reader:
    def __init__(self, leave_out: Callable[[Element], bool]) -> None:
        self._leave_out = leave_out
        self._blocks: list[Block] = []
        self._line: list[str] = []
        self._heading = False
        self._quotes = 0
        self._kept_spaces = 0

    def read(self, body: Element) -> None:
        # Iteratively, for pages that nest deeper than Python may call itself.
        steps: list[Iterator[Element]] = [iter((body,))]
        open_: list[Element] = []
        while steps:
            element = next(steps[-1], None)
            if element is None:
                steps.pop()
                if open_:
                    self._close(open_.pop())
                continue
            name = _name(element)
            if name is None or self._is_left_out(element, name) or len(steps) > _MAX_DEPTH:
                self._add(element.tail if element is not body else None)
                continue
            self._open(element, name)
            open_.append(element)
            steps.append(iter(element))
        self._end_paragraph()

    def blocks(self) -> list[Block]:
        return self._blocks

    def _is_left_out(self, element: Element, name: str) -> bool:
        return (
            name in _LEFT_OUT
            or element.get("hidden") is not None
            or bool(types_of(element) & _NOTES)
            or self._leave_out(element)
        )

    def _open(self, element: Element, name: str) -> None:
        if name in _BLOCKS:
            self._end_paragraph()
        if name in _HEADINGS:
            self._heading = True
        elif name == "blockquote" or "epigraph" in types_of(element):
            self._quotes += 1
        elif name == "pre":
            self._kept_spaces += 1
        elif name == "br":
            self._line.append("\n")
        elif name == "hr":
            self._blocks.append(Block(SCENE_BREAK))
        self._add(element.text)

    def _close(self, element: Element) -> None:
        name = _name(element) or ""
        if name in _BLOCKS:
            self._end_paragraph()
        if name in _HEADINGS:
            self._heading = False
        elif name == "blockquote" or "epigraph" in types_of(element):
            self._quotes -= 1
        elif name == "pre":
            self._kept_spaces -= 1
        if name != "body":
            self._add(element.tail)

    def _add(self, text: str | None) -> None:
        if not text:
            return
        if self._kept_spaces:
            self._line.append(text)
        else:
            self._line.append(_SPACES.sub(" ", text))

    def _end_paragraph(self) -> None:
        text = "".join(self._line)
        self._line.clear()
        if not self._kept_spaces:
            text = re.sub(r" *\n *", "\n", re.sub(r" {2,}", " ", text))
        text = text.strip("\n ") if not self._kept_spaces else text.strip("\n")
        for paragraph in re.split(r"\n{2,}", text):
            if paragraph.strip():
                is_heading = self._heading and len(paragraph) <= _MAX_HEADING_CHARS
                self._blocks.append(Block(paragraph, is_heading, self._quotes > 0))


def _name(element: Element) -> str | None:
    """The local name in small letters; None for comments and instructions."""
    tag = element.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else None


def _character(found: re.Match[str]) -> str:
    if found[1] in ("lt", "gt", "amp", "quot", "apos"):
        return found[0]
    return html.entities.html5.get(f"{found[1]};", "")


def _decoded(content: bytes) -> str:
    declared = _CHARSET.search(content[:2048])
    if declared and not content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        try:
            text = content.decode(declared[1].decode("ascii"))
        except (LookupError, UnicodeDecodeError):
            pass
        else:
            if "\0" not in text:
                return decoding.unified(text)
    return decoding.unified(decoding.decode(content).text)
