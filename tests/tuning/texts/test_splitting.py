from __future__ import annotations

import random
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from studio.tuning.texts import SCENE_BREAK, Chapter, Split, Use, Work, hold_out
from tests.tuning.texts.prose import paragraphs


def _work(name: str, chapters: list[list[str]], modified_s: float = 0.0) -> Work:
    return Work(
        Path(name),
        name,
        tuple(Chapter(f"{n}", tuple(each)) for n, each in enumerate(chapters, 1)),
        modified_s,
    )


def _novel(name: str, n_chapters: int, n_words: int, seed: int = 0) -> Work:
    return _work(name, [paragraphs(n_words, seed * 997 + n) for n in range(n_chapters)])


def _titles(works: tuple[Work, ...]) -> list[str]:
    return [chapter.title for work in works for chapter in work.chapters]


def _n_words(works: tuple[Work, ...]) -> int:
    return sum(work.n_words for work in works)


def _everything(split: Split) -> list[str]:
    parts = [split.train, split.report]
    if not split.report_is_validation:
        parts.append(split.validation)
    return sorted(
        paragraph
        for part in parts
        for work in part
        for chapter in work.chapters
        for paragraph in chapter.paragraphs
        if paragraph != SCENE_BREAK
    )


def test_whole_chapters_of_a_novel_are_held_out_for_two_purposes() -> None:
    novel = _novel("a", 30, 2_000)
    split = hold_out([novel])
    assert not split.report_is_validation
    for part in (split.report, split.validation):
        assert 0.04 <= _n_words(part) / novel.n_words <= 0.09
        assert all(chapter in novel.chapters for chapter in part[0].chapters)
    assert not set(_titles(split.report)) & set(_titles(split.validation))
    assert sorted(_titles(split.train + split.report + split.validation)) == sorted(
        _titles((novel,))
    )


def test_what_is_held_out_comes_from_two_places_at_least() -> None:
    for n_chapters, n_words in ((30, 2_000), (12, 5_000), (10, 2_000), (200, 150), (6, 1_500)):
        split = hold_out([_novel("a", n_chapters, n_words)])
        uses = [each.use is Use.TRAIN for each in split.uses[Path("a")]]
        places = sum(not here and before for here, before in zip(uses, [True, *uses], strict=False))
        assert places >= 2, (n_chapters, n_words)


def test_with_little_text_the_same_chapters_serve_both() -> None:
    novel = _novel("a", 20, 1_000)
    split = hold_out([novel])
    assert split.report_is_validation
    assert split.report == split.validation
    assert 2_500 <= _n_words(split.report) <= 4_500


def test_the_newest_work_is_held_out_first_but_not_all_of_it() -> None:
    works = [_novel(name, 20, 2_000, seed) for seed, name in enumerate("ab")]
    split = hold_out(works)
    assert [work.title for work in split.report + split.validation] == ["b", "b"]
    newest = next(work for work in split.train if work.title == "b")
    assert newest.n_words >= 0.6 * works[1].n_words


def test_short_stories_are_held_out_as_wholes() -> None:
    works = [_novel(f"{n}", 1, 4_000, n) for n in range(12)]
    split = hold_out(works)
    assert [work.title for work in split.report] == ["11"]
    assert [work.title for work in split.validation] == ["10"]
    assert split.report[0].n_words == works[11].n_words


def test_a_text_without_chapters_is_divided_at_scene_breaks() -> None:
    scenes = [paragraphs(1_500, n) for n in range(20)]
    text = [paragraph for scene in scenes for paragraph in (*scene, SCENE_BREAK)][:-1]
    split = hold_out([_work("a", [text])])
    held_out = split.report + split.validation
    for chapter in (chapter for work in held_out for chapter in work.chapters):
        assert any(chapter.paragraphs[0] == scene[0] for scene in scenes)
        assert any(chapter.paragraphs[-1] == scene[-1] for scene in scenes)
        assert chapter.goes_on


def test_a_text_without_any_breaks_is_divided_at_the_ends_of_paragraphs() -> None:
    work = _work("a", [paragraphs(40_000)])
    split = hold_out([work])
    assert _everything(split) == sorted(work.chapters[0].paragraphs)
    assert 0.04 <= _n_words(split.report) / work.n_words <= 0.09


def test_one_endless_paragraph_is_cut_after_sentences() -> None:
    line = " ".join(paragraphs(20_000))
    split = hold_out([_work("a", [[line]])])
    pieces = _everything(split)
    assert all(piece.endswith(".") for piece in pieces)
    assert sorted(" ".join(pieces).split()) == sorted(line.split())
    assert 0 < _n_words(split.report) < 5_000


def test_a_text_without_spaces_is_held_out_from_as_well() -> None:
    split = hold_out([_work("a", [["雨" * 60_000]])])
    assert "".join(_everything(split)) == "雨" * 60_000
    assert split.report
    assert split.train


def test_what_the_caller_holds_out_is_reported_on_and_only_the_other_set_is_chosen() -> None:
    ours, theirs = _novel("a", 30, 2_000), _novel("b", 5, 2_000, seed=1)
    split = hold_out([ours], report=[theirs])
    assert split.report == (theirs,)
    assert [work.title for work in split.validation] == ["a"]
    assert not split.report_is_validation
    assert {each.use for each in split.uses[Path("b")]} == {Use.REPORT}


def test_chapters_that_will_mostly_go_are_not_chosen() -> None:
    novel = _novel("a", 30, 2_000)
    bad = {chapter.title for chapter in novel.chapters[5:27]}
    split = hold_out([novel], lambda each: 0 if each.title in bad else each.n_words)
    assert split.report
    assert split.validation
    assert not bad & {*_titles(split.report), *_titles(split.validation)}


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.lists(st.integers(1, 400), min_size=1, max_size=12), min_size=1, max_size=8),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 2),
)
def test_whatever_the_works_are_nothing_is_lost_or_in_two_places(
    shape: list[list[list[int]]], n_breaks: int
) -> None:
    shape[0][0] += [100] * 5
    dice = random.Random(1)
    works = []
    for number, sizes in enumerate(shape):
        chapters = []
        for chapter in sizes:
            made = [" ".join(f"w{dice.random()}." for _ in range(size)) for size in chapter]
            for at in range(n_breaks):
                made.insert(min(1 + 3 * at, len(made) - 1) or 1, SCENE_BREAK)
            chapters.append(made if made[-1] != SCENE_BREAK else made[:-1])
        works.append(_work(f"{number}", chapters, number))
    split = hold_out(works)
    words = [
        word
        for work in works
        for chapter in work.chapters
        for paragraph in chapter.paragraphs
        if paragraph != SCENE_BREAK
        for word in paragraph.split()
    ]
    assert sorted(words) == sorted(" ".join(_everything(split)).split())
    assert split.train
    assert split.validation
    assert split.report
    assert hold_out(works) == split
    assert all(
        chapter.paragraphs and SCENE_BREAK not in (chapter.paragraphs[0], chapter.paragraphs[-1])
        for part in (split.train, split.validation, split.report)
        for work in part
        for chapter in work.chapters
    )
