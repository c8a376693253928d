from __future__ import annotations

import zipfile
from pathlib import Path

import docx
import odfdo
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from studio.tuning.texts import SCENE_BREAK, Chapter, TextsError, Work, read_work

SECRET = "the words of a file that nobody chose"


def _work(path: Path, content: str | bytes) -> Work:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_work(path)


def _plain(work: Work) -> list[tuple[str, tuple[str, ...]]]:
    return [(chapter.title, chapter.paragraphs) for chapter in work.chapters]


def _repacked(path: Path, changes: dict[str, bytes]) -> None:
    """The zip file with some members replaced or added."""
    with zipfile.ZipFile(path) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, content in {**members, **changes}.items():
            whole.writestr(name, content)


# -- plain text ----------------------------------------------------------------------------------


def test_a_plain_text_has_chapters_paragraphs_and_scene_breaks(tmp_path: Path) -> None:
    work = _work(
        tmp_path / "Snow.txt",
        "Before.\n\n## The Door\n\nIt opened.\nAnd closed.\n\n* * *\n\nLater.\n\n"
        "CHAPTER XII\n\nMore.\n\nPart of me was glad.\n\n***\n\nChapter Two: Rain\n\nWet.\n",
    )
    assert work.title == "Snow"
    assert _plain(work) == [
        ("", ("Before.",)),
        ("The Door", ("It opened.\nAnd closed.", SCENE_BREAK, "Later.")),
        ("CHAPTER XII", ("More.", "Part of me was glad.")),
        ("Chapter Two: Rain", ("Wet.",)),
    ]


def test_a_head_that_recurs_begins_no_chapter_but_a_poem_may_be_called_as_its_book_is(
    tmp_path: Path,
) -> None:
    pages = _work(tmp_path / "a.txt", "CHAPTER XII\n\nOne.\n\nChapter XII\n\nTwo.\n")
    assert _plain(pages) == [("CHAPTER XII", ("One.", "Chapter XII", "Two."))]
    poems = _work(tmp_path / "b.txt", "# Snow\n\n## Snow\n\nOne.\n\n## Snow\n\nTwo.\n")
    assert _plain(poems) == [("Snow", ("One.",)), ("Snow", ("Two.",))]


@pytest.mark.parametrize(
    "heading",
    ["Chapter 1", "CHAPTER ONE", "Chapter I.", "Part Two", "Prologue", "Book III — The Sea",
     "Kapitel 3", "Chapitre premier", "Глава 7", "第三章", "# Snow", "CHAPTER I\nThe Door"],
)  # fmt: skip
def test_headings_of_plain_texts(tmp_path: Path, heading: str) -> None:
    work = _work(tmp_path / "a.txt", f"{heading}\n\nText.\n")
    assert [chapter.paragraphs for chapter in work.chapters] == [("Text.",)]
    assert work.chapters[0].title


@pytest.mark.parametrize(
    "line",
    ["Part of me was glad.", "Chapter and verse.", "Act one way, he said, and they will love you.",
     "Book a room", "Prologue to a kiss", "I", "One"],
)  # fmt: skip
def test_what_only_looks_like_a_heading_is_text(tmp_path: Path, line: str) -> None:
    work = _work(tmp_path / "a.txt", f"{line}\n\nText.\n")
    assert _plain(work) == [("", (line.strip(), "Text."))]


def test_a_line_may_be_a_paragraph(tmp_path: Path) -> None:
    long = "He went down to the water and looked at it for a long time, " * 3
    text = "\n".join([long.strip(), "“No,” he said.", long.strip(), long.strip(), "It rained."])
    work = _work(tmp_path / "a.txt", text)
    assert len(work.chapters[0].paragraphs) == 5
    assert work.chapters[0].text == text


def test_verse_keeps_its_lines(tmp_path: Path) -> None:
    stanzas = ("A lamp, a line,\n  and nothing more", "The ink is dry,\nthe night is long")
    work = _work(tmp_path / "a.txt", "\n\n".join(stanzas))
    assert work.chapters[0].paragraphs == stanzas


def test_other_encodings_are_read(tmp_path: Path) -> None:
    text = "Die Tür war zu, und die Straße war leer. Über den Dächern stand „Müller & Söhne“.\n"
    assert _work(tmp_path / "a.txt", text.encode("cp1252")).chapters[0].paragraphs == (
        text.strip(),
    )
    assert _work(tmp_path / "b.txt", text.encode("utf-16")).chapters[0].paragraphs == (
        text.strip(),
    )


