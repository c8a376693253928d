"""What the model sees: nothing lost, nothing over the budget, and a beginning that stays."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from studio.settings import Settings
from studio.steering import NO_STEERING, LoreEntry, Steering, parse_keys
from studio.writing.context import (
    NEAR_TOKENS,
    STEP_TOKENS,
    Budget,
    Context,
    Part,
    Source,
    TokenRate,
    assemble,
    cut_at_sentence,
    from_paragraph,
    grid_start,
    tokens_of_parts,
)

CPT = 4.0
ROOMY = Budget(story_tokens=1_500, memory_tokens=500, note_tokens=100, lore_tokens=400)
SENTENCE = "The keeper climbed the stairs and looked out over the dark water for a long while. "


def _entry(name: str, text: str = "", **more: object) -> LoreEntry:
    more.setdefault("keys", parse_keys(name))
    return LoreEntry(name, text or f"{name} is known to all.", **more)  # type: ignore[arg-type]


def _assemble(before: str, steering: Steering = NO_STEERING, budget: Budget = ROOMY) -> Context:
    return assemble(before, steering, budget, CPT)


def _story(context: Context) -> str:
    return "".join(part.text for part in context.parts if part.source is Source.STORY)


def _lore(context: Context) -> list[str]:
    return [part.name for part in context.parts if part.source is Source.LORE]


FULL = Steering(
    memory="A lighthouse in the north, long ago.",
    note="Slow and quiet.",
    lore=(
        _entry("Anna"),
        _entry("keeper", "The keeper is old. " * 6, priority=2),
        _entry("storm", "It always comes from the west. " * 20, priority=-1),
        _entry("World", "There are two moons.", always=True),
        _entry("Off", keys=parse_keys("the"), on=False),
    ),
)

WORDS = st.sampled_from(
    ["Anna", "Annas", "Joanna", "keeper", "storm", "the", "sea", "went", "“No,”", "–", "李雷", "é"]
)
PARAGRAPHS = st.lists(WORDS, max_size=60).map(" ".join)
TEXTS = st.lists(PARAGRAPHS, max_size=25).flatmap(
    lambda paragraphs: st.sampled_from(["\n", "\n\n"]).map(lambda gap: gap.join(paragraphs))
)
BUDGETS = st.builds(
    Budget,
    story_tokens=st.integers(20, 800),
    memory_tokens=st.integers(0, 40),
    note_tokens=st.integers(0, 40),
    lore_tokens=st.integers(0, 200),
)
RATES = st.sampled_from([0.7, 1.0, 2.6, 4.0, 5.5])


# -- what is in it -------------------------------------------------------------------------------


def test_without_steering_files_the_model_is_given_the_story_alone() -> None:
    context = _assemble("Once upon a time.\n\nThe end is")
    assert context.prompt == "Once upon a time.\n\nThe end is"
    assert [part.source for part in context.parts] == [Source.STORY]


def test_memory_comes_first_and_lore_and_note_stand_a_few_paragraphs_before_the_end() -> None:
    story = "\n\n".join([SENTENCE * 3] * 20) + "\n\nThen Anna"
    context = _assemble(story, FULL)
    sources = [part.source for part in context.parts]
    assert sources == [
        Source.MEMORY,
        Source.LORE,
        Source.STORY,
        Source.LORE,
        Source.NOTE,
        Source.STORY,
    ]
    assert _lore(context) == ["World", "keeper"]
    last = context.parts[-1].text
    assert NEAR_TOKENS * CPT <= len(last) <= (NEAR_TOKENS + STEP_TOKENS) * CPT + len(SENTENCE) * 4
    assert last.endswith("\n\nThen Anna")
    assert context.parts[2].text.endswith("\n\n")
    assert "[Author’s note: Slow and quiet.]\n\n" in context.prompt


def test_a_note_that_the_writer_bracketed_is_left_as_it_is() -> None:
    context = _assemble("Then", Steering(note="[ Style: slow ]"))
    assert context.prompt == "[ Style: slow ]\n\nThen"


def test_lines_without_a_gap_between_them_get_none_for_the_lore() -> None:
    story = "\n".join(["The keeper sang a line."] * 150) + "\n"
    context = _assemble(story, Steering(lore=(_entry("keeper", "Old."),)))
    assert "sang a line.\nOld.\nThe keeper" in context.prompt


def test_a_stanza_is_not_torn_apart() -> None:
    story = "\n\n".join(["\n".join(["The keeper sang a line."] * 4)] * 40) + "\n"
    context = _assemble(story, Steering(lore=(_entry("keeper", "Old."),)))
    assert "sang a line.\n\nOld.\n\nThe keeper" in context.prompt


def test_lore_comes_when_the_paragraph_ends_in_which_its_key_occurs() -> None:
    steering = Steering(lore=(_entry("Anna"),))
    assert _lore(_assemble("The sea.\nSo Anna went.", steering)) == []
    assert _lore(_assemble("The sea.\nSo Anna went.\n", steering)) == ["Anna"]


def test_lore_leaves_when_its_key_is_far_behind() -> None:
    steering = Steering(lore=(_entry("Anna", within_chars=300),))
    story = "So Anna went.\n" + "\n".join([SENTENCE] * 40) + "\n"
    assert _lore(_assemble(story[:600], steering)) == ["Anna"]
    assert _lore(_assemble(story, steering)) == []


def test_the_recent_text_begins_with_a_whole_word() -> None:
    steering = Steering(lore=(_entry("Anna", within_chars=1_000),))
    for shift in range(40):
        story = "x" * shift + "Joanna" * 1_000 + "\n"
        assert _lore(_assemble(story, steering)) == []


def test_an_entry_that_is_off_never_comes() -> None:
    assert "Off" not in _lore(_assemble("the the\n", FULL))


def test_an_entry_that_is_always_on_needs_no_key() -> None:
    context = _assemble("A\n", Steering(lore=(LoreEntry("World", "Two moons.", always=True),)))
    assert context.prompt == "Two moons.\n\nA\n"


def test_entries_of_higher_priority_come_first_and_others_say_why_they_are_left_out() -> None:
    steering = Steering(
        lore=(
            _entry("Anna", "Low. " * 30, priority=-1),
            _entry("Berta", "High. " * 30, priority=5),
            _entry("Carl", "Tiny.", priority=-2),
        )
    )
    budget = Budget(1_500, 0, 0, 60)
    context = _assemble("Anna, Berta and Carl.\n", steering, budget)
    assert _lore(context) == ["Berta", "Carl"]
    (left,) = context.left_out
    assert (left.source, left.name) == (Source.LORE, "Anna")
    assert left.reason == "It needs about 38 tokens, and 15 of the 60 for lore are left."


def test_an_entry_with_a_budget_of_its_own_is_cut_at_a_sentence() -> None:
    entry = _entry("Anna", "She is tall. She is old. She is gone.", budget_tokens=7)
    context = _assemble("Anna\n", Steering(lore=(entry,)))
    assert context.parts[0].text == "She is tall. She is old.\n\n"


def test_a_memory_that_is_too_long_is_cut_and_that_is_said() -> None:
    steering = Steering(memory="One is here. Two is not.")
    context = _assemble("A", steering, Budget(100, 4, 0, 0))
    assert context.prompt == "One is here.\n\nA"
    assert [left.reason for left in context.left_out] == [
        "The last 12 characters of the memory are left out: it may take 4 tokens."
    ]


def test_a_pattern_that_takes_forever_is_named() -> None:
    steering = Steering(lore=(_entry("Slow", "x", keys=parse_keys("/(.*a){20}c!/")),))
    context = _assemble("a" * 1_900 + "\n", steering)
    assert "takes too long" in context.left_out[0].reason


@given(TEXTS, BUDGETS, RATES)
def test_the_parts_make_up_the_prompt_and_the_story_is_the_end_of_the_text(
    before: str, budget: Budget, rate: float
) -> None:
    context = assemble(before, FULL, budget, rate)
    assert "".join(part.text for part in context.parts) == context.prompt
    assert all(part.text for part in context.parts)
    assert before.endswith(_story(context))
    assert context.prompt.endswith(before[before.rfind("\n") + 1 :][-1:])


@given(TEXTS, BUDGETS, RATES)
def test_no_source_takes_more_than_its_budget(before: str, budget: Budget, rate: float) -> None:
    context = assemble(before, FULL, budget, rate)
    taken = dict.fromkeys(Source, 0)
    for part in context.parts:
        taken[part.source] += len(part.text)
    frame = len("[Author’s note: ]\n\n")
    assert len(_story(context)) <= budget.story_tokens * rate
    assert taken[Source.MEMORY] <= budget.memory_tokens * rate + len("\n\n")
    assert taken[Source.NOTE] <= budget.note_tokens * rate + frame
    assert taken[Source.LORE] <= budget.lore_tokens * rate


# -- what stays ----------------------------------------------------------------------------------


@given(TEXTS, BUDGETS, RATES)
def test_typing_on_inside_a_paragraph_only_makes_the_prompt_longer(
    before: str, budget: Budget, rate: float
) -> None:
    """But for where the window over the story moves on, every `reach` characters."""
    moves = 0
    prompt = assemble("", FULL, budget, rate).prompt
    for typed in range(1, len(before) + 1):
        longer = assemble(before[:typed], FULL, budget, rate).prompt
        if before[typed - 1] != "\n":
            moves += not longer.startswith(prompt)
        prompt = longer
    assert moves <= len(before) // budget.reach_chars(rate)


@given(st.text(min_size=1, max_size=400), st.integers(0, 300))
def test_no_letter_of_a_word_switches_lore(typed: str, at: int) -> None:
    steering = Steering(lore=tuple(_entry(letter) for letter in "aeio"))
    story = ("e a\n" * 100)[:at]
    before = story[: story.rfind("\n") + 1]
    lore = _lore(_assemble(before, steering))
    for n in range(len(typed.replace("\n", ""))):
        assert _lore(_assemble(before + typed.replace("\n", "")[:n], steering)) == lore


def _in_common(one: str, other: str) -> int:
    """How many characters both begin with."""
    for n, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            return n
    return min(len(one), len(other))


def _steps(text: str, steering: Steering) -> int:
    """How often a prompt changes before its end while `text` is typed."""
    prompts = [_assemble(text[:n], steering).prompt for n in range(len(text) + 1)]
    return sum(not longer.startswith(prompt) for prompt, longer in pairwise(prompts))


def test_over_a_chapter_the_prompt_changes_before_its_end_a_few_times_only() -> None:
    paragraphs = [SENTENCE * (1 + n % 4) for n in range(48)]
    paragraphs[20] += "Anna was there."
    chapter = "\n\n".join(paragraphs)
    assert len(chapter) > 9_000
    note = Steering(memory="North.", note="Quiet.", lore=(_entry("Anna"),))
    steps = _steps(chapter, note)
    moves_of_window = len(chapter) // ROOMY.reach_chars(CPT)
    # The note moves on with every step of the grid; Anna comes once and goes with such a step.
    assert 1 <= steps <= len(chapter) // round(STEP_TOKENS * CPT) + 2 * moves_of_window + 1
    assert _steps(chapter, NO_STEERING) <= moves_of_window


def test_a_lore_entry_that_appears_leaves_most_of_the_prompt_as_it_was() -> None:
    budget = Budget(3_000, 500, 100, 400)
    steering = Steering(memory="North. " * 20, note="Quiet.", lore=(_entry("Anna", SENTENCE * 3),))
    story = "\n\n".join([SENTENCE * 3] * 60) + "\n\n"
    story = story[: int(budget.story_tokens * CPT) - 200]
    for cut in range(0, 1_500, 150):
        before = story[: len(story) - cut] + " Then Anna came."
        without, with_anna = (
            _assemble(each, steering, budget).prompt for each in (before, f"{before}\n")
        )
        assert len(with_anna) > 10_000
        common = _in_common(without, with_anna)
        assert len(with_anna) - common <= 0.25 * len(with_anna)


@given(st.integers(0, 10**7), st.integers(1, 10**5))
def test_the_window_reaches_far_enough_and_not_much_farther(position: int, reach: int) -> None:
    start = grid_start(position, reach)
    assert start == 0 or reach <= position - start < 2 * reach


@given(st.integers(0, 10**6), st.integers(1, 10**4))
def test_typing_on_moves_the_window_rarely(position: int, reach: int) -> None:
    starts = {grid_start(position + typed, reach) for typed in range(0, reach, max(1, reach // 50))}
    assert len(starts) <= 2


@given(st.integers(0, 10**6), st.integers(1, 10**4), st.integers(1, 10**4))
def test_a_window_may_move_in_other_steps_than_its_size(
    position: int, reach: int, step: int
) -> None:
    start = grid_start(position, reach, step)
    assert start == 0 or (reach <= position - start < reach + step and start % step == 0)


def test_the_window_begins_with_a_paragraph() -> None:
    assert from_paragraph("rest of one.\n\nTwo.\n\nThree, which is longer", 20) == (
        "Two.\n\nThree, which is longer"
    )


def test_the_window_never_begins_inside_a_word() -> None:
    assert from_paragraph("rds and more words without an end", 20).startswith("and")


def test_the_beginning_of_the_text_is_kept_whole() -> None:
    assert _assemble("One.\nTwo.").prompt == "One.\nTwo."


@given(st.text(max_size=200), st.integers(0, 200))
@example("没有句号的长句子", 3)
def test_what_is_cut_fits_and_is_the_beginning(text: str, limit: int) -> None:
    cut = cut_at_sentence(text, limit)
    assert len(cut) <= limit or cut == text
    assert text.startswith(cut)


@pytest.mark.parametrize("run", [".", "\n", " ", ". ", "。", "a"])
def test_a_very_long_memory_of_anything_is_cut_at_once(run: str) -> None:
    memory = run * 200_000
    assert memory.startswith(cut_at_sentence(memory, 150_000))


# -- tokens --------------------------------------------------------------------------------------


def test_the_rate_is_guessed_by_script_and_then_learned() -> None:
    rate = TokenRate()
    assert rate.chars_per_token("The lamp was lit.") == 4
    assert rate.chars_per_token("Ein schöner Tag am Meer, sagte er zu ihr.") == 4
    assert rate.chars_per_token("он ушёл домой") == 2
    assert rate.chars_per_token("昨天李雷走了") == 1
    rate.learn("x" * 1_500, 300)
    assert rate.chars_per_token("昨天李雷走了") == 5
    rate.forget()
    assert rate.chars_per_token("") == 4


def test_a_small_difference_does_not_change_the_rate() -> None:
    rate = TokenRate()
    rate.learn("x" * 1_100, 250)
    assert rate.chars_per_token("x") == 4
    rate.learn("x" * 10, 10)
    assert rate.chars_per_token("x") == 4
    rate.learn("x" * 600, 300)
    assert rate.chars_per_token("x") == 2


@pytest.mark.parametrize("n_ctx", [512, 2_048, 4_096, 32_768])
@pytest.mark.parametrize("chars", [200, 3_000, 200_000])
@pytest.mark.parametrize("rate", [1.0, 4.0])
def test_all_that_is_planned_fits_into_the_context_window(
    n_ctx: int, chars: int, rate: float
) -> None:
    settings = Settings(context_chars=chars, draft_tokens=150)
    budget = Budget.of(settings, n_ctx=n_ctx, chars_per_token=rate)
    sizes = (budget.story_tokens, budget.memory_tokens, budget.note_tokens, budget.lore_tokens)
    assert min(sizes) > 0
    assert sum(sizes) + settings.draft_tokens <= n_ctx


def test_the_window_over_the_story_is_as_the_setting_says_where_there_is_room() -> None:
    budget = Budget.of(Settings(), n_ctx=4_096, chars_per_token=4.0)
    assert budget.reach_chars(4.0) == Settings().context_chars


def test_a_token_counts_for_the_part_in_which_it_begins() -> None:
    parts = (
        Part(Source.MEMORY, "A lighthouse.\n\n"),
        Part(Source.NOTE, ""),
        Part(Source.STORY, "Zoë was 🙂 "),
    )
    starts = (0, 0, 1, 12, 15, 18, 22, 23, 24)
    assert tokens_of_parts(parts, starts) == [4, 0, 5]
    assert tokens_of_parts((), (0,)) == []
