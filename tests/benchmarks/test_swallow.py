"""Swallowed passages: gone when decoded for the first time, there when decoded again, and what became of them."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.losses import Interval
from benchmarks.recordings import SpokenWord
from benchmarks.swallow import StretchResult, SwallowingRecognizer, draw_stretches, judge, to_markdown
from parakeet_cli.settings import ChunkSettings, CoverageSettings, TranscriptionSettings
from parakeet_cli.transcript import Transcript
from parakeet_cli.transcription.media.inputs import FileMedia
from parakeet_cli.transcription.pipeline import Finished, Recording, Transcriber
from parakeet_cli.transcription.recognizer import Row
from tests.fakes import WORDS, BeepRecognizer, beeps, cut, write_wav

SAID = [*WORDS, *reversed(WORDS)] * 5
"""0.4 s each, so 40 s."""


def transcribe(path: Path, stretches: list[Interval], audit: bool = True) -> Transcript:
    settings = TranscriptionSettings(chunks=ChunkSettings(8.0, 1.0), coverage=CoverageSettings(audit))
    recognizer = SwallowingRecognizer(BeepRecognizer(), {7: stretches})
    events = list(Transcriber(recognizer, settings).transcribe([Recording(7, FileMedia(path))]))
    (finished,) = [event for event in events if isinstance(event, Finished)]
    return finished.transcript


def test_what_is_swallowed_is_missing_where_nobody_looks_again(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", beeps(SAID))
    whole = transcribe(path, [])
    assert [word.text for word in whole.words] == SAID
    words = transcribe(path, [(10.0, 20.0)], audit=False).words
    assert words == tuple(word for word in whole.words if not 10.0 <= (word.start + word.end) / 2 < 20.0)
    assert len(words) == len(SAID) - 25


def test_the_audit_looks_again_and_gets_the_words(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", beeps(SAID))
    assert [word.text for word in transcribe(path, [(10.0, 20.0), (30.0, 33.0)]).words] == SAID


def test_a_second_look_is_told_by_its_time_and_not_by_its_state() -> None:
    (chunk,) = cut(beeps(["one", "two", "three"]), 7, ChunkSettings(), BeepRecognizer.frame_samples)
    recognizer = SwallowingRecognizer(BeepRecognizer(), {7: [(0.0, 60.0)]})
    for expected in ("", " one two three"):
        ((frames,),) = recognizer.encode([chunk])
        ((hypothesis, _),) = recognizer.decode([Row((frames,), None)])
        assert "".join(token.text for token in hypothesis.tokens) == expected


def test_recordings_are_told_apart() -> None:
    first, second = (
        cut(beeps(["one", "two"]), number, ChunkSettings(), BeepRecognizer.frame_samples)[0] for number in (1, 2)
    )
    recognizer = SwallowingRecognizer(BeepRecognizer(), {2: [(0.0, 60.0)]})
    rows = [Row(frames, None) for frames in recognizer.encode([first, second])]
    assert [len(hypothesis.tokens) for hypothesis, _ in recognizer.decode(rows)] == [2, 0]


def test_stretches_are_apart_and_make_up_their_share() -> None:
    stretches = draw_stretches(36_000, 0.15, np.random.default_rng(1))
    lengths = np.array([end - start for start, end in stretches])
    assert (lengths.min(), lengths.max()) == pytest.approx((1, 60), abs=2)
    assert lengths.sum() / 36_000 == pytest.approx(0.15, abs=0.02)
    assert all(b[0] - a[1] >= 5 for a, b in pairwise(stretches))


def spoken(text: str) -> list[SpokenWord]:
    """One word every half second, each 0.4 s long; ``-`` is a word's place left empty."""
    words = [SpokenWord(w, 0.5 * i, 0.5 * i + 0.4) for i, w in enumerate(text.split())]
    return [word for word in words if word.text != "-"]


def test_every_word_of_a_stretch_is_back_replaced_reported_or_lost() -> None:
    whole, heard = spoken("one two three four five six seven"), spoken("one two nine - - six seven")
    (result,) = judge(0, [(0.5, 3.0)], whole, heard, [(1.5, 1.9)])
    fates = (result.speech, result.back, result.replaced, result.reported, result.lost)
    assert fates == pytest.approx((2.0, 0.8, 0.4, 0.4, 0.4))
    assert [word.text for word in result.lost_words] == ["five"]


def test_the_report_counts_stretches_with_enough_speech() -> None:
    results = [
        StretchResult(0, 0.0, 4.0, 3.0, 3.0, 0.0, 0.0, 0.0, ()),
        StretchResult(0, 10.0, 50.0, 30.0, 15.0, 3.0, 6.0, 6.0, ()),
        StretchResult(0, 60.0, 62.0, 1.0, 0.0, 0.0, 0.0, 1.0, ()),
    ]
    text = to_markdown("python benchmarks/swallow.py", results)
    assert "python benchmarks/swallow.py" in text
    assert "| 1–5 s | 1 | 3 s | 100.0% | 100.0% |" in text
    assert "| 30–60 s | 1 | 30 s | 50.0% | 80.0% |" in text
    assert "| all | 2 | 33 s | 54.5% | 81.8% |" in text
