"""A transcript that has everything in it, and one that has nothing."""

from parakeet_cli.transcript import Gap, Partial, Segment, Silence, Token, Transcript, Word

__all__ = ["EMPTY", "TALK"]


def _word(text: str, start: float, end: float, *tokens: tuple[str, float]) -> Word:
    made = tuple(Token(piece, start, end, logprob) for piece, logprob in tokens)
    return Word(text, start, end, 0.9, tokens=made)


TALK = Transcript(
    segments=(
        Segment(
            (
                _word("Hellé", 0.08, 0.4, (" He", -0.25), ("llé", -0.75)),
                _word("世界.", 0.5, 0.96, (" 世界", -0.5), (".", -0.5)),
            )
        ),
        Segment((_word("A<b>", 59.9996, 60.5, (" A<b>", -1.0)), _word("-->", 60.5, 60.58, (" -->", -2.0)))),
    ),
    duration=60.52,
    language="en",
    model="beeps",
    gaps=(Gap(10.0, 20.0, "music"),),
    skipped=(Silence(30.0, 50.0),),
    partial=Partial(60.52, 90.0, 2),
)

EMPTY = Transcript((), 5.0, "en", "beeps")
