"""Batches that are encoded while others are decoded."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.errors import EngineFailed, RecognitionFailed
from parakeet_cli.settings import BatchSettings, ChunkSettings, TranscriptionSettings
from parakeet_cli.transcription.batching import Batch
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.encoding import Encoding
from parakeet_cli.transcription.events import Recording
from parakeet_cli.transcription.media.inputs import FileMedia
from parakeet_cli.transcription.pipeline import Failed, Finished, Transcriber
from parakeet_cli.transcription.recognizer import Aside, DecoderState, Frames, Hypothesis, Row
from tests.fakes import BeepRecognizer, beeps, cut, silence, write_wav

SETTINGS = TranscriptionSettings(chunks=ChunkSettings(chunk_seconds=1.6, context_seconds=0.32), batch=BatchSettings(2))


def recording(folder: Path, words: Sequence[str], number: int = 0) -> Recording:
    return Recording(number, FileMedia(write_wav(folder / f"{number}.wav", beeps(words))))


class Noting(BeepRecognizer):
    """Notes who encodes and who decodes."""

    def __init__(self) -> None:
        super().__init__()
        self.encoders: set[int] = set()
        self.decoders: set[int] = set()

    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        self.encoders.add(threading.get_ident())
        return super().encode(chunks, exactly=exactly)

    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        self.decoders.add(threading.get_ident())
        return super().decode(rows)


@pytest.mark.parametrize(
    ("encodes_aside", "at_once", "aside"),
    [
        (Aside.NEVER, 1, False),
        (Aside.ALONE, 1, True),
        (Aside.ALONE, 2, False),
        (Aside.ALWAYS, 1, True),
        (Aside.ALWAYS, 2, True),
    ],
)
def test_where_something_computes_meanwhile_another_thread_encodes(
    encodes_aside: Aside, at_once: int, aside: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Noting, "encodes_aside", encodes_aside)
    recognizer = Noting()
    settings = replace(SETTINGS, batch=replace(SETTINGS.batch, recordings_at_once=at_once))
    words = ["one", "two", "three", "four"] * 8
    events = list(Transcriber(recognizer, settings).transcribe([recording(tmp_path, words)]))
    (transcript,) = [event.transcript for event in events if isinstance(event, Finished)]
    assert transcript.text.split() == words
    assert recognizer.decoders == {threading.get_ident()}
    assert len(recognizer.encoders) == 1
    assert (recognizer.encoders != recognizer.decoders) is aside


def test_the_next_batch_is_encoded_while_the_one_before_is_decoded() -> None:
    is_encoded = [threading.Event() for _ in range(3)]

    def encode(chunks: Sequence[Chunk]) -> list[tuple[Frames, ...]]:
        is_encoded[chunks[0].recording].set()
        return [()]

    encoding = Encoding(encode, ThreadPoolExecutor(1))
    encoding.begin(Batch((chunk(0),), ()))
    encoding.begin(Batch((chunk(1),), ()))
    assert encoding.is_full
    batch, encoded = encoding.take()
    assert (batch.chunks[0].recording, encoded().encoded) == (0, [()])
    assert is_encoded[1].wait(10)  # nobody has asked for it
    assert not is_encoded[2].is_set()
    encoding.close()


@pytest.mark.parametrize("aside", [False, True])
def test_what_encoding_raises_comes_when_the_batch_is_taken(aside: bool) -> None:
    def encode(chunks: Sequence[Chunk]) -> list[tuple[Frames, ...]]:
        raise EngineFailed("The card is gone.")

    encoding = Encoding(encode, ThreadPoolExecutor(1) if aside else None)
    encoding.begin(Batch((), (7,)))
    assert encoding.is_ready
    encoding.begin(Batch((chunk(),), ()))
    ended, _ = encoding.take()
    assert ended.ended == (7,)
    _, encoded = encoding.take()
    with pytest.raises(EngineFailed, match="The card is gone"):
        encoded()
    encoding.close()


def test_closing_waits_for_what_is_encoded_and_encodes_nothing_more() -> None:
    may_go_on, has_begun = threading.Event(), threading.Event()
    encoded: list[int] = []

    def encode(chunks: Sequence[Chunk]) -> list[tuple[Frames, ...]]:
        encoded.append(chunks[0].recording)
        has_begun.set()
        assert may_go_on.wait(10)
        return []

    encoding = Encoding(encode, ThreadPoolExecutor(1))
    encoding.begin(Batch((chunk(1),), ()))
    encoding.begin(Batch((chunk(2),), ()))
    assert has_begun.wait(10)
    timer = threading.Timer(0.1, may_go_on.set)
    timer.start()
    encoding.close()
    timer.join()
    assert encoded == [1]
    assert not encoding.has_begun


def chunk(number: int = 0) -> Chunk:
    return cut(silence(1.6), number, SETTINGS.chunks)[0]


def test_what_only_ends_recordings_takes_no_place() -> None:
    encoding = Encoding(lambda chunks: [()], ThreadPoolExecutor(1))
    full = []
    for chunks in ((chunk(1),), (), (), (chunk(3),)):
        encoding.begin(Batch(chunks, ()))
        full.append(encoding.is_full)
    assert full == [False, False, False, True]
    encoding.close()


class Slow(BeepRecognizer):
    """Takes as long to encode as to decode, without the processor, as a card."""

    encodes_aside = Aside.ALWAYS

    def __init__(self) -> None:
        super().__init__()
        self.encoding = self.both = 0

    def chunks_a_batch(self, window_seconds: float) -> int:
        return 32

    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        self.encoding += 1
        time.sleep(0.15)
        self.encoding -= 1
        return super().encode(chunks, exactly=exactly)

    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        for _ in range(15):
            time.sleep(0.01)
            self.both += self.encoding > 0
        return super().decode(rows)


def test_full_batches_of_a_card_are_encoded_while_others_are_decoded(tmp_path: Path) -> None:
    """Ten, of which nine could meet another for 15 times 0.01 s each."""
    settings = TranscriptionSettings(chunks=ChunkSettings(chunk_seconds=0.8, context_seconds=0.16))
    words = ["one", "two"] * 320
    recognizer = Slow()
    began = time.monotonic()
    events = list(Transcriber(recognizer, settings).transcribe([recording(tmp_path, words)]))
    seconds = time.monotonic() - began
    (finished,) = [event for event in events if isinstance(event, Finished)]
    assert finished.transcript.text.split() == words
    assert len(recognizer.batches) in (10, 11)
    assert recognizer.both > 45  # a third of 135
    assert 10 * 0.15 < finished.recognition_seconds < seconds  # what goes on at one time counts once


@pytest.mark.parametrize("encodes_aside", [Aside.NEVER, Aside.ALWAYS])
def test_the_time_that_others_take_does_not_count(
    encodes_aside: Aside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a slow reader of what is told; each batch takes 0.3 s, of which a half may be meanwhile."""
    monkeypatch.setattr(Slow, "encodes_aside", encodes_aside)
    settings = TranscriptionSettings(chunks=ChunkSettings(chunk_seconds=0.8, context_seconds=0.16))
    recognizer = Slow()
    began, others = time.monotonic(), 0.0
    for event in Transcriber(recognizer, settings).transcribe([recording(tmp_path, ["one", "two"] * 160)]):
        interrupted = time.monotonic()
        time.sleep(0.5)
        others += time.monotonic() - interrupted
        if isinstance(event, Finished):
            seconds = event.recognition_seconds
    together = time.monotonic() - began
    assert 0.15 * len(recognizer.batches) < seconds < together - others / 2


