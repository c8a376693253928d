"""Fill in the middle: prompts that show a model the text on both sides of the cursor."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import llama_cpp.llama_cpp as C

from studio.engine.context import metadata
from studio.engine.vocabulary import Vocabulary

# In a checkout the data stands beside the package.
_FAMILIES = Path(__file__).parents[2] / "models" / "infill.toml"


@dataclass(frozen=True)
class Infill:
    """The special tokens of a model that can fill in the middle."""

    prefix: int
    suffix: int
    middle: int
    suffix_first: bool

    @staticmethod
    def of(model: C.llama_model_p, vocabulary: Vocabulary) -> Infill | None:
        """From the file's metadata, else from the table of families; None if neither knows."""
        table = tomllib.loads(_FAMILIES.read_text("utf-8"))
        architecture = metadata(model, "general.architecture")
        first = next((a["first"] for a in table["architecture"] if a["name"] == architecture), "")
        handle = vocabulary.handle
        named = (
            C.llama_vocab_fim_pre(handle),
            C.llama_vocab_fim_suf(handle),
            C.llama_vocab_fim_mid(handle),
        )
        for family in table["family"]:
            prefix, suffix, middle = (
                vocabulary.special(family[which]) for which in ("prefix", "suffix", "middle")
            )
            if prefix is None or suffix is None or middle is None:
                continue
            if named in ((prefix, suffix, middle), (-1, -1, -1)):
                suffix_first = (first or family["first"]) == "suffix"
                return Infill(prefix, suffix, middle, suffix_first)
        if -1 in named:
            return None
        return Infill(*named, suffix_first=first == "suffix")

    def arrange(self, before: list[int], after: list[int]) -> list[int]:
        """The prompt for what stands between two texts, given as tokens."""
        parts = [[self.prefix, *before], [self.suffix, *after]]
        if self.suffix_first:
            parts.reverse()
        return [*parts[0], *parts[1], self.middle]
