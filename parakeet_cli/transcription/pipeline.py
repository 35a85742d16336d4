"""The Transcriber: media in, transcripts out. Both doors use this and nothing below it."""

import math
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial

from parakeet_cli.errors import RecognitionFailed
from parakeet_cli.processors import processors
from parakeet_cli.settings import SAMPLE_RATE, TranscriptionSettings
from parakeet_cli.transcript import Silence as Skipped
from parakeet_cli.transcript import Token, Transcript, Word
from parakeet_cli.transcription.batching import Batch, Batcher
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.coverage import Coverage
from parakeet_cli.transcription.encoding import Encoding, Timed, goes_aside, timed
from parakeet_cli.transcription.events import Event, Failed, Finished, Progress, Recording, Started
from parakeet_cli.transcription.feeding import Feed, GivenUp, Idle
from parakeet_cli.transcription.listening import Decoded, Listened, Listener, OnDownload, Opened, Silence
from parakeet_cli.transcription.recognition import Recognition, Track
from parakeet_cli.transcription.recognizer import Recognizer
from parakeet_cli.transcription.savepoints import Savepoint, Savepoints
from parakeet_cli.transcription.segmentation import Words, to_segments, to_words

__all__ = ["Event", "Failed", "Finished", "OnDownload", "Progress", "Recording", "Started", "Transcriber"]


_SECONDS_AHEAD = 1200.0
"""Sound that may lie decoded before the batcher takes it; 77 MB."""

_MOST_DECODERS = 8
"""Unless somebody asks for more."""

_LONG_SECONDS = 600.0
"""A recording that lasts longer gets savepoints."""


@dataclass(slots=True)
class _Run(Track):
    """What is known of a recording while its chunks pass by."""

    offset: float = 0.0
    """Seconds of the media before it."""
    skipped: list[Skipped] = field(default_factory=list)
    recognition_seconds: float = 0.0
    decoded: Decoded | None = None
    is_long: bool = False
    saved_tokens: int = 0
    """Of the tokens, so many stand in the last savepoint and stay."""
    words: Words = field(default_factory=Words)
    """Made of the first ``worded_tokens`` tokens; the first ``told_words`` of them are told."""
    worded_tokens: int = 0
    told_words: int = 0

    def new_words(self) -> tuple[Word, ...]:
        """Those that have been settled since the last call."""
        settled = self.coverage.settled_tokens
        tokens = self.coverage.tokens[self.worded_tokens : settled]
        self.worded_tokens = settled
        words = [word for token in _placed(tokens, math.inf, self.offset) for word in self.words.add(token)]
        self.told_words += len(words)
        return tuple(words)


