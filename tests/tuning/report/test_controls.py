"""The books that may serve as controls."""

from __future__ import annotations

from pathlib import Path

from studio.tuning.report.controls import books_in, control_books, where_to_put


def test_there_are_books_of_many_kinds_by_many_authors() -> None:
    books = control_books()
    assert len(books) >= 12
    assert len({book.author for book in books}) == len(books)
    assert len({book.kind for book in books}) >= 12
    assert all(book.file.endswith(".epub") and book.year < 1931 for book in books)
    assert all(book.repository in book.source and "public domain" in book.licence for book in books)


def test_books_are_found_under_their_names_whatever_the_ending(tmp_path: Path) -> None:
    (tmp_path / "jack-london_martin-eden.txt").write_text("…")
    (tmp_path / "edith-wharton_the-age-of-innocence.epub").write_text("…")
    (tmp_path / "something-else.epub").write_text("…")
    found = [(book.title, path.name) for book, path in books_in(tmp_path)]
    assert found == [
        ("The Age of Innocence", "edith-wharton_the-age-of-innocence.epub"),
        ("Martin Eden", "jack-london_martin-eden.txt"),
    ]
    assert books_in(tmp_path / "nowhere") == []


def test_the_sentence_names_the_folder_and_a_file(tmp_path: Path) -> None:
    sentence = where_to_put(tmp_path)
    assert str(tmp_path) in sentence
    assert control_books()[0].file in sentence
