from __future__ import annotations

import os
import random
import textwrap
from pathlib import Path

import pytest

from studio.tuning.texts import Cleaning, Kind, Prepared, Removed, prepare
from tests.tuning.texts.prose import novel, paragraphs, prose

GERMAN = (
    "Am nächsten Morgen lag der Schnee so hoch vor der Tür, dass wir durch das Fenster steigen "
    "mussten, und mein Vater lachte darüber, wie er seit Wochen nicht mehr gelacht hatte."
)
VERSE = (
    "I kept a lamp beside the door,\nA lamp, a cup, a chair,\n"
    "And no one came across the moor\nTo find me waiting there."
)


def _prepared(
    folder: Path, *texts: str, cleaning: Cleaning | None = None, suffix: str = ".txt"
) -> Prepared:
    """The texts prepared, each newer than the one before."""
    folder.mkdir(exist_ok=True)
    paths = []
    for n, text in enumerate(texts):
        paths.append(folder / f"text {chr(97 + n)}{suffix}")
        paths[-1].write_text(text)
        os.utime(paths[-1], (1_000_000 + n, 1_000_000 + n))
    return prepare(paths, cleaning=cleaning or Cleaning())


def _kept(prepared: Prepared) -> list[str]:
    """All paragraphs that are left, for whatever purpose."""
    parts = [*prepared.train, *prepared.report]
    if not prepared.figures.report_is_validation:
        parts += prepared.validation
    return [each for work in parts for chapter in work.chapters for each in chapter.paragraphs]


def _of(prepared: Prepared, kind: Kind) -> Removed:
    (found,) = (each for each in prepared.removed if each.kind is kind)
    return found


def _kinds(prepared: Prepared) -> set[Kind]:
    return {each.kind for each in prepared.removed}


def test_every_kind_but_one_has_a_switch_a_label_and_a_sentence() -> None:
    nothing = Cleaning(**dict.fromkeys(Cleaning.__dataclass_fields__, False))
    assert [kind for kind in Kind if nothing.has(kind)] == [Kind.HELD_OUT]
    everything = Cleaning(**dict.fromkeys(Cleaning.__dataclass_fields__, True))
    assert all(map(everything.has, Kind))
    assert len({kind.label for kind in Kind}) == len(Kind)
    assert all(kind.about.endswith(".") for kind in Kind)


# -- what no writer wrote ------------------------------------------------------------------------


def test_what_project_gutenberg_puts_around_a_text_goes(tmp_path: Path) -> None:
    text = (
        "The Project Gutenberg eBook of The Lamp\n\nThis eBook is for the use of anyone.\n\n"
        "*** START OF THE PROJECT GUTENBERG EBOOK THE LAMP ***\n\n"
        "Produced by Anna and the Online Distributed Proofreading Team\n\n"
        f"[Illustration: a lamp]\n\n{novel(3, 800)}\n\n"
        "*** END OF THE PROJECT GUTENBERG EBOOK THE LAMP ***\n\nUpdated editions will replace it."
    )
    prepared = _prepared(tmp_path, text)
    assert sorted(_kept(prepared)) == sorted(_kept(_prepared(tmp_path / "b", novel(3, 800))))
    assert _of(prepared, Kind.PUBLISHER).n_passages == 7
    kept = _kept(_prepared(tmp_path, text, cleaning=Cleaning(publisher=False)))
    assert "Updated editions will replace it." in kept


def test_rights_and_contents_go_from_the_ends_of_a_text_alone(tmp_path: Path) -> None:
    rights = "Copyright © 2021 Anna Meyer. All rights reserved. ISBN 978-3-16-148410-0"
    contents = "Contents\n\nChapter 1 … 5\nChapter 2 … 30"
    inside = "“All rights reserved,” said the baker, and closed the shop for the winter."
    chapters = novel(8, 700).split("\n\n## ")
    chapters[4] += f"\n\n{inside}"
    text = f"{rights}\n\n{contents}\n\n" + "\n\n## ".join(chapters)
    prepared = _prepared(tmp_path, text)
    kept = _kept(prepared)
    assert rights not in kept
    assert not any("Contents" in each or "… 30" in each for each in kept)
    assert inside in kept
    assert _of(prepared, Kind.PUBLISHER).examples[0] == rights


