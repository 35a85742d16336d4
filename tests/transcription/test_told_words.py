"""What Progress tells of the text before it is finished: never a word that is not in it."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from parakeet_cli.settings import BatchSettings, ChunkSettings, CoverageSettings, TranscriptionSettings
from parakeet_cli.transcript import Token, Word
from parakeet_cli.transcription.media.inputs import FileMedia
from parakeet_cli.transcription.pipeline import Event, Finished, Progress, Recording, Started, Transcriber
from parakeet_cli.transcription.recognizer import DecoderState, Hypothesis, Row
from parakeet_cli.transcription.savepoints import Savepoint
from tests.fakes import WORDS, BeepRecognizer, beeps, write_wav

PIECES = {
    "one": (" o", "ne"),
    "two": (" two", ","),
    "three": (" three", " .", " "),
    "four": (" “", "four", "”"),
    "five": ("five",),  # goes on with the word before
    "six": (" (", " six", ")"),
    "seven": (" -", "seven", "%"),
    "eight": (" ", "eight", "…"),
    "nine": (" ni", "ne", " ?", "!"),
}


class Spelling(BeepRecognizer):
    """Writes some words in pieces and with marks, of which only the next token tells where they belong."""

    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        return [(Hypothesis(tuple(_spelt(found.tokens))), state) for found, state in super().decode(rows)]


def _spelt(tokens: Iterable[Token]) -> Iterable[Token]:
    for token in tokens:
        for piece in PIECES.get(token.text.strip(), (token.text,)):
            yield replace(token, text=piece)


def told(events: Iterable[Event]) -> list[tuple[Word, ...]]:
    return [event.words for event in events if isinstance(event, Progress)]


def check(events: Sequence[Event]) -> None:
    """At every moment what was told begins the final words, and at the end it is all of them."""
    (finished,) = (event for event in events if isinstance(event, Finished))
    whole: list[Word] = []
    for words in told(events):
        whole += words
        assert finished.transcript.text.startswith(" ".join(word.text for word in whole))
        assert finished.transcript.words[: len(whole)] == tuple(whole)
    assert " ".join(word.text for word in whole) == finished.transcript.text


@pytest.mark.parametrize("seed", range(12))
def test_words_told_begin_the_final_text_whatever_is_repaired(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    words = chance.choices(WORDS, k=chance.randrange(1, 250))
    starts = [chance.uniform(0, 0.4 * len(words)) for _ in range(chance.randrange(4))]
    lost = [(start, start + chance.uniform(1, 12)) for start in starts]
    settings = TranscriptionSettings(
        chunks=ChunkSettings(chance.choice([1.6, 4.0, 12.0, 30.0]), chance.choice([0.32, 3.0])),
        coverage=CoverageSettings(audit=seed % 3 != 0),
        batch=BatchSettings(chance.choice([1, 2, 5]), chance.choice([1, 3]), chance.choice([0.0, float("inf")])),
    )
    path = write_wav(tmp_path / "talk.wav", beeps(words))
    recording = Recording(0, FileMedia(path), start=chance.choice([0.0, 2.08]))
    recognizer = Spelling(swallows=lost, deaf=[(5.0, 7.5)] if seed % 2 else [])
    check(list(Transcriber(recognizer, settings).transcribe([recording])))


def test_words_are_told_while_the_recording_goes_on(tmp_path: Path) -> None:
    words = [WORDS[number % 10] for number in range(150)]
    settings = TranscriptionSettings(chunks=ChunkSettings(4.0, 0.32), batch=BatchSettings(1))
    recording = Recording(0, FileMedia(write_wav(tmp_path / "talk.wav", beeps(words))))
    told_first = told(Transcriber(BeepRecognizer(), settings).transcribe([recording]))[:10]
    assert all(len(told_words) > 5 for told_words in told_first)


class Kept:
    """Savepoints in memory."""

    def __init__(self) -> None:
        self.last: Savepoint | None = None

    def load(self, recording: int) -> Savepoint | None:
        return self.last

    def save(self, recording: int, savepoint: Savepoint) -> None:
        tokens = (self.last.tokens if self.last else ())[: savepoint.kept] + savepoint.tokens
        self.last = replace(savepoint, kept=0, tokens=tokens)


def test_a_resumed_recording_tells_the_words_of_the_earlier_run_too(tmp_path: Path) -> None:
    words = random.Random(1).choices(WORDS, k=1600)
    recording = Recording(0, FileMedia(write_wav(tmp_path / "talk.wav", beeps(words))))
    settings, kept = TranscriptionSettings(batch=BatchSettings(2)), Kept()
    events = Transcriber(Spelling(), settings, savepoints=kept).transcribe([recording])
    list(islice((event for event in events if isinstance(event, Progress)), 6))
    assert kept.last is not None
    resumed = list(Transcriber(Spelling(), settings, savepoints=kept).transcribe([recording]))
    check(resumed)
    started, first = resumed[:2]
    assert isinstance(started, Started) and isinstance(first, Progress)
    assert first.seconds == started.resumed_at > 0  # they are there before the media is decoded that far again
    assert len(first.words) > 400


def test_a_recording_that_another_engine_has_begun_begins_anew(tmp_path: Path) -> None:
    class Foreign(Spelling):
        def unpack(self, packed: bytes) -> DecoderState:
            raise ValueError("the state is another engine's")

    words = random.Random(1).choices(WORDS, k=1600)
    recording = Recording(0, FileMedia(write_wav(tmp_path / "talk.wav", beeps(words))))
    settings, kept = TranscriptionSettings(batch=BatchSettings(2)), Kept()
    events = Transcriber(Spelling(), settings, savepoints=kept).transcribe([recording])
    list(islice((event for event in events if isinstance(event, Progress)), 6))
    assert kept.last is not None
    anew = list(Transcriber(Foreign(), settings, savepoints=kept).transcribe([recording]))
    (started,) = (event for event in anew if isinstance(event, Started))
    assert started.resumed_at == 0.0
    check(anew)


def test_each_word_has_the_tokens_that_it_was_put_together_from(tmp_path: Path) -> None:
    words = random.Random(2).choices(WORDS, k=60)
    recording = Recording(0, FileMedia(write_wav(tmp_path / "talk.wav", beeps(words))), start=1.6)
    settings = TranscriptionSettings(chunks=ChunkSettings(4.0, 0.32))
    events = list(Transcriber(Spelling(), settings).transcribe([recording]))
    (finished,) = (event for event in events if isinstance(event, Finished))
    for word in finished.transcript.words:
        written = "".join(token.text for token in word.tokens)
        assert written.replace(" ", "") == word.text.replace(" ", "")
        assert all(1.6 <= token.start < token.end <= 1.6 + finished.transcript.duration for token in word.tokens)
        assert word.tokens[0].start <= word.start <= word.end <= max(token.end for token in word.tokens) + 0.08
