from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from studio.engine.output import Output, Phrases, Verdict


def pieces_of(text: str, sizes: list[int]) -> list[bytes]:
    """The bytes of a text in pieces, characters broken in the middle or not."""
    data, pieces = text.encode(), []
    for size in sizes:
        if not data:
            break
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data] if data else pieces


SIZES = st.lists(st.integers(1, 6), max_size=40)
TEXT = st.text(st.sampled_from("abcAB é🙂\n"), max_size=40)
PHRASES = st.lists(st.text(st.sampled_from("abAB é"), min_size=1, max_size=4), max_size=3)


@given(TEXT, SIZES)
def test_without_phrases_everything_is_told_once(text: str, sizes: list[int]) -> None:
    output: Output[bytes] = Output(Phrases.of((), ()))
    told, tokens = "", []
    for piece in pieces_of(text, sizes):
        part, done, verdict = output.add(piece, piece)
        assert verdict is Verdict.FINE
        told += part
        tokens += done
    part, done = output.rest()
    assert told + part == text
    assert b"".join(tokens + done) == text.encode()


@given(TEXT, SIZES, PHRASES)
def test_text_ends_before_the_first_stop(text: str, sizes: list[int], stops: list[str]) -> None:
    output: Output[bytes] = Output(Phrases.of(tuple(stops), ()))
    told = ""
    for piece in pieces_of(text, sizes):
        part, _, verdict = output.add(piece, piece)
        told += part
        if verdict is Verdict.STOP:
            break
    else:
        told += output.rest()[0]
    places = [at for stop in stops if (at := text.find(stop)) >= 0]
    if places:
        assert text.startswith(told)
        assert not any(stop in told for stop in stops)
    else:
        assert told == text


@given(TEXT, SIZES, PHRASES)
def test_what_is_taken_back_was_never_told(text: str, sizes: list[int], banned: list[str]) -> None:
    """Every banned phrase is answered with taking back and a full stop in its place."""
    output: Output[bytes] = Output(Phrases.of((), tuple(banned)))
    told, kept = "", b""
    for piece in pieces_of(text, sizes):
        part, done, verdict = output.add(piece, piece)
        while verdict is Verdict.BANNED:
            undone = output.take_back()
            assert undone
            assert b"".join(undone).endswith(piece)
            part, done, verdict = output.add(b".", b".")
            assert verdict is not Verdict.BANNED
        told += part
        kept += b"".join(done)
    part, done = output.rest()
    told += part
    assert not any(phrase.lower() in told.lower() for phrase in banned)
    assert (kept + b"".join(done)).decode("utf-8", "ignore") == told


def test_a_lone_byte_between_two_words_is_not_told() -> None:
    """A model may write a byte that makes no sense; the writer should not have to see it."""
    output: Output[bytes] = Output(Phrases.of((), ()))
    assert [output.add(piece, piece)[0] for piece in (b"The", b"\x90", b" sea")] == [
        "The",
        "",
        " sea",
    ]
