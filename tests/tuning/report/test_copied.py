"""Copied runs are found, told with their source, and warned of."""

from __future__ import annotations

import random

from studio.tuning.report import copied
from studio.tuning.report.copied import TrainingText
from studio.tuning.report.figures import Copied, NotMeasured
from studio.tuning.report.samples import Sample
from studio.tuning.report.sentences import on_copied, warnings_on


def noise(n_words: int, seed: int, prefix: str = "w") -> list[str]:
    """Words of which no two texts have five in a row in common."""
    dice = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    return [prefix + "".join(dice.choices(letters, k=5)) for _ in range(n_words)]


TRAIN = [("Chapter 1", " ".join(noise(3_000, 1))), ("Chapter 2", " ".join(noise(3_000, 2)))]
OWN = " ".join(noise(2_500, 3))


def planted(run: list[str], around: int = 200) -> Sample:
    return Sample("It began.", 1, " ".join([*noise(around, 8), *run, *noise(around, 9)]))


def measured(*samples: Sample, worst: tuple[Sample, ...] = ()) -> Copied:
    plain = Sample("It began.", 0, " ".join(noise(400, 7)))
    figure = copied.measure(TrainingText(TRAIN), [OWN], [plain], samples, worst)
    assert isinstance(figure, Copied)
    return figure


def test_a_planted_run_is_found_with_its_length_and_its_source() -> None:
    run = TRAIN[1][1].split()[500:517]
    figure = measured(planted(run))
    assert [(r.text, r.n_words, r.source) for r in figure.runs] == [
        (" ".join(run), 17, "Chapter 2")
    ]
    assert figure.tuned.longest == 17
    assert figure.tuned.copied == 17 / 417
    assert warnings_on(figure)
    assert figure.base.longest == 0


def test_case_and_marks_hide_nothing() -> None:
    run = TRAIN[0][1].split()[:14]
    shouted = [word.upper() + "," for word in run]
    assert measured(planted(shouted)).n_runs == 1


def test_eleven_words_are_no_copy_but_count_among_the_fives() -> None:
    figure = measured(planted(TRAIN[0][1].split()[100:111]))
    assert figure.n_runs == 0
    assert figure.tuned.copied == 0
    assert figure.tuned.longest == 11
    assert figure.tuned.in_fives == 11 / 411
    assert "Nothing was copied" not in " ".join(warnings_on(figure))


def test_more_fives_than_the_writer_has_are_warned_of() -> None:
    pieces = [planted(TRAIN[0][1].split()[i : i + 8], around=40) for i in range(0, 400, 20)]
    assert "runs of five" in " ".join(warnings_on(measured(*pieces)))


def test_a_run_does_not_go_from_one_chapter_into_the_next() -> None:
    across = [*TRAIN[0][1].split()[-8:], *TRAIN[1][1].split()[:8]]
    figure = measured(planted(across))
    assert figure.n_runs == 0
    assert figure.tuned.longest == 8


def test_two_runs_that_meet_are_both_found() -> None:
    met = [*TRAIN[0][1].split()[50:70], *TRAIN[1][1].split()[80:95]]
    assert [run.n_words for run in measured(planted(met)).runs] == [20, 15]


def test_a_longer_run_that_begins_within_another_is_found() -> None:
    shared = noise(10, 20)
    train = TrainingText(
        [("a", " ".join([*noise(5, 21), *shared])), ("b", " ".join([*shared, *noise(30, 22)]))]
    )
    said = [*noise(5, 21), *shared, *noise(30, 22)]
    assert [(m.start, m.end, m.source) for m in train.matches(said)] == [
        (0, 15, "a"),
        (5, 45, "b"),
    ]
    assert train.overlap([" ".join(said)]).in_fives == 1.0


def test_words_that_the_opening_said_are_not_copied_from_the_text() -> None:
    run = TRAIN[0][1].split()[:40]
    echo = Sample(" ".join(run), 1, " ".join([*noise(50, 4), *run[10:30]]))
    goes_on = Sample(" ".join(run), 1, " ".join([*TRAIN[0][1].split()[40:60], *noise(50, 4)]))
    figure = measured(worst=(echo, goes_on))
    assert [(run.n_words, run.after_training) for run in figure.runs] == [(20, True)]
    assert "only after openings of the training text itself" in on_copied(figure)


def test_a_text_that_is_the_training_text_is_all_copied_and_quickly() -> None:
    overlap = TrainingText(TRAIN).overlap([TRAIN[0][1]])
    assert (overlap.copied, overlap.longest) == (1.0, 3_000)


def test_the_same_words_again_and_again_are_found_in_bounded_work() -> None:
    train = TrainingText([("a", "ha " * 20_000), ("b", " ".join(noise(100, 1)))])
    assert train.overlap(["ha " * 300]).longest == 300


def test_without_training_text_it_is_not_measured() -> None:
    figure = copied.measure(TrainingText([]), [OWN], [], [], [])
    assert isinstance(figure, NotMeasured)


def test_too_little_of_the_writers_own_is_no_yardstick() -> None:
    figure = copied.measure(TrainingText(TRAIN), ["Too short."], [], [planted([])], [])
    assert isinstance(figure, Copied)
    assert isinstance(figure.own, NotMeasured)
