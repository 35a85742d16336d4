"""One recording through every stage, one after the other and then all together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from parakeet_cli.output.writers import FORMATS
from parakeet_cli.settings import CoverageSettings, TranscriptionSettings
from parakeet_cli.timing.clock import Clock, ClockedRecognizer, Stage
from parakeet_cli.transcript import Token, Transcript
from parakeet_cli.transcription.activity import Samples
from parakeet_cli.transcription.batching import Batcher
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.coverage import Coverage
from parakeet_cli.transcription.listening import to_chunks
from parakeet_cli.transcription.media.audio import choose_track, decode, examine, open_media
from parakeet_cli.transcription.media.inputs import FileMedia
from parakeet_cli.transcription.media.interruption import Interruption
from parakeet_cli.transcription.pipeline import Failed, Finished, Recording, Transcriber
from parakeet_cli.transcription.recognition import Recognition, Track
from parakeet_cli.transcription.segmentation import to_segments, to_words

if TYPE_CHECKING:
    from parakeet_cli.transcription.pytorch.recognizer import TorchRecognizer

__all__ = ["Pass", "check_media", "go_through"]


@dataclass(frozen=True, slots=True)
class Pass:
    """``tokens`` are those of the decoder's stage; ``is_partial``: not all of the media could be decoded."""

    seconds: Mapping[Stage, float]
    audio_seconds: float
    tokens: int
    batch_size: int
    is_partial: bool


def check_media(media: FileMedia, settings: TranscriptionSettings, interruption: Interruption) -> None:
    """Look into it before a model is loaded. Raises ``InputError``, ``EngineError``, and ``Interrupted``."""
    with open_media(media, interruption=interruption) as file:
        choose_track(examine(file).info, settings.decoding.track)


def go_through(
    media: FileMedia, recognizer: "TorchRecognizer", settings: TranscriptionSettings, interruption: Interruption
) -> Pass:
    """Transcribe the media, up to ``settings.decoding.end``. Its sound is held in memory, 4 MB a minute.

    Raises ``InputError`` about the media, ``EngineError``, and ``Interrupted``.
    """
    from parakeet_cli.transcription.pytorch.measuring import synchronize

    clock = Clock(partial(synchronize, recognizer.device))
    with clock.stage(Stage.DECODE):
        blocks = _decode(media, settings, interruption)
    with clock.stage(Stage.ACTIVITY):
        found = list(to_chunks(blocks, 0, settings, recognizer.frame_samples))
    transcriber = Transcriber(recognizer, settings)
    chunks = [item for item in found if isinstance(item, Chunk)]
    tokens = _recognize(chunks, ClockedRecognizer(recognizer, clock), transcriber.batch_size, interruption)
    with clock.stage(Stage.WRITING):
        segments = tuple(to_segments(to_words(tokens), settings.segments))
        FORMATS["srt"].write(Transcript(segments, 0.0, recognizer.language, recognizer.model))
    del blocks, found, chunks
    with clock.stage(Stage.TOTAL):
        transcript = _transcribe(transcriber, media)
        FORMATS["srt"].write(transcript)
    return Pass(clock.seconds, transcript.duration, len(tokens), transcriber.batch_size, transcript.partial is not None)


def _decode(media: FileMedia, settings: TranscriptionSettings, interruption: Interruption) -> list[Samples]:
    with open_media(media, interruption=interruption) as file:
        info = examine(file).info
        return list(decode(file, info, choose_track(info, settings.decoding.track), settings.decoding))


def _recognize(
    chunks: list[Chunk], recognizer: ClockedRecognizer, batch_size: int, interruption: Interruption
) -> list[Token]:
    """Without the audit, whose work depends on what was heard."""
    recognition = Recognition(recognizer, batch_size)
    track = Track(Coverage(CoverageSettings(audit=False)))
    for batch in _batches(chunks, batch_size):
        interruption.check()
        recognition.recognize(batch, recognition.encode(batch), {0: track})
    return track.coverage.tokens


def _batches(chunks: list[Chunk], size: int) -> Iterator[tuple[Chunk, ...]]:
    batcher = Batcher(size)
    for chunk in chunks:
        for batch in batcher.add(chunk):
            yield batch.chunks
    for batch in batcher.flush():
        yield batch.chunks


def _transcribe(transcriber: Transcriber, media: FileMedia) -> Transcript:
    for event in transcriber.transcribe([Recording(0, media)]):
        match event:
            case Failed(error=error):
                raise error
            case Finished(transcript=transcript):
                return transcript
    raise AssertionError("a recording ends with one of these")