class _Runs(dict[int, _Run]):
    """The recordings under way, by number."""

    def __init__(self, feed: Feed[Listened], encoding: Encoding, cancelled: Container[int]) -> None:
        super().__init__()
        self.encoding = encoding
        self._feed = feed
        self._cancelled = cancelled
        """Fills up meanwhile."""

    def wants(self, number: int) -> bool:
        return number in self and number not in self._cancelled

    def fail(self, number: int) -> None:
        self._feed.drop(number)
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
        self._settings = settings
        self._listener = Listener(settings, recognizer.frame_samples, on_download)
        window = settings.chunks.chunk_seconds + 2 * settings.chunks.context_seconds
        self.batch_size = settings.batch.batch_size or recognizer.chunks_a_batch(window)
        """Chunks that are encoded together at most."""
        self._recognition = Recognition(recognizer, self.batch_size)
        # One for all that is transcribed: CUDA's libraries plan their work anew in each thread.
        aside = goes_aside(recognizer.encodes_aside, settings.batch.recordings_at_once)
        self._encoder = ThreadPoolExecutor(1, "encoding") if aside else None
        self._chunks_ahead = max(1, min(2 * self.batch_size, int(_SECONDS_AHEAD / window)))
        self._was_done = 0.0
        """When the last batch was recognized."""
        self._cancelled: set[int] = set()
        self._feed: Feed[Listened] | None = None

    def transcribe(self, recordings: Iterable[Recording]) -> Iterator[Event]:
        """Yield what happens, in order for each recording; several are under way at one time.

        Each recording is decoded in a thread of its own; ``recordings`` is drawn from in another one, and may block.
        An ``InputError`` becomes ``Failed``, once a recording; an ``EngineError`` is raised. Closing the iterator ends
        all of it. One at a time.
        """
        batch = self._settings.batch
        at_once = batch.recordings_at_once
        batcher = Batcher(self.batch_size, in_turn=at_once > 1, patience_seconds=batch.patience_seconds)
        feed = Feed(
            recordings,
            self._listener.listen,
            at_once=at_once,
            decoders=min(batch.decoders or min(processors(), _MOST_DECODERS), self._chunks_ahead),
            ahead=self._chunks_ahead,
            unwanted=self._cancelled,
        )
        encoding = Encoding(self._recognition.encode, self._encoder)
        runs = _Runs(feed, encoding, self._cancelled)
        self._feed = feed
        try:
            with closing(encoding), closing(feed):
                for item in feed.items(partial(encoding.patience, batcher.patience)):
                    yield from self._take(item, batcher, runs)
                yield from self._recognize(batcher.flush(), runs)
                while encoding.has_begun:
                    yield from self._complete(runs)
        finally:
            self._feed = None
            self._cancelled.clear()

    def cancel(self, number: int) -> None:
        """Give up a recording, from any thread, before or after it is drawn: at most events under way still come.

        Returns at once; its decoding ends at once, its part in a batch with the batch.
        """
        self._cancelled.add(number)
        if (feed := self._feed) is not None:
            feed.give_up(number)

    def _take(self, item: Listened | GivenUp | Idle, batcher: Batcher, runs: _Runs) -> Iterator[Event]:
        match item:
            case Idle() if runs.encoding.has_begun:
                while runs.encoding.is_ready:
                    yield from self._complete(runs)
            case Idle():
                yield from self._recognize(batcher.overdue(), runs)
            case GivenUp(recording=number, was_drawn=was_drawn):
                batcher.drop(number)
                if runs.pop(number, None) or was_drawn:
                    self._cancelled.discard(number)  # else it is still to come, or was over
            case Opened(recording=number):
                run = runs[number] = self._begin(item)
                yield replace(item.started, resumed_at=run.position / SAMPLE_RATE)
                if run.position:
                    yield Progress(number, run.position / SAMPLE_RATE, run.new_words())
            case Failed(recording=number):
                batcher.drop(number)
                runs.fail(number)
                yield item
            case Silence(recording=number, skipped=skipped) if number in runs:
                place = runs[number].offset
                runs[number].skipped.append(
                    Skipped(place + skipped.start / SAMPLE_RATE, place + skipped.end / SAMPLE_RATE)
                )
            case Chunk(recording=number) if number in runs and item.span.owned_until <= runs[number].position:
                runs[number].coverage.replay(item)
            case Chunk(recording=number) if number in runs:
                yield from self._recognize(batcher.add(item), runs)
            case Decoded(recording=number) if number in runs:
                runs[number].decoded = item
                yield from self._recognize(batcher.end(number), runs)

    def _begin(self, opened: Opened) -> _Run:
        is_long = (opened.started.duration or 0.0) > _LONG_SECONDS
        run = _Run(Coverage(self._settings.coverage), offset=opened.offset, is_long=is_long)
        if self._savepoints and (savepoint := self._savepoints.load(opened.recording)):
            try:
                run.state = self._recognizer.unpack(savepoint.state)
            except ValueError:  # another engine was under way: from the start, then
                return run
            run.coverage.restore(savepoint)
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

    def _recognize(self, batches: Iterable[Batch], runs: _Runs) -> Iterator[Event]:
        for batch in batches:
            wanted = tuple(chunk for chunk in batch.chunks if runs.wants(chunk.recording))
            runs.encoding.begin(replace(batch, chunks=wanted))
            while runs.encoding.is_full:
                yield from self._complete(runs)

    def _complete(self, runs: _Runs) -> Iterator[Event]:
        """The oldest batch that was begun."""
        batch, encoded = runs.encoding.take()
        yield from self._recognize_batch(batch.chunks, encoded, runs)
        for number in batch.ended:
            if runs.wants(number):
                yield from self._finish(number, runs.pop(number))

    def _recognize_batch(self, chunks: Sequence[Chunk], encode: Callable[[], Timed], runs: _Runs) -> Iterator[Event]:
        if not any(runs.wants(chunk.recording) for chunk in chunks):
            return
        taken = time.monotonic()
        try:
            made = encode()
            pairs = zip(chunks, made.encoded, strict=True)
            wanted = [(chunk, frames) for chunk, frames in pairs if runs.wants(chunk.recording)]
            if not wanted:
                return
            chunks = [chunk for chunk, _ in wanted]
            self._recognition.recognize(chunks, [frames for _, frames in wanted], runs)
        except RecognitionFailed as error:
            if len(chunks) > 1:
                for chunk in chunks:
                    yield from self._recognize_batch([chunk], partial(timed, self._recognition.encode, [chunk]), runs)
                return
            self._was_done = time.monotonic()
            number = chunks[0].recording
            if runs.wants(number):
                yield Failed(number, error)
            runs.fail(number)
            return
        spent = max(made.ended - max(made.began, self._was_done), 0.0)  # what goes on at one time counts once
        self._was_done = time.monotonic()
        seconds = (spent + self._was_done - max(made.ended, taken)) / sum(len(chunk.samples) for chunk in chunks)
        for chunk in chunks:
            runs[chunk.recording].recognition_seconds += seconds * len(chunk.samples)
        heard = {chunk.recording: chunk.span.owned_until / SAMPLE_RATE for chunk in chunks}
        for number, position in heard.items():
            if runs.wants(number):
                self._save(number, runs[number])
                yield Progress(number, position, runs[number].new_words())

    def _finish(self, number: int, run: _Run) -> Iterator[Progress | Finished]:
        assert run.decoded is not None, "a recording ends only after its last chunk was decoded"
        words = list(to_words(_placed(run.coverage.tokens, run.decoded.seconds, run.offset)))
        transcript = Transcript(
            segments=tuple(to_segments(words, self._settings.segments)),
            duration=run.decoded.seconds,
            language=self._recognizer.language,
            model=self._recognizer.model,
            gaps=tuple(
                replace(gap, start=gap.start + run.offset, end=gap.end + run.offset) for gap in run.coverage.gaps
            ),
            skipped=tuple(run.skipped),
            partial=run.decoded.partial,
        )
        yield Progress(number, run.decoded.seconds, tuple(words[run.told_words :]))
        yield Finished(number, transcript, run.recognition_seconds)


def _placed(tokens: Iterable[Token], seconds: float, offset: float) -> Iterator[Token]:
    """Move tokens to where the excerpt starts; a predicted duration may reach past its end, and is cut there."""
    for token in tokens:
        start, end = min(token.start, seconds) + offset, min(token.end, seconds) + offset
        yield token if (start, end) == (token.start, token.end) else replace(token, start=start, end=end)
