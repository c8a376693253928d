"""From a writer's files to texts to tune on: read, cleaned, and divided into what is learned from
and what is held out. No tokens, no model.

`prepare` does all of it, `preview` says what a writer should see before training.
"""

from __future__ import annotations

from studio.tuning.texts.cautions import Caution, CautionKind
from studio.tuning.texts.finding import READABLE, find_texts
from studio.tuning.texts.kinds import Cleaning, Kind, Removed
from studio.tuning.texts.preparing import Figures, Prepared, Progress, Source, prepare, preview
from studio.tuning.texts.reading import read_work
from studio.tuning.texts.splitting import ChapterUse, Split, Use, hold_out
from studio.tuning.texts.weighing import MAX_PASSES, passes
from studio.tuning.texts.works import SCENE_BREAK, Chapter, TextsError, Work

__all__ = [
    "MAX_PASSES",
    "READABLE",
    "SCENE_BREAK",
    "Caution",
    "CautionKind",
    "Chapter",
    "ChapterUse",
    "Cleaning",
    "Figures",
    "Kind",
    "Prepared",
    "Progress",
    "Removed",
    "Source",
    "Split",
    "TextsError",
    "Use",
    "Work",
    "find_texts",
    "hold_out",
    "passes",
    "prepare",
    "preview",
    "read_work",
]