def test_tags_codes_and_invisible_characters_go_and_their_words_stay(tmp_path: Path) -> None:
    text = (
        "He <i>saw</i> the [b]lamp[/b]&nbsp;&amp; the cup,[12] un\u00adder it,<br>twice."
        "<!-- why --> 3 < 4, a [note] and R&D stay."
    )
    kept = _kept(_prepared(tmp_path, f"{prose(800)}\n\n{text}"))
    assert "He saw the lamp\u00a0& the cup, under it,\ntwice. 3 < 4, a [note] and R&D stay." in kept
    assert text in _kept(
        _prepared(tmp_path, f"{prose(800)}\n\n{text}", cleaning=Cleaning(markup=False))
    )


def test_page_numbers_and_running_heads_go_and_the_sentences_they_part_are_whole(
    tmp_path: Path,
) -> None:
    words = prose(6_000).replace("\n\n", " ").split(" ")
    pages = [" ".join(words[at : at + 301]) for at in range(0, len(words), 301)]
    text = "".join(
        f"{page}\n\n{number}\n\n{'THE LAMP' if number % 2 else 'ANNA MEYER'}\n\n"
        for number, page in enumerate(pages, 17)
    )
    prepared = _prepared(tmp_path, text)
    kept = _kept(prepared)
    assert not any("THE LAMP" in each or "ANNA" in each for each in kept)
    assert not any(each.strip().isdigit() for each in kept)
    assert sorted(" ".join(kept).split()) == sorted(words)
    assert _of(prepared, Kind.PAGES).n_passages == 2 * len(pages)


def test_running_heads_are_found_at_form_feeds_within_broken_lines(tmp_path: Path) -> None:
    lines = textwrap.wrap(prose(5_000).replace("\n\n", " "), 70)
    text = "".join(
        "\n".join(lines[at : at + 30]) + f"\n{at // 30 + 1}\n\fTHE LAMP\n"
        for at in range(0, len(lines), 30)
    )
    kept = _kept(_prepared(tmp_path, text))
    assert sorted(" ".join(kept).split()) == sorted(" ".join(lines).split())
    assert not any("\f" in each for each in kept)


def test_numbered_sections_and_refrains_stay(tmp_path: Path) -> None:
    sections = [
        f"{n}\n\n{prose(150, n)}\n\nNobody came.\n\nand so the night went on" for n in range(1, 15)
    ]
    prepared = _prepared(tmp_path, "\n\n".join(sections))
    assert Kind.PAGES not in _kinds(prepared)
    assert _kept(prepared).count("and so the night went on") == 14


# -- what a program broke ------------------------------------------------------------------------


@pytest.mark.parametrize("width", [45, 65, 72, 100])
def test_prose_that_was_broken_at_a_width_is_whole_again_and_verse_stays(
    tmp_path: Path, width: int
) -> None:
    whole = paragraphs(1_500)
    broken = ["\n".join(textwrap.wrap(each, width)) for each in whole]
    broken.insert(3, VERSE)
    prepared = _prepared(tmp_path, "\n\n".join(broken))
    assert sorted(_kept(prepared)) == sorted([*whole, VERSE])
    assert _of(prepared, Kind.LINE_ENDS).n_words == 0
    left = _kept(_prepared(tmp_path, "\n\n".join(broken), cleaning=Cleaning(line_ends=False)))
    assert sorted(left) == sorted(broken)


def test_paragraphs_that_only_an_indent_begins_are_told_apart(tmp_path: Path) -> None:
    whole = paragraphs(1_500)
    broken = "\n".join("\n".join(textwrap.wrap(each, 70, initial_indent="   ")) for each in whole)
    assert sorted(each.strip() for each in _kept(_prepared(tmp_path, broken))) == sorted(whole)


