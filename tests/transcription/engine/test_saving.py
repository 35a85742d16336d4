"""What one engine has begun, and who may end it."""

from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.settings import (
    BatchSettings,
    ChunkSettings,
    Dtype,
    EngineChoice,
    RecognizerSettings,
    TranscriptionSettings,
)
from parakeet_cli.transcription.checkpoints import Checkpoint
from parakeet_cli.transcription.engine.messages import Setup
from parakeet_cli.transcription.engine.saving import mark_of
from tests.fakes import BeepRecognizer

USUAL = TranscriptionSettings()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    path = tmp_path / "beeps.nemo"
    path.write_bytes(b"weights")
    return Checkpoint("beeps", path)


def mark(checkpoint: Checkpoint, settings: TranscriptionSettings) -> bytes:
    return mark_of(BeepRecognizer(), Setup(checkpoint, settings))


@pytest.mark.parametrize(
    "settings",
    [
        replace(USUAL, recognizer=RecognizerSettings(skip_confidence=0.0)),
        replace(USUAL, recognizer=RecognizerSettings(dtype=Dtype.BF16)),
        replace(USUAL, recognizer=RecognizerSettings(engine=EngineChoice.NEMO)),
        replace(USUAL, chunks=ChunkSettings(20.0)),
    ],
)
def test_an_engine_does_not_end_what_another_kind_began(
    checkpoint: Checkpoint, settings: TranscriptionSettings
) -> None:
    assert mark(checkpoint, settings) != mark(checkpoint, USUAL)


@pytest.mark.parametrize(
    "settings",
    [
        USUAL,
        replace(USUAL, batch=BatchSettings(7)),
        replace(USUAL, recognizer=RecognizerSettings(verbose=True, trust_model=True, allow_legacy=True)),
        replace(USUAL, recognizer=RecognizerSettings(cuda_graphs=True)),
    ],
)
def test_what_changes_no_word_changes_no_mark(checkpoint: Checkpoint, settings: TranscriptionSettings) -> None:
    assert mark(checkpoint, settings) == mark(checkpoint, USUAL)


def test_another_checkpoint_is_another_mark_and_a_lost_one_none_at_all(checkpoint: Checkpoint) -> None:
    usual = mark(checkpoint, USUAL)
    checkpoint.path.write_bytes(b"other weights")
    assert mark(checkpoint, USUAL) != usual
    checkpoint.path.unlink()
    assert mark(checkpoint, USUAL) != mark(checkpoint, USUAL)