def test_one_endless_line_is_read(tmp_path: Path) -> None:
    work = _work(tmp_path / "a.txt", "word " * 300_000)
    assert work.n_words == 300_000


# -- Markdown ------------------------------------------------------------------------------------


def test_markdown_is_read_without_its_markup(tmp_path: Path) -> None:
    work = _work(
        tmp_path / "a.md",
        "---\ntitle: x\n---\n# The *Sea*\n\nHe said **no** & [left](http://a.b).<!-- why -->\n\n"
        "A line  \nand its end\n\n---\n\n    Indented by hand.\n\n![A picture](p.png)\n\n"
        "Part Two\n========\n\n> Quoted.\n\nA \\*star\\* <i>x</i><br>y\n",
    )
    assert _plain(work) == [
        (
            "The Sea",
            ("He said no & left.", "A line\nand its end", SCENE_BREAK, "Indented by hand."),
        ),
        ("Part Two", ("Quoted.", "A *star* x\ny")),
    ]
    assert work.chapters[1].quoted == {0}


def test_markdown_that_is_meant_as_text_stays(tmp_path: Path) -> None:
    lines = ("- Bonjour, dit-il.", "1986. What a year.", "<Anna> hi", "[Anna]: No", "2 * 3 * 4")
    work = _work(tmp_path / "a.md", "\n\n".join(lines))
    assert work.chapters[0].paragraphs == lines


def test_a_line_of_dashes_below_a_paragraph_breaks_the_scene(tmp_path: Path) -> None:
    work = _work(tmp_path / "a.md", "It was late.\n---\nMorning.\n")
    assert work.chapters[0].paragraphs == ("It was late.", SCENE_BREAK, "Morning.")


# -- HTML ----------------------------------------------------------------------------------------


def test_html_is_read_without_what_is_around_the_text(tmp_path: Path) -> None:
    work = _work(
        tmp_path / "a.html",
        "<!DOCTYPE html><html><head><title>Snow &amp; Ice</title><style>p{}</style></head><body>"
        "<nav>Home</nav><header>Site</header><h1>One</h1><p>A  <i>thin</i>\n wall.<script>x()"
        "</script></p><p>line<br/>line</p><hr><blockquote><p>Quoted.</p></blockquote>"
        "<aside>Note</aside><p>T&ecirc;te<sup epub:type='noteref'>1</sup>.</p>"
        "<footer>All of us</footer></body></html>",
    )
    assert work.title == "Snow & Ice"
    assert _plain(work) == [
        ("One", ("A thin wall.", "line\nline", SCENE_BREAK, "Quoted.", "Tête."))
    ]
    assert work.chapters[0].quoted == {3}


def test_the_encoding_that_a_page_declares_counts(tmp_path: Path) -> None:
    page = "<html><head><meta charset='cp1251'></head><body><p>Привет, мир</p></body></html>"
    assert _work(tmp_path / "a.html", page.encode("cp1251")).chapters[0].paragraphs == (
        "Привет, мир",
    )


def test_a_page_that_nests_very_deep_is_read(tmp_path: Path) -> None:
    page = "<p>Before.</p>" + "<div>" * 5_000 + "deep" + "</div>" * 5_000 + "<p>After.</p>"
    assert _work(tmp_path / "a.html", page).chapters[0].paragraphs[0] == "Before."


# -- .docx ---------------------------------------------------------------------------------------


def _docx(path: Path) -> docx.document.Document:
    document = docx.Document()
    document.add_heading("One", 1)
    document.add_paragraph("He went to the door.")
    return document


def test_docx_is_read_with_its_changes_accepted(tmp_path: Path) -> None:
    document = _docx(tmp_path)
    changed = document.add_paragraph("Kept ")
    changed._p.append(
        parse_xml(f"<w:ins {nsdecls('w')} w:id='1'><w:r><w:t>and new</w:t></w:r></w:ins>")
    )
    changed._p.append(
        parse_xml(f"<w:del {nsdecls('w')} w:id='2'><w:r><w:delText>old</w:delText></w:r></w:del>")
    )
    joined = document.add_paragraph("Begun ")
    joined._p.insert(
        0,
        parse_xml(f"<w:pPr {nsdecls('w')}><w:rPr><w:del w:id='3'/></w:rPr></w:pPr>"),
    )
    document.add_paragraph("and ended.")
    document.add_comment(changed.runs, text="Is this good?", author="editor")
    document.save(tmp_path / "a.docx")
    assert _plain(read_work(tmp_path / "a.docx")) == [
        ("One", ("He went to the door.", "Kept and new", "Begun and ended."))
    ]