def test_words_parted_at_line_ends_are_whole_and_those_with_hyphens_keep_them(
    tmp_path: Path,
) -> None:
    filler = "\n\n".join("\n".join(textwrap.wrap(each, 60)) for each in paragraphs(1_500))
    text = (
        "The captain and the brother of the captain went to the gar-\n"
        "den, where they counted all the lamps of the town, the well-\n"
        "known ones and the others, until nobody came to stop them."
    )
    kept = _kept(_prepared(tmp_path, f"{filler}\n\n{text}\n\nA well-known garden."))
    assert (
        "The captain and the brother of the captain went to the garden, where they counted all the "
        "lamps of the town, the well-known ones and the others, until nobody came to stop them."
    ) in kept


def test_verse_is_never_joined(tmp_path: Path) -> None:
    dice = random.Random(3)
    stanzas = [
        "\n".join(
            " ".join(dice.choice(prose(300).split()) for _ in range(dice.randint(5, 9)))
            for _ in range(4)
        )
        for _ in range(60)
    ]
    prepared = _prepared(tmp_path, "\n\n".join(stanzas))
    assert sorted(_kept(prepared)) == sorted(stanzas)


def test_garbled_letters_are_mended_and_the_writers_marks_stay(tmp_path: Path) -> None:
    marks = "“Don’t,” she said — ‘no’ … ﬁve  spaces. Ｗｉｄｅ, cafe\u0301, 5 µm."
    garbled = "Der BÃ¤cker schloss die TÃ¼r."
    prepared = _prepared(tmp_path, f"{prose(800)}\n\n{marks}\n\n{garbled}")
    assert marks in _kept(prepared)
    assert "Der Bäcker schloss die Tür." in _kept(prepared)
    assert _of(prepared, Kind.MOJIBAKE).examples == (garbled,)
    left = _prepared(tmp_path, f"{prose(800)}\n\n{garbled}", cleaning=Cleaning(mojibake=False))
    assert garbled in _kept(left)


# -- copies --------------------------------------------------------------------------------------


def _reworded(text: str, share: float, seed: int = 1) -> str:
    dice = random.Random(seed)
    return " ".join("other" if dice.random() < share else word for word in text.split(" "))


def test_of_two_drafts_the_newer_stays(tmp_path: Path) -> None:
    new = novel(6, 900)
    old = "\n\n".join(
        each if each.startswith("##") else _reworded(each, 0.05) for each in new.split("\n\n")
    )
    prepared = _prepared(tmp_path, old, new)
    assert sorted(_kept(prepared)) == sorted(
        each for each in new.split("\n\n") if not each.startswith("##")
    )
    drafts = _of(prepared, Kind.DRAFTS)
    assert (drafts.n_passages, drafts.work.name) == (6, "text a.txt")
    assert [work.path.name for work in prepared.train] == ["text b.txt"]


def test_ten_drafts_of_a_novel_hold_out_no_more_than_one(tmp_path: Path) -> None:
    text = novel(10, 600)
    drafts = [
        "\n\n".join(
            each if each.startswith("##") else _reworded(each, 0.03, seed)
            for each in text.split("\n\n")
        )
        for seed in range(10)
    ]
    figures = _prepared(tmp_path, *drafts).figures
    assert figures.n_words_report <= 0.3 * len(text.split())
    assert figures.n_words_train >= 0.6 * len(text.split())


def test_a_passage_that_is_there_twice_stays_in_the_newer_work(tmp_path: Path) -> None:
    twice = paragraphs(60, seed=77)[0]
    nearly = twice.replace("The", "the", 1)
    prepared = _prepared(
        tmp_path,
        f"{novel(12, 400, 1)}\n\n{twice}",
        f"## Zero\n\n{nearly}\n\n{novel(12, 400, 2)}",
    )
    kept = [each for each in _kept(prepared) if each.lower() == twice.lower()]
    assert kept == [nearly]
    assert _of(prepared, Kind.DUPLICATES).work.name == "text a.txt"


def test_refrains_and_short_paragraphs_stay(tmp_path: Path) -> None:
    said = "“No,” he said."
    song = f"{VERSE}\n\nA verse.\n\n{VERSE}\n\nAnother.\n\n{VERSE}"
    prepared = _prepared(
        tmp_path, f"{prose(900)}\n\n## Song\n\n{song}\n\n## Next\n\n{said}\n\n{said}"
    )
    assert _kept(prepared).count(VERSE) == 3
    assert _kept(prepared).count(said) == 2


