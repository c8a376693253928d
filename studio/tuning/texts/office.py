"""Word's .docx by python-docx, and OpenDocument's .odt by odfdo."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import docx
import docx.opc.exceptions
import lxml.etree
import odfdo
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml.ns import qn
from docx.styles.style import ParagraphStyle
from lxml.etree import _Element as Element

from studio.tuning.texts.archives import damaged, locked, opened
from studio.tuning.texts.works import Block

_NOT_UNDERSTOOD = (
    KeyError, ValueError, AttributeError, RecursionError,
    lxml.etree.XMLSyntaxError, docx.opc.exceptions.PackageNotFoundError,
)  # fmt: skip

# -- .docx ---------------------------------------------------------------------------------------

_W_P, _W_T, _W_TAB, _W_BR, _W_CR = map(qn, ("w:p", "w:t", "w:tab", "w:br", "w:cr"))
_W_HYPHEN, _W_PPR, _W_STYLE = map(qn, ("w:noBreakHyphen", "w:pPr", "w:pStyle"))
# What was deleted or moved away, text boxes, and what is there twice, for older programs.
_OUT = frozenset(
    [qn(name) for name in ("w:del", "w:moveFrom", "w:txbxContent", "w:pict", "w:object")]
    + ["{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"]
)
_NOT_IN_HEADINGS = re.compile(r"^(?:toc|table of (?:contents|figures)|header|footer|caption)\b")
_HEADING = re.compile(r"^(?:heading \d|title$)")
_QUOTE = re.compile(r"^(?:intense )?quote$|^(?:block ?quotation|block text|quotations?|epigraph)$")
# python-docx wants all members that it finds mentioned, but looks into few of them.
_MEDIA = re.compile(r"(?:^|/)(?:media|embeddings|fonts|activeX|thumbnail)", re.IGNORECASE)


def read_docx(path: Path) -> list[Block]:
    """The paragraphs as they are once all changes are accepted; no comments, notes, text boxes.

    Raises `TextsError`.
    """
    with opened(path) as archive:
        if "EncryptedPackage" in archive:
            raise locked(path)
        content = archive.copied(lambda name: not _MEDIA.search(name))
    try:
        document = docx.Document(content)
        styles = _docx_styles(document.styles)
        body = document.element.body
    except _NOT_UNDERSTOOD as error:
        raise damaged(path) from error
    return list(_docx_blocks(body, styles))


def _docx_styles(styles: docx.styles.styles.Styles) -> dict[str, str]:
    """The built-in name that each style comes down to, in small letters, by its id."""
    names = {}
    for style in styles:
        if style.type != WD_STYLE_TYPE.PARAGRAPH:
            continue
        base: ParagraphStyle | None = cast(ParagraphStyle, style)
        name = ""
        for _ in range(20):
            if base is None:
                break
            name = (base.name or "").lower()
            if _HEADING.match(name) or _NOT_IN_HEADINGS.match(name) or _QUOTE.match(name):
                break
            base = cast("ParagraphStyle | None", base.base_style)
        names[style.style_id] = name
    return names


def _docx_blocks(body: Element, styles: dict[str, str]) -> Iterator[Block]:
    begun = ""
    for paragraph in _within(body, _W_P):
        text, mark_is_gone = _docx_text(paragraph)
        text = begun + text
        if mark_is_gone:
            begun = text
            continue
        begun = ""
        found = paragraph.find(f"{_W_PPR}/{_W_STYLE}")
        style = styles.get(found.get(qn("w:val")) or "", "") if found is not None else ""
        if not _NOT_IN_HEADINGS.match(style):
            yield Block(text, bool(_HEADING.match(style)), bool(_QUOTE.match(style)))
    yield Block(begun)


def _within(element: Element, tag: str) -> Iterator[Element]:
    """The outermost elements of a kind, in order, but for those in what is left out."""
    waiting = [iter(element)]
    while waiting:
        child = next(waiting[-1], None)
        if child is None:
            waiting.pop()
        elif child.tag == tag:
            yield child
        elif child.tag not in _OUT:
            waiting.append(iter(child))


def _docx_text(paragraph: Element) -> tuple[str, bool]:
    """The text, and whether the mark at its end was deleted, which joins it to the next one."""
    made: list[str] = []
    waiting = [iter(paragraph)]
    while waiting:
        child = next(waiting[-1], None)
        if child is None:
            waiting.pop()
        elif child.tag == _W_T:
            made.append(child.text or "")
        elif child.tag == _W_TAB:
            made.append("\t")
        elif child.tag == _W_CR or (child.tag == _W_BR and child.get(qn("w:type")) is None):
            made.append("\n")
        elif child.tag == _W_HYPHEN:
            made.append("\u2011")
        elif child.tag not in _OUT and child.tag != _W_PPR:
            waiting.append(iter(child))
    deleted = paragraph.find(f"{_W_PPR}/{qn('w:rPr')}/{qn('w:del')}")
    return "".join(made), deleted is not None


# -- .odt ----------------------------------------------------------------------------------------

_ODT_OUT_NAMES = (
    "text:tracked-changes office:annotation office:annotation-end text:note draw:frame "
    "draw:text-box text:table-of-content text:alphabetical-index text:bibliography "
    "text:sequence-decls office:forms text:ruby-text text:hidden-text text:hidden-paragraph"
)
_ODT_OUT = frozenset(_ODT_OUT_NAMES.split())
_ODT_NEEDED = frozenset(
    ("mimetype", "META-INF/manifest.xml", "content.xml", "styles.xml", "meta.xml")
)
_ODT_QUOTE = re.compile(r"quotations?$|quote$|block.?quot|epigraph", re.IGNORECASE)


def read_odt(path: Path) -> list[Block]:
    """The paragraphs as they are once all changes are accepted; no comments, notes, frames.

    Raises `TextsError`.
    """
    with opened(path) as archive:
        if "META-INF/manifest.xml" in archive:
            manifest = archive.read("META-INF/manifest.xml")
            if b"encryption-data" in manifest:
                raise locked(path)
        # odfdo would put in what such declarations say; no word processor writes them.
        if b"<!ENTITY" in archive.read("content.xml"):
            raise damaged(path)
        content = archive.copied(_ODT_NEEDED.__contains__)
    try:
        document = odfdo.Document(content)
        return list(_odt_blocks(document.body, _odt_parents(document)))
    except (*_NOT_UNDERSTOOD, TypeError) as error:
        raise damaged(path) from error


def _odt_parents(document: odfdo.Document) -> dict[str, str]:
    """What style each paragraph style is made from."""
    return {
        str(style.get_attribute("style:name")): str(parent)
        for automatic in (False, True)
        for style in document.get_styles("paragraph", automatic=automatic)
        if (parent := style.get_attribute("style:parent-style-name"))
    }


def _odt_blocks(element: odfdo.Element, parents: dict[str, str]) -> Iterator[Block]:
    waiting = [iter(element.children)]
    while waiting:
        child = next(waiting[-1], None)
        if child is None:
            waiting.pop()
        elif child.tag in ("text:p", "text:h"):
            styles = [str(child.get_attribute("text:style-name") or "")]
            while styles[-1] in parents and len(styles) < 20:
                styles.append(parents[styles[-1]])
            is_heading = child.tag == "text:h" or "Title" in styles
            yield Block(_odt_text(child), is_heading, any(map(_ODT_QUOTE.search, styles)))
        elif child.tag not in _ODT_OUT:
            waiting.append(iter(child.children))


def _odt_text(element: odfdo.Element) -> str:
    made = [_odt_spaces(element.text)]
    for child in element.children:
        if child.tag == "text:s":
            made.append(" " * int(child.get_attribute("text:c") or 1))
        elif child.tag == "text:tab":
            made.append("\t")
        elif child.tag == "text:line-break":
            made.append("\n")
        elif child.tag not in _ODT_OUT:
            made.append(_odt_text(child))
        made.append(_odt_spaces(child.tail or ""))
    return "".join(made)


def _odt_spaces(text: str) -> str:
    """In the file, line ends and indents are spaces, and several are one."""
    return re.sub(r"[ \t\r\n]+", " ", text)
