from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.manuscript import ManuscriptError, read_text, write_text
from studio.manuscript.decoding import decode, encode, newline_styles, unified

GERMAN = (
    "Als Gregor Samsa eines Morgens aus unruhigen Träumen erwachte, fand er sich in seinem Bett "
    "zu einem ungeheueren Ungeziefer verwandelt. Er lag auf seinem panzerartig harten Rücken und "
    "sah, wenn er den Kopf ein wenig hob, seinen gewölbten, braunen Bauch.\n"
)
GERMAN_QUOTES = "„Was ist mit mir geschehen?“, dachte er – es war kein Traum…\n"
FRENCH = (
    "Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie éteinte, mes yeux se "
    "fermaient si vite que je n’avais pas le temps de me dire : « Je m’endors. »\n"
)
ENGLISH = (
    "It was the best of times, it was the worst of times.\n\n“What is it?” asked Mr. Lorry. "
    "“Nothing,” said the other — and he didn’t turn.\n\nThe keeper’s eye met his wife’s.\n"
)
JAPANESE = (
    "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。"
    "何でも薄暗いじめじめした所でニャーニャー泣いていた事だけは記憶している。\n"
)
CHINESE = "话说天下大势，分久必合，合久必分。周末七国分争，并入于秦；及秦灭之后，楚、汉分争。\n"
RUSSIAN = (
    "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему. "
    "Всё смешалось в доме Облонских.\n"
)
POLISH = (
    "Litwo! Ojczyzno moja! ty jesteś jak zdrowie; Ile cię trzeba cenić, ten tylko się dowie, "
    "Kto cię stracił. Dziś piękność twą w całej ozdobie Widzę i opisuję, bo tęsknię po tobie.\n"
)
GREEK = "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.\n"
KOREAN = "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.\n"


def file_of(tmp_path: Path, content: bytes, name: str = "a.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("text", "written_as", "read_as", "called"),
    [
        pytest.param(*each, id=f"{each[1]}-{len(each[0])}")
        for each in (
            (GERMAN, "latin-1", "cp1252", "windows-1252"),
            (GERMAN + GERMAN_QUOTES, "cp1252", "cp1252", "windows-1252"),
            (GERMAN * 5000, "cp1252", "cp1252", "windows-1252"),
            ("Grüße aus Köln", "latin-1", "cp1252", "windows-1252"),
            ("déjà vu", "cp1252", "cp1252", "windows-1252"),
            (ENGLISH, "cp1252", "cp1252", "windows-1252"),
            (FRENCH, "cp1252", "cp1252", "windows-1252"),
            (FRENCH * 100, "cp1252", "cp1252", "windows-1252"),
            (GERMAN, "mac_roman", "mac_roman", "Mac Roman"),
            (POLISH, "cp1250", "cp1250", "windows-1250"),
            (POLISH, "iso8859-2", "iso8859_2", "ISO-8859-2"),
            (JAPANESE, "shift_jis", "cp932", "Shift-JIS"),
            (JAPANESE * 5000, "shift_jis", "cp932", "Shift-JIS"),
            (JAPANESE, "euc_jp", "euc_jp", "EUC-JP"),
            (CHINESE, "gb18030", "gb18030", "GB18030"),
            (CHINESE, "gb2312", "gb18030", "GB18030"),
            (RUSSIAN, "koi8-r", "koi8_r", "KOI8-R"),
            (RUSSIAN, "cp1251", "cp1251", "windows-1251"),
            (RUSSIAN * 5000, "koi8-r", "koi8_r", "KOI8-R"),
            (RUSSIAN, "cp866", "cp866", "DOS 866"),
            (GREEK, "cp1253", "cp1253", "windows-1253"),
            (KOREAN, "euc_kr", "cp949", "Korean (EUC-KR)"),
        )
    ],
)
def test_other_encodings_are_found_said_and_kept(
    tmp_path: Path, text: str, written_as: str, read_as: str, called: str
) -> None:
    content = text.encode(written_as)
    path = file_of(tmp_path, content)

    file = read_text(path)

    assert file.text == text
    assert (file.encoding, file.guessed, file.bom) == (read_as, True, False)
    (note,) = file.notes
    assert note.startswith(
        f"‘a.txt’ is not UTF-8; it was read as {called} and will be saved so. If its letters"
    )
    write_text(path, file.text, encoding=file.encoding, newline=file.newline, bom=file.bom)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("written_as", "read_as", "bom"),
    [
        ("utf-8", "utf-8", False),
        ("utf-8-sig", "utf-8", True),
        ("utf-16", "utf-16-le", True),
        ("utf-32", "utf-32-le", True),
    ],
)
def test_unicode_files_are_read_without_guessing_and_saved_as_they_were(
    tmp_path: Path, written_as: str, read_as: str, bom: bool
) -> None:
    text = GERMAN + JAPANESE + "🪔\n"
    content = text.encode(written_as)
    path = file_of(tmp_path, content)

    file = read_text(path)

    assert file.text == text
    assert (file.encoding, file.bom, file.guessed, file.notes) == (read_as, bom, False, ())
    write_text(path, file.text, encoding=file.encoding, bom=file.bom)
    assert path.read_bytes() == content