def test_what_is_like_something_held_out_leaves_the_training_side(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text(prose(900, 5))
    (tmp_path / "held.txt").write_text(held := prose(900, 6))
    theirs = held.split("\n\n")
    copied, near = theirs[2], theirs[5].replace(" of ", " for ", 1)
    (tmp_path / "mixed.txt").write_text(f"{prose(900, 7)}\n\n{copied}\n\n{near}\n\n{prose(300, 8)}")
    prepared = prepare(
        [tmp_path / "kept.txt", tmp_path / "mixed.txt"],
        held_out=[tmp_path / "held.txt"],
        cleaning=Cleaning(duplicates=False),
    )
    train = [p for work in prepared.train for chapter in work.chapters for p in chapter.paragraphs]
    assert copied not in train
    assert near not in train
    assert _of(prepared, Kind.HELD_OUT).n_passages == 2
    assert [work.path.name for work in prepared.report] == ["held.txt"]
    assert prepared.report[0].n_words == len(held.split())


def test_a_chapter_much_like_one_held_out_leaves_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "held.txt").write_text(held := novel(3, 600, 6))
    loosely = "\n\n".join(
        each if each.startswith("##") else _reworded(each, 0.15) for each in held.split("\n\n")
    )
    (tmp_path / "ours.txt").write_text(f"{novel(5, 600, 9)}\n\n{loosely}")
    prepared = prepare([tmp_path / "ours.txt"], held_out=[tmp_path / "held.txt"])
    assert _of(prepared, Kind.HELD_OUT).n_passages == 3


# -- what is not meant ---------------------------------------------------------------------------


def test_passages_in_another_language_go(tmp_path: Path) -> None:
    prepared = _prepared(tmp_path, f"{prose(800)}\n\n{GERMAN}\n\n{prose(800, 1)}\n\nJa, sagte er.")
    assert GERMAN not in _kept(prepared)
    assert "Ja, sagte er." in _kept(prepared)
    assert prepared.figures.language == "en"
    removed = _of(prepared, Kind.LANGUAGE)
    assert (removed.n_passages, removed.n_words) == (1, len(GERMAN.split()))
    assert len(removed.examples[0]) <= 120
    assert removed.examples[0].endswith("…")
    kept = _prepared(tmp_path, f"{prose(800)}\n\n{GERMAN}", cleaning=Cleaning(language=False))
    assert GERMAN in _kept(kept)
    assert kept.figures.language is None


def test_quotations_stay_unless_they_are_to_go(tmp_path: Path) -> None:
    text = f"{prose(800)}\n\n> {VERSE.splitlines()[0]}\n\n{prose(300, 1)}"
    assert VERSE.splitlines()[0] in _kept(_prepared(tmp_path, text, suffix=".md"))
    prepared = _prepared(tmp_path, text, suffix=".md", cleaning=Cleaning(quotations=True))
    assert VERSE.splitlines()[0] not in _kept(prepared)
    assert _of(prepared, Kind.QUOTATIONS).n_words == 7


def test_keys_go_and_addresses_stay_unless_they_are_to_go(tmp_path: Path) -> None:
    key = "The note said ghp_" + "aB3dE6gH9jK2" * 3 + " and nothing else."
    address = "Write to anna.meyer@example.org, please."
    text = f"{prose(800)}\n\n{key}\n\n{address}"
    kept = _kept(_prepared(tmp_path, text))
    assert key not in kept
    assert address in kept
    assert key in _kept(_prepared(tmp_path, text, cleaning=Cleaning(keys=False)))
    assert address not in _kept(_prepared(tmp_path, text, cleaning=Cleaning(contacts=True)))


def test_no_more_than_three_examples_are_kept(tmp_path: Path) -> None:
    german = [f"Nummer {n}: {GERMAN}" for n in range(5)]
    removed = _of(_prepared(tmp_path, "\n\n".join([prose(900), *german])), Kind.LANGUAGE)
    assert removed.n_passages == 5
    assert len(removed.examples) == 3
