"""Plain text: which lines make a paragraph."""

from __future__ import annotations

from studio.tuning.texts.works import Block
from studio.tuning.texts.wrapping import wrap_width

_LONG_LINE_CHARS = 120
"""Lines as long as this were not broken by anybody."""
_MIN_BLOCK_LINES = 5
"""On an average, where blank lines do no more than part scenes."""
_LONG_BLOCK_LINES = 30
_ENDS = tuple('.!?…"”’»')


def read_plain(text: str) -> tuple[list[Block], str]:
    r"""The paragraphs of a plain text, and what stands between them: a blank line or a line end.

    Paragraphs of several lines keep their line ends, and form feeds their places.
    """
    lines = [line.rstrip(" \t\r") for line in text.split("\n")]
    blocks = _between_blanks(lines)
    width = wrap_width(blocks)
    if width is not None:
        blocks = [part for block in blocks for part in _divided(block, width)]
        return [Block("\n".join(block)) for block in blocks], "\n\n"
    if _has_a_line_for_each(blocks):
        return [Block(line) for block in blocks for line in block], "\n"
    return [Block("\n".join(block)) for block in blocks], "\n\n"


def _between_blanks(lines: list[str]) -> list[list[str]]:
    blocks: list[list[str]] = []
    inside = False
    for line in lines:
        if not line.strip():
            inside = False
        elif inside:
            blocks[-1].append(line)
        else:
            blocks.append([line])
            inside = True
    return blocks


def _has_a_line_for_each(blocks: list[list[str]]) -> bool:
    """Whether each line is a paragraph, as text that was saved from word processors has it."""
    lines = [line for block in blocks for line in block]
    n_long = sum(len(line) >= _LONG_LINE_CHARS for line in lines)
    return len(lines) >= _MIN_BLOCK_LINES * len(blocks) and n_long > 0.1 * len(lines)


def _divided(block: list[str], width: int) -> list[list[str]]:
    """Paragraphs that no blank line parts: by their indents, or by short last lines."""
    indented = [i for i, line in enumerate(block) if i and line[:1] in " \t\u3000"]
    if indented and len(indented) < len(block) / 2:
        starts = indented
    elif len(block) > _LONG_BLOCK_LINES:
        starts = [
            i
            for i in range(1, len(block))
            if len(block[i - 1]) < 0.8 * width and block[i - 1].endswith(_ENDS)
        ]
    else:
        return [block]
    return [
        block[start:end]
        for start, end in zip([0, *starts], [*starts, len(block)], strict=True)
        if start < end
    ]