def test_docx_keeps_verse_breaks_quotes_and_tables(tmp_path: Path) -> None:
    document = _docx(tmp_path)
    run = document.add_paragraph("a lamp").add_run()
    run.add_break()
    run.add_text("a line")
    document.add_paragraph("* * *")
    document.add_paragraph("Dear Anna,", style="Quote")
    document.add_paragraph("Chapter Two")
    document.add_table(1, 1).cell(0, 0).text = "in a table"
    document.sections[0].header.paragraphs[0].text = "A header"
    document.save(tmp_path / "a.docx")
    work = read_work(tmp_path / "a.docx")
    assert _plain(work) == [
        ("One", ("He went to the door.", "a lamp\na line", SCENE_BREAK, "Dear Anna,")),
        ("Chapter Two", ("in a table",)),
    ]
    assert work.chapters[0].quoted == {3}


def test_docx_with_a_large_picture_is_read(tmp_path: Path) -> None:
    _docx(tmp_path).save(tmp_path / "a.docx")
    _repacked(tmp_path / "a.docx", {"word/media/image1.bmp": bytes(80 * 2**20)})
    assert read_work(tmp_path / "a.docx").n_words == 5


# -- .odt ----------------------------------------------------------------------------------------

_ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"'
)


def _odt(path: Path, body: str, before: str = "", styles: str = "") -> Path:
    odfdo.Document("text").save(path)
    content = (
        f"<?xml version='1.0'?>{before}<office:document-content {_ODF}><office:automatic-styles>"
        f"{styles}</office:automatic-styles><office:body><office:text>{body}</office:text>"
        "</office:body></office:document-content>"
    )
    _repacked(path, {"content.xml": content.encode()})
    return path


def test_odt_is_read_with_its_changes_accepted(tmp_path: Path) -> None:
    path = _odt(
        tmp_path / "a.odt",
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>old</text:p>"
        "</text:deletion></text:changed-region></text:tracked-changes>"
        "<text:h text:outline-level='1'>One</text:h>"
        "<text:p>A<text:s text:c='2'/><text:span>thin</text:span>\n wall<office:annotation>"
        "<text:p>why?</text:p></office:annotation>.<text:note><text:note-body><text:p>A note"
        "</text:p></text:note-body></text:note></text:p>"
        "<text:p>line<text:line-break/>line</text:p><text:p>***</text:p>"
        "<text:list><text:list-item><text:p text:style-name='P1'>Dear Anna,</text:p>"
        "</text:list-item></text:list>",
        styles="<style:style style:name='P1' style:family='paragraph' "
        "style:parent-style-name='Quotations'/>",
    )
    work = read_work(path)
    assert _plain(work) == [("One", ("A  thin wall.", "line\nline", SCENE_BREAK, "Dear Anna,"))]
    assert work.chapters[0].quoted == {3}


def test_odt_with_a_password_is_refused(tmp_path: Path) -> None:
    path = _odt(tmp_path / "a.odt", "<text:p>x</text:p>")
    manifest = b"<manifest><file-entry><encryption-data/></file-entry></manifest>"
    _repacked(path, {"META-INF/manifest.xml": manifest})
    with pytest.raises(TextsError, match="password"):
        read_work(path)


# -- .epub ---------------------------------------------------------------------------------------

_XHTML = (
    "<?xml version='1.0' encoding='utf-8'?><!DOCTYPE html><html "
    "xmlns='http://www.w3.org/1999/xhtml' xmlns:epub='http://www.idpf.org/2007/ops'>"
    "<head><title/></head><body{}>{}</body></html>"
)


def _epub(path: Path, pages: dict[str, str], guide: str = "", more: str = "") -> Path:
    items = "".join(
        f"<item id='i{n}' href='{name}' media-type='application/xhtml+xml'"
        f"{' properties=' + repr('nav') if name == 'contents.xhtml' else ''}/>"
        for n, name in enumerate(pages)
    )
    spine = "".join(f"<itemref idref='i{n}'/>" for n in range(len(pages)))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("mimetype", "application/epub+zip")
        book.writestr(
            "META-INF/container.xml",
            "<container xmlns='urn:oasis:names:tc:opendocument:xmlns:container'><rootfiles>"
            "<rootfile full-path='OPS/book.opf'/></rootfiles></container>",
        )
        book.writestr(
            "OPS/book.opf",
            "<package xmlns='http://www.idpf.org/2007/opf'><metadata "
            "xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:title>The Lamp</dc:title></metadata>"
            f"<manifest>{items}{more}</manifest><spine>{spine}</spine><guide>{guide}</guide>"
            "</package>",
        )
        for name, page in pages.items():
            book.writestr(f"OPS/{name}", page)
    return path


