"""Float seconds become integer milliseconds here, once; all written times come from these."""

__all__ = ["clock", "milliseconds", "rounded"]


def milliseconds(seconds: float) -> int:
    """The nearest whole millisecond; order is kept. Times before the start of the media become zero."""
    return max(0, round(seconds * 1000))


def rounded(seconds: float) -> float:
    """Seconds to the millisecond, the same one that subtitles show; at most 0.5 ms away."""
    return milliseconds(seconds) / 1000


def clock(time: int, point: str) -> str:
    """``HH:MM:SS`` and three digits after ``point``, of a time in milliseconds; hours go past 24."""
    seconds, thousandths = divmod(time, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{thousandths:03}"
