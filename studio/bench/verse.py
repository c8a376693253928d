"""Lines asked for with a rhyme and a length: how often they have both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from studio.bench import Row, Wanted
from studio.engine import Engine, LoadOptions
from studio.library import DefaultModel
from studio.library.pronunciation import read_cmudict
from studio.writing.sounds import Rhyme, Sounds
from studio.writing.verse import last_word, syllables
from studio.writing.verse_line import SYLLABLES_OFF, Candidate, LineSearch, LineWanted

_MET = "rhyme and metre: lines asked for that have both"
_FIRST = "rhyme and metre: first unfiltered samples that have both"
_RATIO = "rhyme and metre: asked for / first unfiltered sample"
_FALSE = "rhyme and metre: claimed and not met"
ROWS = [
    Row(_MET, "%", None, "higher"),
    Row(_FIRST, "%"),
    Row(_RATIO, "x", 5.0, "higher"),
    Row(_FALSE, "lines", 0.0),
]

STANZAS = """\
The harbour lights go out tonight
The boats are coming home
I leave the kitchen window wide
And wait here on my own

The rain came down on Market Street
And washed the chalk away
We wrote our names upon the wall
And there we meant to stay

Oh carry me over the river at last
Where nobody knows my name
I'll trade you a crown for a candle's light
And never come back the same

My mother kept a silver spoon
Inside a wooden drawer
She polished it each afternoon
And kept it for the poor

There's a train that leaves at seven
There's a ticket in my coat
There's a picture of the river
And the words I never wrote

Hang your hat beside the door
Let the kettle start to sing
Tell me what the road was for
Tell me what the morning brings

The baker's boy had flour for hair
And whistled through his teeth
He kept a sparrow on the stair
And crumbs for it beneath

I saw you dancing in the dark
With someone else's shoes
The band was playing in the park
The only song they knew

Winter came early to the town
And shut the garden gate
The apple tree let its apples down
The swallows left too late

Sing me a song of the open sea
Of the gulls and the salt and the foam
Of a girl with a lamp who is waiting for me
At the end of the long road home

He built a house of driftwood boards
Above the falling tide
The wind came in through all its doors
And slept there by his side

Turn the radio down low
There's a storm across the hill
All the people that we know
Are asleep or sitting still

The king went out to count his sheep
And found that there were ten
He lay down in the grass to sleep
And counted them again

Your letters came in yellow ink
They smelled of smoke and rain
I read them leaning on the sink
And read them all again

The city never says good night
It only dims the glow
And strangers underneath the light
Go where the strangers go

We were young and we were fast
We were fire in the street
Nothing made was made to last
But the drum beneath our feet

An owl sat on the chapel wall
And asked the moon for bread
The moon said nothing much at all
But gave him light instead

I dug a garden in the sand
I watered it with tears
And nothing grew upon that land
For seven empty years

Call me when the snow is deep
Call me when you're cold
I have promises to keep
And stories left untold

The fiddler played a crooked tune
That nobody could dance
The miller's daughter and the moon
Looked on as in a trance
"""
"""Written for this. Of each stanza five lines are asked for."""

_ASKED = ((1, 0), (2, 0), (2, 1), (3, 1), (3, 2))
"""(lines that stand there already, the one to rhyme with)."""


@dataclass(frozen=True)
class Asked:
    """One line that was asked for, and what came."""

    wanted: LineWanted
    best: Candidate | None
    first_sample: str


def measure(wanted: Wanted) -> Iterator[tuple[str, float | None]]:
    """Yield the wanted rows: 100 lines asked for, or 10 of them."""
    if wanted.rows.isdisjoint(row.name for row in ROWS):
        return
    from studio.engine.llama import LlamaEngine

    sounds = Sounds(read_cmudict())
    wishes = all_wanted(sounds)[:: 10 if wanted.quick else 1]
    with closing(LlamaEngine(LoadOptions(DefaultModel.declared().find()))) as engine:
        asked = [ask(engine, wish, sounds, seed) for seed, wish in enumerate(wishes)]
    met = sum(has_both(_line(each), each.wanted, sounds) for each in asked)
    first = sum(has_both(each.first_sample, each.wanted, sounds) for each in asked)
    claimed = [each for each in asked if each.best and each.best.meets]
    values: dict[str, float | None] = {
        _MET: 100 * met / len(asked),
        _FIRST: 100 * first / len(asked),
        # With no first sample that has both, as if half of one had.
        _RATIO: met / max(first, 0.5),
        _FALSE: sum(not has_both(_line(each), each.wanted, sounds) for each in claimed),
    }
    for name, value in values.items():
        if name in wanted.rows:
            yield name, value


def all_wanted(sounds: Sounds) -> list[LineWanted]:
    """All lines that are asked for, each with the length and metre of the one to rhyme with."""
    found = []
    for stanza in STANZAS.strip().split("\n\n"):
        lines = stanza.split("\n")
        for n, rhyme_with in _ASKED:
            like = lines[rhyme_with]
            before = "".join(f"{line}\n" for line in lines[:n])
            found.append(LineWanted(before, last_word(like), syllables(like, sounds), like))
    return found


def ask(engine: Engine, wanted: LineWanted, sounds: Sounds, seed: int) -> Asked:
    """Ask for a line and wait for it."""
    search = LineSearch(wanted, sounds, seed=1000 * seed)
    while search.request:
        for event in engine.stream(search.request):
            if event is not None:
                search.hear(event)
        search.go_on()
    best = search.candidates[0] if search.candidates else None
    return Asked(wanted, best, search.first_sample or "")


def has_both(line: str, wanted: LineWanted, sounds: Sounds) -> bool:
    """Whether a line has the rhyme and the length, measured apart from the search."""
    rhyme = sounds.rhyme(last_word(line), wanted.rhyme_with)
    off = abs(syllables(line, sounds) - wanted.syllables)
    return rhyme is Rhyme.PERFECT and off <= SYLLABLES_OFF


def _line(asked: Asked) -> str:
    return asked.best.text if asked.best else ""
