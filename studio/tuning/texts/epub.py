"""EPUB books, 2 and 3: the pages of the spine, without covers, contents and publishers' pages."""

from __future__ import annotations

import posixpath
import re
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

import lxml.etree
from lxml.etree import _Element as Element

from studio.manuscript import decoding
from studio.manuscript.errors import shown
from studio.tuning.texts.archives import Archive, damaged, opened
from studio.tuning.texts.hypertext import parse, read_html, types_of
from studio.tuning.texts.works import Block, TextsError

# As EPUB's structural vocabulary and the guide of EPUB 2 have it.
_TYPES = (
    "cover titlepage title-page halftitlepage halftitle toc landmarks loi lot page-list "
    "copyright-page copyright imprint colophon imprimatur other-credits acknowledgments "
    "acknowledgements dedication contributors index bibliography glossary endnotes footnotes "
    "rearnotes errata appendix-notes seriespage"
)
_NOT_THE_STORY = frozenset(_TYPES.split())
_NAMES = re.compile(
    r"(?:^|[^a-z])(?:cover|title-?page|half-?title|toc|nav|contents|copyright|uncopyright|imprint|"
    r"colophon|endnotes|footnotes|loi|dedication|acknowledge?ments|"
    r"about-?the-?(?:author|publisher)|also-?by|newsletter)(?:[^a-z]|$)"
)
_FONT_ALGORITHMS = (b"http://www.idpf.org/2008/embedding", b"http://ns.adobe.com/pdf/enc#RC")
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"


@dataclass(frozen=True)
class _Item:
    href: str
    media_type: str
    properties: str


def read_epub(path: Path) -> tuple[str, list[Block]]:
    """The title that a book declares, or "", and its paragraphs. Raises `TextsError`."""
    with opened(path) as archive:
        _refuse_copy_protection(path, archive)
        package = _xml(path, archive, _CONTAINER)
        opf = next((each.get("full-path") for each in _all(package, "rootfile")), None)
        if not opf:
            raise damaged(path)
        package = _xml(path, archive, opf)
        folder = posixpath.dirname(opf)
        items = {
            each.get("id", ""): _Item(
                _joined(folder, each.get("href", "")),
                each.get("media-type", ""),
                each.get("properties", ""),
            )
            for each in _all(package, "item")
        }
        skipped = _by_guide(package, folder)
        blocks: list[Block] = []
        for reference in _all(package, "itemref"):
            item = items.get(reference.get("idref", ""))
            if item is None or reference.get("linear") == "no" or "html" not in item.media_type:
                continue
            if "nav" in item.properties.split() or item.href in skipped or _named_so(item.href):
                continue
            if item.href in archive:
                blocks += _page(path, archive.read(item.href))
        title = next((" ".join((each.text or "").split()) for each in _all(package, "title")), "")
    return title, blocks


def _page(path: Path, content: bytes) -> list[Block]:
    try:
        root = parse(content, is_xml=True)
    except decoding.NotText as error:
        raise damaged(path) from error
    if root is None:
        return []
    return read_html(root, lambda each: bool(types_of(each) & _NOT_THE_STORY))


def _refuse_copy_protection(path: Path, archive: Archive) -> None:
    if _ENCRYPTION not in archive:
        return
    n_locked = sum(
        each.get("Algorithm", "").encode() not in _FONT_ALGORITHMS
        for each in _all(_xml(path, archive, _ENCRYPTION), "EncryptionMethod")
    )
    if n_locked:
        raise TextsError(
            f"{shown(path)} is protected against copying, so it can't be read. "
            "Use the file that you gave to the publisher instead."
        )


def _by_guide(package: Element, folder: str) -> set[str]:
    return {
        _joined(folder, each.get("href", ""))
        for each in _all(package, "reference")
        if each.get("type", "").lower() in _NOT_THE_STORY
    }


def _named_so(href: str) -> bool:
    """Whether a page's name says that it is no part of the text."""
    return bool(_NAMES.search(posixpath.splitext(posixpath.basename(href))[0].lower()))


def _joined(folder: str, href: str) -> str:
    plain = urllib.parse.unquote(href.partition("#")[0])
    return posixpath.normpath(posixpath.join(folder, plain))


def _all(root: Element, name: str) -> list[Element]:
    return [
        each
        for each in root.iter()
        if isinstance(each.tag, str) and each.tag.rpartition("}")[2] == name
    ]


def _xml(path: Path, archive: Archive, name: str) -> Element:
    parser = lxml.etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return lxml.etree.fromstring(archive.read(name), parser)
    except lxml.etree.XMLSyntaxError as error:
        raise damaged(path) from error
