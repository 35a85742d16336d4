"""Named sets of cue rules, from the published guidelines of those who set them."""

from dataclasses import dataclass

__all__ = ["PRESETS", "CueRules"]


@dataclass(frozen=True, slots=True)
class CueRules:
    """What a cue may look like. A rule that cannot hold gives way; the text never does."""

    line_width: int = 42
    """Columns a line; East Asian wide characters take two."""
    lines: int = 2
    """Most lines a cue: 1 or 2."""
    shortest_seconds: float = 1.0
    """A cue lingers this long where there is room."""
    shortest_dense_seconds: float = 5 / 6
    """What is enough where the next cue follows at once."""
    longest_seconds: float = 7.0
    characters_per_second: float = 17.0
    """Reading speed, in columns; soft."""
    gap_seconds: float = 2 / 24
    """Least time between two cues."""
    may_touch: bool = True
    """Whether a cue may also end exactly where the next begins."""
    tail_seconds: float = 0.3
    """How long a cue stays after its last word, where there is room."""


PRESETS: dict[str, CueRules] = {
    "bbc": CueRules(
        line_width=37,
        shortest_seconds=0.7,
        shortest_dense_seconds=0.7,
        characters_per_second=17.0,  # 180 words a minute
        gap_seconds=1 / 25,
        may_touch=False,
    ),
    "default": CueRules(),
    "netflix": CueRules(
        shortest_seconds=5 / 6,
        characters_per_second=20.0,
        may_touch=False,
    ),
    "shorts": CueRules(
        line_width=20,
        lines=1,
        shortest_seconds=0.5,
        shortest_dense_seconds=0.5,
        longest_seconds=3.0,
        characters_per_second=25.0,
        gap_seconds=0.0,
    ),
}
