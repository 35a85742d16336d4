"""The Transcriber: media in, transcripts out. Both doors use this and nothing below it."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial

from parakeet_cli.errors import InputError, RecognitionFailed
from parakeet_cli.settings import SAMPLE_RATE, DecodingSettings, TranscriptionSettings, Vad
from parakeet_cli.transcript import Partial, Silence, Token, Transcript
from parakeet_cli.transcription.activity import EnergyDetector, SileroDetector
from parakeet_cli.transcription.ahead import Ahead
from parakeet_cli.transcription.batching import Batch, Batcher
from parakeet_cli.transcription.chunking import Chunk, split
from parakeet_cli.transcription.coverage import Coverage
from parakeet_cli.transcription.events import Event, Failed, Finished, Progress, Recording, Started
from parakeet_cli.transcription.levelling import level
from parakeet_cli.transcription.media.audio import choose_track, decode, open_media, probe
from parakeet_cli.transcription.recognition import Recognition, Track
from parakeet_cli.transcription.recognizer import Recognizer
from parakeet_cli.transcription.savepoints import Savepoint, Savepoints
from parakeet_cli.transcription.segmentation import to_segments, to_words
from parakeet_cli.transcription.stretches import Skipped, divide

__all__ = ["Event", "Failed", "Finished", "OnDownload", "Progress", "Recording", "Started", "Transcriber"]


_SECONDS_AHEAD = 1200.0
"""Sound that may lie decoded before the batcher takes it; 77 MB."""

_LONG_SECONDS = 600.0
"""A recording that lasts longer gets savepoints."""

OnDownload = Callable[[int, int, int | None], None]


@dataclass(frozen=True, slots=True)
class _Decoded:
    """Follows the last chunk of a recording."""

    recording: int
    start: float
    seconds: float
    partial: Partial | None


@dataclass(frozen=True, slots=True)
class _Silence:
    """Between two chunks of a recording."""

    recording: int
    skipped: Skipped


@dataclass(slots=True)
class _Run(Track):
    """What is known of a recording while its chunks pass by."""

    skipped: list[Skipped] = field(default_factory=list)
    recognition_seconds: float = 0.0
    decoded: _Decoded | None = None
    is_long: bool = False
    saved_tokens: int = 0
    """Of the tokens, so many stand in the last savepoint and stay."""


class _Runs(dict[int, _Run]):
    """The recordings under way, by number, and the numbers of those that ``failed``."""

    def __init__(self) -> None:
        super().__init__()
        self.failed: set[int] = set()
        """Read by the decoding thread."""

    def fail(self, number: int) -> None:
        self.failed.add(number)
        self.pop(number, None)


class Transcriber:
    """Turns recordings into transcripts with one recognizer, batching their chunks together."""

    def __init__(
        self,
        recognizer: Recognizer,
        settings: TranscriptionSettings,
        on_download: OnDownload | None = None,
        savepoints: Savepoints | None = None,
    ) -> None:
        """``on_download`` is told, from another thread, a recording's number, the bytes received, and of how many.

        With ``savepoints`` a recording of over ten minutes goes on where an earlier run of it stood.
        """
        self._savepoints = savepoints
        self._recognizer = recognizer
        self._on_download = on_download
        self._settings = settings
        window = settings.chunks.chunk_seconds + 2 * settings.chunks.context_seconds
        self._batch_size = settings.batch.batch_size or recognizer.chunks_a_batch(window)
        self._recognition = Recognition(recognizer, self._batch_size)
        self._chunks_ahead = max(1, min(2 * self._batch_size, int(_SECONDS_AHEAD / window)))

    def transcribe(self, recordings: Iterable[Recording]) -> Iterator[Event]:
        """Yield what happens, in order for each recording; several are under way at one time.

        Decoding the media runs ahead in a thread of its own. An ``InputError`` becomes ``Failed``, once a
        recording; an ``EngineError`` is raised.
        """
        runs = _Runs()
        batcher = Batcher(self._batch_size)
        with closing(Ahead(self._decode(recordings, runs.failed), self._chunks_ahead)) as decoded:
            for item in decoded:
                match item:
                    case Started():
                        run = runs[item.recording] = self._begin(item)
                        yield replace(item, resumed_at=run.position / SAMPLE_RATE)
                    case Failed() if item.recording not in runs.failed:
                        batcher.drop(item.recording)
                        runs.fail(item.recording)
                        yield item
                    case _Silence() if item.recording in runs:
                        runs[item.recording].skipped.append(item.skipped)
                    case Chunk() if item.recording in runs and item.span.owned_until <= runs[item.recording].position:
                        runs[item.recording].coverage.replay(item)
                    case Chunk() if item.recording in runs:
                        yield from self._recognize(batcher.add(item), runs)
                    case _Decoded() if item.recording in runs:
                        runs[item.recording].decoded = item
                        yield from self._recognize(batcher.end(item.recording), runs)
            yield from self._recognize(batcher.flush(), runs)

    def _begin(self, started: Started) -> _Run:
        run = _Run(Coverage(self._settings.coverage), is_long=(started.duration or 0.0) > _LONG_SECONDS)
        if self._savepoints and (savepoint := self._savepoints.load(started.recording)):
            run.coverage.restore(savepoint)
            run.state = self._recognizer.unpack(savepoint.state)
            run.position = savepoint.position
            run.recognition_seconds = savepoint.recognition_seconds
            run.saved_tokens = run.coverage.settled_tokens
        return run

    def _save(self, number: int, run: _Run) -> None:
        if self._savepoints is None or not (run.is_long or run.position > _LONG_SECONDS * SAMPLE_RATE):
            return
        coverage = run.coverage
        savepoint = Savepoint(
            run.position,
            coverage.settled_until,
            run.saved_tokens,
            tuple(coverage.tokens[run.saved_tokens :]),
            tuple(coverage.gaps),
            coverage.heard_seconds,
            coverage.spent_seconds,
            run.recognition_seconds,
            self._recognizer.pack(run.state),
        )
        self._savepoints.save(number, savepoint)
        run.saved_tokens = coverage.settled_tokens

    def _decode(
        self, recordings: Iterable[Recording], failed: Set[int]
    ) -> Iterator[Started | Chunk | _Silence | _Decoded | Failed]:
        """The chunks of one recording after the other, between ``Started`` and ``_Decoded`` or ``Failed``.

        ``failed`` fills up meanwhile; the rest of a recording in it is left out.
        """
        for recording in recordings:
            try:
                with closing(self._decode_one(recording)) as items:
                    for item in items:
                        if recording.number in failed:
                            break
                        yield item
            except InputError as error:
                yield Failed(recording.number, error)

    def _decode_one(self, recording: Recording) -> Generator[Started | Chunk | _Silence | _Decoded, None, None]:
        settings = _decoding_of(recording, self._settings.decoding)
        with open_media(recording.media, self._download_watcher(recording.number)) as file:
            info = probe(file)
            track = choose_track(info, settings.track)
            decoding = decode(file, info, track, settings)
            yield Started(recording.number, decoding.expected_seconds, len(info.tracks), track.index + 1)
            heard = level(EnergyDetector().listen(decoding))
            if self._settings.activity.vad is Vad.SILERO:
                heard = SileroDetector().judge(heard)  # after the levelling: very quiet speech is none to it
            frame = self._recognizer.frame_samples
            sounds = divide(heard, self._settings.activity, frame)
            for item in split(sounds, recording.number, self._settings.chunks, frame):
                yield _Silence(recording.number, item) if isinstance(item, Skipped) else item
            yield _Decoded(recording.number, settings.start, decoding.seconds, decoding.partial)

    def _download_watcher(self, number: int) -> Callable[[int, int | None], None] | None:
        return partial(self._on_download, number) if self._on_download else None

    def _recognize(self, batches: Iterable[Batch], runs: _Runs) -> Iterator[Event]:
        for batch in batches:
            yield from self._recognize_batch(batch.chunks, runs)
            for number in batch.ended:
                if run := runs.pop(number, None):
                    yield from self._finish(number, run)

    def _recognize_batch(self, chunks: Sequence[Chunk], runs: _Runs) -> Iterator[Event]:
        chunks = [chunk for chunk in chunks if chunk.recording in runs]
        if not chunks:
            return
        started = time.monotonic()
        try:
            self._recognition.recognize(chunks, runs)
        except RecognitionFailed as error:
            if len(chunks) > 1:
                for chunk in chunks:
                    yield from self._recognize_batch([chunk], runs)
                return
            runs.fail(chunks[0].recording)
            yield Failed(chunks[0].recording, error)
            return
        seconds = (time.monotonic() - started) / sum(len(chunk.samples) for chunk in chunks)
        for chunk in chunks:
            runs[chunk.recording].recognition_seconds += seconds * len(chunk.samples)
        heard = {chunk.recording: chunk.span.owned_until / SAMPLE_RATE for chunk in chunks}
        for number, position in heard.items():
            self._save(number, runs[number])
            yield Progress(number, position)

    def _finish(self, number: int, run: _Run) -> Iterator[Progress | Finished]:
        assert run.decoded is not None, "a recording ends only after its last chunk was decoded"
        offset = run.decoded.start
        words = to_words(_placed(run.coverage.tokens, run.decoded.seconds, offset))
        transcript = Transcript(
            segments=tuple(to_segments(words, self._settings.segments)),
            duration=run.decoded.seconds,
            language=self._recognizer.language,
            model=self._recognizer.model,
            gaps=tuple(replace(gap, start=gap.start + offset, end=gap.end + offset) for gap in run.coverage.gaps),
            skipped=tuple(
                Silence(offset + silence.start / SAMPLE_RATE, offset + silence.end / SAMPLE_RATE)
                for silence in run.skipped
            ),
            partial=run.decoded.partial,
        )
        yield Progress(number, run.decoded.seconds)
        yield Finished(number, transcript, run.recognition_seconds)


def _decoding_of(recording: Recording, settings: DecodingSettings) -> DecodingSettings:
    return replace(
        settings,
        track=settings.track if recording.track is None else recording.track,
        start=settings.start if recording.start is None else recording.start,
        end=settings.end if recording.end is None else recording.end,
    )


def _placed(tokens: Iterable[Token], seconds: float, offset: float) -> Iterator[Token]:
    """Move tokens to where the excerpt starts; a predicted duration may reach past its end, and is cut there."""
    for token in tokens:
        yield replace(token, start=min(token.start, seconds) + offset, end=min(token.end, seconds) + offset)
