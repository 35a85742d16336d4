"""What the Transcriber is given, and what it tells while it works."""

from dataclasses import dataclass

from parakeet_cli.errors import InputError
from parakeet_cli.transcript import Transcript, Word
from parakeet_cli.transcription.media.inputs import Media
from parakeet_cli.transcription.media.probe import Probed

__all__ = ["Event", "Failed", "Finished", "Progress", "Recording", "Started"]


@dataclass(frozen=True, slots=True)
class Recording:
    """One audio track to transcribe, or an excerpt of it. ``number`` names it in events.

    ``track``, ``start`` and ``end`` (seconds) override the settings' where they are not None. ``probed``, if it is of
    the same file, spares a start of ffmpeg.
    """

    number: int
    media: Media
    track: int | str | None = None
    start: float | None = None
    end: float | None = None
    probed: Probed | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The media is open. ``duration``: the seconds that will be decoded, as far as the container tells.

    ``tracks`` and ``track`` are None where a server has opened it, which does not say.
    """

    recording: int
    duration: float | None
    tracks: int | None
    track: int | None
    """1-based."""
    resumed_at: float = 0.0
    """Seconds that an earlier run has recognized."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Everything up to ``seconds`` of the recording is recognized.

    ``words`` are settled since the last of these: joined by spaces, all of them begin the final text, and with the last
    one, just before ``Finished``, are it. An end may still be cut where the recording ends before it.
    """

    recording: int
    seconds: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """``recognition_seconds`` is this recording's share of the time spent in the recognizer."""

    recording: int
    transcript: Transcript
    recognition_seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """This recording has no transcript; the others go on."""

    recording: int
    error: InputError


Event = Started | Progress | Finished | Failed