@pytest.mark.parametrize("encodes_aside", [Aside.NEVER, Aside.ALWAYS])
def test_the_time_of_what_fails_alone_counts_for_nobody_else(
    encodes_aside: Aside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Refusing, "encodes_aside", encodes_aside)
    settings = replace(SETTINGS, batch=BatchSettings(1))
    recordings = [recording(tmp_path, ["one", "two"], number) for number in range(2)]
    events = list(Transcriber(Refusing(), settings).transcribe(recordings))
    assert [event.recording for event in events if isinstance(event, Failed)] == [0]
    (seconds,) = [event.recognition_seconds for event in events if isinstance(event, Finished)]
    assert seconds < 0.5


class Refusing(BeepRecognizer):
    """Takes a second to find that the first recording cannot be decoded."""

    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        if self.hears_first:
            time.sleep(1)
            self.hears_first = False
            raise RecognitionFailed("No.")
        return super().decode(rows)

    hears_first = True


def test_the_time_of_encoding_counts_where_nobody_waited_for_it(tmp_path: Path) -> None:
    """No other recording comes, as in a server, and none is known not to come; so it is looked for meanwhile."""
    is_finished = threading.Event()

    def recordings() -> Iterator[Recording]:
        yield recording(tmp_path, ["one", "two"])
        assert is_finished.wait(20)

    settings = replace(SETTINGS, batch=replace(SETTINGS.batch, recordings_at_once=2, patience_seconds=0.05))
    seconds = []
    for event in Transcriber(Slow(), settings).transcribe(recordings()):
        if isinstance(event, Finished):
            seconds.append(event.recognition_seconds)
            is_finished.set()
    assert 0.3 < seconds[0] < 3  # one batch of 0.15 s, encoded and decoded