def test_big_endian_utf_16_is_kept(tmp_path: Path) -> None:
    content = b"\xfe\xff" + GERMAN.encode("utf-16-be")
    path = file_of(tmp_path, content)
    file = read_text(path)
    assert (file.text, file.encoding, file.bom) == (GERMAN, "utf-16-be", True)
    write_text(path, file.text, encoding=file.encoding, bom=file.bom)
    assert path.read_bytes() == content


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_an_encoding_that_marks_by_itself_gets_one_mark(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "Lämp", encoding=encoding, bom=True)
    assert read_text(path).text == "Lämp"


def test_a_late_letter_decides_the_encoding_of_a_long_file(tmp_path: Path) -> None:
    text = "The quick brown fox jumps over the lazy dog.\n" * 50_000 + "It’s “done”.\n"
    file = read_text(file_of(tmp_path, text.encode("cp1252")))
    assert (file.encoding, file.text == text) == ("cp1252", True)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_are_kept(tmp_path: Path, newline: str) -> None:
    content = f"one{newline}two{newline}{newline}three".encode()
    path = file_of(tmp_path, content)

    file = read_text(path)

    assert file.text == "one\ntwo\n\nthree"
    assert (file.newline, file.mixed_newlines, file.notes) == (newline, False, ())
    write_text(path, file.text, newline=file.newline)
    assert path.read_bytes() == content


def test_mixed_line_ends_become_those_of_the_majority_and_that_is_said(tmp_path: Path) -> None:
    path = file_of(tmp_path, b"one\r\ntwo\r\nthree\nfour\r\n")

    file = read_text(path)

    assert file.text == "one\ntwo\nthree\nfour\n"
    assert (file.newline, file.mixed_newlines) == ("\r\n", True)
    assert file.notes == (
        "‘a.txt’ mixes line ends; saving it makes them all Windows line ends (CR LF).",
    )
    write_text(path, file.text, newline=file.newline)
    assert path.read_bytes() == b"one\r\ntwo\r\nthree\r\nfour\r\n"


def test_an_empty_file_is_an_empty_text(tmp_path: Path) -> None:
    file = read_text(file_of(tmp_path, b""))
    assert (file.text, file.encoding, file.newline, file.notes) == ("", "utf-8", "\n", ())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"one\ntwo\0three", "it holds NUL characters (the first in line 2)"),
        ("Gr\0üße".encode("latin-1"), "it holds NUL bytes"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "it holds NUL bytes"),
        (b"\xff\xfea\0\0\0", "it holds NUL characters (the first in line 1)"),
        (b"\xff\xfea\0b", "it begins as UTF-16-LE text does, but is broken from byte 5 on"),
        (b"\xef\xbb\xbfabc\xff", "it begins as UTF-8 text does, but is broken from byte 7 on"),
        ("Größe, „schön“. ".encode() * 99 + b"\xff", "it is neither UTF-8 nor in another encoding"),
        (GERMAN.encode("latin-1") * 9 + b"\x01\x02", "it is neither UTF-8 nor in"),
        (random.Random(7).randbytes(5000).replace(b"\0", b""), "it is neither UTF-8 nor in"),
    ],
)
def test_what_is_not_text_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, why: str
) -> None:
    path = file_of(tmp_path, content, "photo.txt")
    with pytest.raises(ManuscriptError) as caught:
        read_text(path)
    assert str(caught.value).startswith(f"‘photo.txt’ can't be opened as text because {why}")
    assert str(caught.value).endswith("save it from there as UTF-8 text.")
    assert path.read_bytes() == content


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ManuscriptError, match=r"gone\.txt’ does not exist\. Check the name"):
        read_text(tmp_path / "gone.txt")


def test_a_folder_is_not_a_document(tmp_path: Path) -> None:
    with pytest.raises(ManuscriptError, match=r"is not a file\. Choose a text file\."):
        read_text(tmp_path)


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(ManuscriptError, match=r"‘pipe\.txt’ is not a file"):
        read_text(tmp_path / "pipe.txt")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_five_megabytes_are_read_in_a_moment(tmp_path: Path, encoding: str) -> None:
    text = (GERMAN + GERMAN_QUOTES) * (5 * 2**20 // 320)
    path = file_of(tmp_path, text.encode(encoding))
    start_s = time.perf_counter()
    file = read_text(path)
    assert time.perf_counter() - start_s < 2.0  # about 0.05 on a quiet machine
    assert file.text == text


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_whatever_is_written_in_utf_8_is_read_again(text: str) -> None:
    decoded = decode(encode(text, "utf-8", "\n", bom=True))
    assert (decoded.text, decoded.bom) == (unified(text), True)


@given(
    st.lists(st.text("abc ü🪔")), st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from([16, 8])
)
def test_line_ends_survive_a_round_trip(lines: list[str], newline: str, bits: int) -> None:
    content = encode("\n".join(lines), f"utf-{bits}", newline, bom=True)
    decoded = decode(content)
    assert unified(decoded.text).split("\n") == (lines or [""])
    assert newline_styles(decoded.text) == ([newline] if len(lines) > 1 else [])