def _page(body: str, attributes: str = "") -> str:
    return _XHTML.format(attributes, body)


def test_epub_is_read_in_the_order_of_its_spine_without_other_pages(tmp_path: Path) -> None:
    path = _epub(
        tmp_path / "a.epub",
        {
            "cover.xhtml": _page("<p>Cover</p>"),
            "p1.xhtml": _page("<p>Rights</p>", " epub:type='copyright-page'"),
            "p2.xhtml": _page("<p>By guide</p>"),
            "contents.xhtml": _page("<nav epub:type='toc'><ol><li>One</li></ol></nav>"),
            "z.xhtml": _page("<h2>One</h2><p>First.&nbsp;<a epub:type='noteref'>2</a></p>"),
            "a.xhtml": _page("<section><h2>Two</h2><p>Second.</p><hr/><p>Third.</p></section>"),
            "endnotes.xhtml": _page("<p>A note</p>"),
        },
        guide="<reference type='title-page' href='p2.xhtml#top'/>",
    )
    work = read_work(path)
    assert work.title == "The Lamp"
    assert _plain(work) == [
        ("One", ("First.",)),
        ("Two", ("Second.", SCENE_BREAK, "Third.")),
    ]


def test_epub_with_copy_protection_is_refused_and_one_with_hidden_fonts_is_read(
    tmp_path: Path,
) -> None:
    def encryption(algorithm: str) -> bytes:
        return (
            f"<encryption><EncryptedData><EncryptionMethod Algorithm='{algorithm}'/>"
            "</EncryptedData></encryption>"
        ).encode()

    path = _epub(tmp_path / "a.epub", {"a.xhtml": _page("<p>Text.</p>")})
    _repacked(path, {"META-INF/encryption.xml": encryption("http://www.idpf.org/2008/embedding")})
    assert read_work(path).n_words == 1
    _repacked(path, {"META-INF/encryption.xml": encryption("http://www.w3.org/2001/04/xmlenc#aes")})
    with pytest.raises(TextsError, match="copying"):
        read_work(path)


# -- what can't be read --------------------------------------------------------------------------


def _refusal(path: Path) -> str:
    with pytest.raises(TextsError) as refused:
        read_work(path)
    assert path.name in str(refused.value)
    return str(refused.value)


def test_what_is_no_text_is_refused_with_a_reason(tmp_path: Path) -> None:
    cases: dict[str, tuple[bytes, str]] = {
        "picture.txt": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "NUL"),
        "empty.md": (b"", "is empty"),
        "blank.txt": (b" \n\n\t\n", "no text"),
        "titles.txt": (b"Chapter 1\n\nChapter 2\n", "no text"),
        "noise.docx": (bytes(range(256)) * 20, "damaged"),
        "noise.odt": (b"PK\x03\x04" + bytes(200), "damaged"),
        "noise.epub": (b"once upon a time", "damaged"),
        "blank.html": (b"<html></html>", "no text"),
        "noise.html": (b"\0\1\2\3" * 100, "NUL"),
        "old.docx": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old Word file"),
        "locked.docx": (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "password",
        ),
        "program.exe": (b"MZ", "not a kind of text"),
    }
    for name, (content, reason) in cases.items():
        (tmp_path / name).write_bytes(content)
        assert reason in _refusal(tmp_path / name), name
    with pytest.raises(TextsError, match="does not exist"):
        read_work(tmp_path / "nowhere.txt")
    (tmp_path / "folder.txt").mkdir()
    assert "not a file" in _refusal(tmp_path / "folder.txt")


def test_an_enormous_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.txt").open("wb") as file:
        file.truncate(2**40)
    assert "1,048,576 MB" in _refusal(tmp_path / "huge.txt")


def _whole_files(folder: Path) -> list[Path]:
    _docx(folder).save(folder / "a.docx")
    return [
        folder / "a.docx",
        _odt(folder / "a.odt", "<text:p>Text.</text:p>"),
        _epub(folder / "a.epub", {"a.xhtml": _page("<p>Text.</p>")}),
    ]


