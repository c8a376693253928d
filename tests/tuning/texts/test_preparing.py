from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.tuning.texts import (
    CautionKind,
    Cleaning,
    Prepared,
    Progress,
    TextsError,
    Use,
    Work,
    prepare,
    preview,
)
from tests.tuning.texts.prose import novel, paragraphs, prose


def _paragraphs(*parts: tuple[Work, ...]) -> list[str]:
    return [
        paragraph
        for part in parts
        for work in part
        for chapter in work.chapters
        for paragraph in chapter.paragraphs
    ]


def _held_out(prepared: Prepared) -> tuple[tuple[Work, ...], ...]:
    one = prepared.figures.report_is_validation
    return (prepared.report,) if one else (prepared.validation, prepared.report)


def _write(path: Path, text: str, age: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (1_000_000 - age, 1_000_000 - age))
    return path


def _cautions(prepared: Prepared) -> dict[CautionKind, str]:
    return {each.kind: each.sentence for each in prepared.cautions}


def test_a_folder_of_books_is_read_divided_and_shown(tmp_path: Path) -> None:
    _write(tmp_path / "Old.txt", novel(20, 2_000, 1), age=99)
    _write(tmp_path / "New.md", novel(15, 2_000, 2))
    prepared = prepare([tmp_path])
    figures = prepared.figures
    assert not figures.report_is_validation
    assert not prepared.cautions
    assert figures.n_words_read == pytest.approx(70_000, rel=0.05)
    assert figures.n_words_train + figures.n_words_validation + figures.n_words_report == (
        figures.n_words_read
    )
    old, new = preview(prepared, n_epochs=2)
    assert (old.title, new.title) == ("Old", "New")
    assert old.n_words_held_out == 0
    assert {each.use for each in new.chapters} == set(Use)
    assert [each.title for each in new.chapters] == [f"Chapter {n}" for n in range(1, 16)]
    assert sum(each.n_words for each in new.chapters) == new.n_words + new.n_words_held_out
    assert new.n_passes > 2 > old.n_passes


def test_numbered_files_in_a_folder_are_the_chapters_of_one_work(tmp_path: Path) -> None:
    for n in range(1, 13):
        _write(tmp_path / f"Novel/Chapter {n}.md", prose(1_000, n), age=n)
    _write(tmp_path / "Story.md", prose(1_000, 50), age=50)
    prepared = prepare([tmp_path])
    novel_, story = sorted(preview(prepared, 2), key=lambda each: each.title)
    assert (novel_.path, novel_.title, story.title) == (tmp_path / "Novel", "Novel", "Story")
    assert [each.title for each in novel_.chapters] == [f"Chapter {n}" for n in range(1, 13)]


def test_numbered_drafts_are_not_chapters(tmp_path: Path) -> None:
    text = prose(2_000)
    for n in range(1, 4):
        _write(tmp_path / f"draft {n}.md", f"{text}\n\n{prose(100, n)}", age=-n)
    prepared = prepare([tmp_path])
    assert [work.title for work in prepared.train] == ["draft 3"]


def test_too_few_words_are_refused_kindly(tmp_path: Path) -> None:
    _write(tmp_path / "a.txt", "Only three words.")
    with pytest.raises(TextsError, match=r"3 words.*fewer than 500.*memory"):
        prepare([tmp_path])


@pytest.mark.parametrize(("n_words", "says"), [(700, "fewer than 5,000"), (9_000, "20,000")])
def test_little_text_is_told(tmp_path: Path, n_words: int, says: str) -> None:
    _write(tmp_path / "a.txt", prose(n_words))
    cautions = _cautions(prepare([tmp_path]))
    assert says in cautions[CautionKind.TOO_LITTLE]
    assert CautionKind.ONE_HELD_OUT_SET in cautions


def test_files_that_can_not_be_read_are_left_out_with_a_reason(tmp_path: Path) -> None:
    _write(tmp_path / "a.txt", prose(800))
    (tmp_path / "b.docx").write_bytes(b"no zip file")
    (tmp_path / "c.txt").write_bytes(b"\0\1\2")
    prepared = prepare([tmp_path])
    reasons = [each.sentence for each in prepared.cautions if each.kind is CautionKind.LEFT_OUT]
    assert len(reasons) == 2
    assert "‘b.docx’" in reasons[0]
    assert "‘c.txt’" in reasons[1]
    with pytest.raises(TextsError, match=r"‘b.docx’ is damaged.*1 more"):
        prepare([tmp_path / "b.docx", tmp_path / "c.txt"])


def test_repetition_is_told_with_its_share(tmp_path: Path) -> None:
    form = "Name of the guest, day of arrival, day of departure, room, price, signature"
    _write(tmp_path / "a.txt", "\n\n".join(f"{each}\n{form}" for each in paragraphs(1_500)))
    prepared = prepare([tmp_path])
    assert prepared.figures.repeated_share > 0.1
    share = f"{prepared.figures.repeated_share:.0%}"
    assert share in _cautions(prepared)[CautionKind.REPETITION]


def test_secrets_are_told_with_counts_and_places(tmp_path: Path) -> None:
    letters = "\n\n".join(f"Write to anna{n}@example.org about it." for n in range(3))
    _write(tmp_path / "letters.txt", f"{prose(800)}\n\n{letters}")
    sentence = _cautions(prepare([tmp_path]))[CautionKind.SECRETS]
    assert "3 e-mail addresses in ‘letters.txt’ (3)" in sentence
    assert "switch on “Addresses and numbers”" in sentence
    gone = prepare([tmp_path], cleaning=Cleaning(contacts=True))
    assert "were left out" in _cautions(gone)[CautionKind.SECRETS]


