"""Batches that are encoded while others are decoded."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from parakeet_cli.errors import EngineFailed
from parakeet_cli.settings import BatchSettings, ChunkSettings, TranscriptionSettings
from parakeet_cli.transcription.batching import Batch
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.encoding import Encoding
from parakeet_cli.transcription.events import Recording
from parakeet_cli.transcription.media.inputs import FileMedia
from parakeet_cli.transcription.pipeline import Finished, Transcriber
from parakeet_cli.transcription.recognizer import DecoderState, Frames, Hypothesis, Row
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


@pytest.mark.parametrize("aside", [False, True])
def test_where_a_device_computes_another_thread_encodes(
    aside: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Noting, "encodes_aside", aside)
    recognizer = Noting()
    words = ["one", "two", "three", "four"] * 8
    events = list(Transcriber(recognizer, SETTINGS).transcribe([recording(tmp_path, words)]))
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

    encoding = Encoding(encode, aside=True)
    encoding.begin(Batch((chunk(0),), ()))
    encoding.begin(Batch((chunk(1),), ()))
    assert encoding.is_full
    batch, encoded = encoding.take()
    assert (batch.chunks[0].recording, encoded()) == (0, [()])
    assert is_encoded[1].wait(10)  # nobody has asked for it
    assert not is_encoded[2].is_set()
    encoding.close()


@pytest.mark.parametrize("aside", [False, True])
def test_what_encoding_raises_comes_when_the_batch_is_taken(aside: bool) -> None:
    def encode(chunks: Sequence[Chunk]) -> list[tuple[Frames, ...]]:
        raise EngineFailed("The card is gone.")

    encoding = Encoding(encode, aside=aside)
    encoding.begin(Batch((), (7,)))
    encoding.begin(Batch((chunk(),), ()))
    assert encoding.is_full
    ended, _ = encoding.take()
    assert ended.ended == (7,)
    _, encoded = encoding.take()
    with pytest.raises(EngineFailed, match="The card is gone"):
        encoded()
    encoding.close()


def test_closing_leaves_no_thread_and_encodes_nothing_more() -> None:
    may_go_on, has_begun = threading.Event(), threading.Event()
    encoded: list[int] = []

    def encode(chunks: Sequence[Chunk]) -> list[tuple[Frames, ...]]:
        encoded.append(chunks[0].recording)
        has_begun.set()
        assert may_go_on.wait(10)
        return []

    threads = threading.active_count()
    encoding = Encoding(encode, aside=True)
    encoding.begin(Batch((chunk(1),), ()))
    encoding.begin(Batch((chunk(2),), ()))
    assert has_begun.wait(10)
    threading.Timer(0.1, may_go_on.set).start()
    encoding.close()
    assert encoded == [1]
    assert not encoding.has_begun
    assert threading.active_count() == threads


def chunk(number: int = 0) -> Chunk:
    return cut(silence(1.6), number, SETTINGS.chunks)[0]