def test_files_cut_or_damaged_anywhere_never_do_worse_than_a_sentence(tmp_path: Path) -> None:
    for path in _whole_files(tmp_path):
        whole = path.read_bytes()
        read_work(path)
        for at in range(0, len(whole), max(1, len(whole) // 40)):
            for content in (whole[:at], whole[:at] + b"\xff\0\x13" + whole[at + 3 :]):
                path.write_bytes(content)
                try:
                    read_work(path)
                except TextsError as error:
                    assert path.name in str(error)  # noqa: PT017 (most of them are raised, not all)


def test_members_that_are_missing_or_nonsense_are_told_in_a_sentence(tmp_path: Path) -> None:
    for path in _whole_files(tmp_path):
        with zipfile.ZipFile(path) as whole:
            members = {name: whole.read(name) for name in whole.namelist()}
        for victim in members:
            for content in (None, b"", b"<a><b></a>"):
                with zipfile.ZipFile(path, "w") as made:
                    for name, kept in members.items():
                        if name != victim:
                            made.writestr(name, kept)
                        elif content is not None:
                            made.writestr(name, content)
                try:
                    read_work(path)
                except TextsError as error:
                    assert path.name in str(error)  # noqa: PT017


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    bomb = b"<p>" + b"a" * (40 * 2**20) + b"</p>"
    for path, member in zip(
        _whole_files(tmp_path), ("word/document.xml", "content.xml", "OPS/a.xhtml"), strict=True
    ):
        _repacked(path, {member: bomb})
        assert path.stat().st_size < 2**20
        assert "far more than a text" in _refusal(path)


def test_a_zip_with_very_many_members_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.epub", "w") as made:
        for n in range(20_001):
            made.writestr(f"{n}", b"")
    assert "far more than a text" in _refusal(tmp_path / "a.epub")


def test_nothing_outside_of_a_file_is_read_through_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text(SECRET)
    entity = f"<!DOCTYPE x [<!ENTITY e SYSTEM '{outside.as_uri()}'>]>"
    word = (
        f"<?xml version='1.0'?>{entity}<w:document {nsdecls('w')}><w:body><w:p><w:r><w:t>Text &e;"
        "</w:t></w:r></w:p></w:body></w:document>"
    )
    _docx(tmp_path).save(tmp_path / "a.docx")
    _repacked(tmp_path / "a.docx", {"word/document.xml": word.encode()})
    _odt(tmp_path / "a.odt", "<text:p>Text &e;</text:p>", before=entity)
    page = _page("<p>Text &e;</p>").replace("<!DOCTYPE html>", entity)
    _epub(tmp_path / "a.epub", {"a.xhtml": page})
    (tmp_path / "a.xhtml").write_text(page)
    (tmp_path / "b.html").write_text(f"<iframe src='outside.txt'></iframe>{page}")
    for name in ("a.docx", "a.odt", "a.epub", "a.xhtml", "b.html"):
        try:
            work = read_work(tmp_path / name)
        except TextsError:
            assert name == "a.odt"
        else:
            assert SECRET not in work.chapters[0].text
            assert "Text" in work.chapters[0].text


def test_entities_that_grow_without_end_cost_nothing(tmp_path: Path) -> None:
    laughs = "".join(f"<!ENTITY e{n + 1} '{f'&e{n};' * 10}'>" for n in range(12))
    bomb = f"<!DOCTYPE x [<!ENTITY e0 'ha'>{laughs}]>"
    page = _page("<p>Text &e12;</p>").replace("<!DOCTYPE html>", bomb)
    assert _work(tmp_path / "a.xhtml", page).n_words == 1


def test_a_path_in_a_zip_that_leads_out_is_only_a_name(tmp_path: Path) -> None:
    (tmp_path / "outside.xhtml").write_text(_page(f"<p>{SECRET}</p>"))
    path = _epub(
        tmp_path / "a.epub",
        {"a.xhtml": _page("<p>Text.</p>"), "../../outside.xhtml": _page("<p>Inside.</p>")},
    )
    assert SECRET not in "".join(chapter.text for chapter in read_work(path).chapters)


# -- chapters ------------------------------------------------------------------------------------


def test_a_part_of_a_chapter_knows_that_the_text_goes_on() -> None:
    chapter = Chapter("One", ("a", SCENE_BREAK, "b", "c"), quoted=frozenset({2}))
    first, last = chapter.part(0, 2), chapter.part(2, 4)
    assert (first.paragraphs, first.goes_on) == (("a",), True)
    assert (last.paragraphs, last.goes_on, last.quoted) == (("b", "c"), False, {0})


def test_what_is_left_of_a_chapter_has_single_scene_breaks_between() -> None:
    chapter = Chapter("", (SCENE_BREAK, "a", SCENE_BREAK, "b", SCENE_BREAK, "c", SCENE_BREAK, "d"))
    assert chapter.without({3, 7}).paragraphs == ("a", SCENE_BREAK, "c")