def test_much_text_in_another_language_is_told(tmp_path: Path) -> None:
    german = [
        f"Am Morgen des {n}. Tages lag der Schnee so hoch vor der Tür, dass wir durch das Fenster "
        "steigen mussten, und mein Vater lachte darüber wie seit Wochen nicht."
        for n in range(20)
    ]
    _write(tmp_path / "a.txt", "\n\n".join([prose(1_500), *german]))
    prepared = prepare([tmp_path])
    assert "“en”" in _cautions(prepared)[CautionKind.LANGUAGES]


def test_loss_weights_go_to_files_and_to_all_in_folders(tmp_path: Path) -> None:
    for n, name in enumerate(("one/a.txt", "one/b.txt", "two/c.txt")):
        _write(tmp_path / name, prose(1_500, n))
    prepared = prepare([tmp_path], weights={tmp_path / "one": 2.0, tmp_path / "one" / "b.txt": 0.5})
    weights = {work.path.name: work.loss_weight for work in prepared.train}
    assert weights == {"a.txt": 2.0, "b.txt": 0.5, "c.txt": 1.0}
    with pytest.raises(ValueError, match="above 0"):
        prepare([tmp_path], weights={tmp_path: 0.0})


def test_what_is_held_out_by_name_is_not_trained_on_even_if_it_is_in_the_folder(
    tmp_path: Path,
) -> None:
    _write(tmp_path / "a.txt", prose(3_000, 1))
    held = _write(tmp_path / "b.txt", prose(2_000, 2))
    prepared = prepare([tmp_path], held_out=[held])
    assert [work.path for work in prepared.report] == [held]
    assert {work.path.name for work in prepared.train + prepared.validation} == {"a.txt"}
    assert not prepared.figures.report_is_validation
    with pytest.raises(TextsError, match="0 words"):
        prepare([held], held_out=[held])


def test_some_chapters_of_a_folder_can_be_held_out_by_name(tmp_path: Path) -> None:
    files = [_write(tmp_path / f"{n:02}.md", prose(600, n)) for n in range(1, 13)]
    prepared = prepare([tmp_path], held_out=files[8:])
    assert [work.path for work in prepared.report] == files[8:]
    (chapters,) = (each for each in preview(prepared, 1) if each.path == tmp_path)
    assert [each.title for each in chapters.chapters] == [f"{n:02}" for n in range(1, 9)]


def test_a_newest_work_in_another_language_is_not_what_is_held_out(tmp_path: Path) -> None:
    german = "Der Vater stieg am Morgen durch das Fenster und lachte wie seit Wochen nicht mehr, "
    pages = "\n\n".join(f"{german}{n} Mal, und {german}dann {n}." for n in range(60))
    _write(tmp_path / "en.txt", prose(6_000), age=10)
    _write(tmp_path / "de.txt", pages)
    prepared = prepare([tmp_path])
    assert {work.path.name for work in prepared.report} == {"en.txt"}


def test_progress_is_told_and_the_work_can_be_ended(tmp_path: Path) -> None:
    _write(tmp_path / "a.txt", novel(4, 500))
    told: list[Progress] = []
    prepare([tmp_path], on_progress=told.append)
    shares = [each.share for each in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert any("‘a.txt’" in each.doing for each in told)

    def stop(progress: Progress) -> None:
        if progress.share >= 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare([tmp_path], on_progress=stop)


def test_one_endless_line_is_prepared(tmp_path: Path) -> None:
    _write(tmp_path / "a.txt", " ".join(paragraphs(30_000)))
    prepared = prepare([tmp_path])
    assert prepared.figures.n_words_report > 500
    assert prepared.figures.n_words_train > 20_000


def test_the_same_word_over_and_over_does_no_harm(tmp_path: Path) -> None:
    _write(tmp_path / "a.txt", "word " * 20_000)
    _write(tmp_path / "b.txt", prose(2_000))
    assert prepare([tmp_path]).figures.n_words_train > 500


def _texts(draw: st.DrawFn) -> list[list[list[str]]]:
    """Works of chapters of paragraphs, in which every sentence is another."""
    dice = random.Random(draw(st.integers(0, 999)))
    shape = draw(
        st.lists(st.lists(st.integers(60, 900), min_size=1, max_size=5), min_size=1, max_size=3)
    )
    return [
        [
            [
                each if dice.random() < 0.8 else each.replace(", and", ",\nand")
                for each in paragraphs(n_words, dice.randrange(10**9))
            ]
            for n_words in [700, *work]
        ]
        for work in shape
    ]


@settings(deadline=None, max_examples=25)
@given(st.composite(_texts)())
def test_no_word_of_a_clean_text_is_lost_or_altered_or_in_two_places(
    works: list[list[list[str]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for n, chapters in enumerate(works):
            text = "\n\n".join(
                "\n\n".join([f"## Part {k}", *chapter]) for k, chapter in enumerate(chapters)
            )
            _write(Path(folder, f"{'abc'[n]}.txt"), text, age=n)
        prepared = prepare([Path(folder)])
        again = prepare([Path(folder)])
    assert again == prepared
    train = _paragraphs(prepared.train)
    held_out = _paragraphs(*_held_out(prepared))
    written = [paragraph for work in works for chapter in work for paragraph in chapter]
    assert sorted(train + held_out) == sorted(written)
    assert not prepared.removed
    assert not set(train) & set(held_out)
    assert train
    assert prepared.report
    assert prepared.validation
