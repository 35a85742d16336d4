"""Which outputs count as ours."""

from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.batch.files import write_atomically
from parakeet_cli.batch.journal import Findings, Journal, Key, State, fingerprint
from parakeet_cli.settings import BatchSettings, ChunkSettings, Dtype, RecognizerSettings, TranscriptionSettings

KEY = Key(b"talk.wav", "settings")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite3")


def test_what_was_announced_and_written_is_ours_although_the_run_was_killed_then(
    journal: Journal, tmp_path: Path
) -> None:
    output = tmp_path / "talk.srt"
    journal.announce({output: b"1\n"}, KEY, Findings(), complete=True)
    assert journal.state(output, KEY) is State.ABSENT
    write_atomically(output, b"1\n")  # and no more: the process is gone
    assert journal.state(output, KEY) is State.DONE
    assert journal.state(output, Key(b"talk.wav", "others")) is State.OUTDATED
    assert journal.state(output, Key(b"other.wav", "settings")) is State.FOREIGN


def test_a_file_that_differs_from_what_was_announced_is_not_ours(journal: Journal, tmp_path: Path) -> None:
    output = tmp_path / "talk.srt"
    output.write_bytes(b"2\n")
    journal.announce({output: b"1\n"}, KEY, Findings(), complete=True)
    assert journal.state(output, KEY) is State.FOREIGN


def test_what_is_incomplete_is_outdated_at_once(journal: Journal, tmp_path: Path) -> None:
    output = tmp_path / "talk.srt"
    journal.announce({output: b"1\n"}, KEY, Findings(), complete=False)
    write_atomically(output, b"1\n")
    assert journal.state(output, KEY) is State.OUTDATED
    journal.record([output], KEY, complete=False)
    assert journal.state(output, KEY) is State.OUTDATED


def test_gaps_of_what_is_done_are_remembered_also_after_a_kill(journal: Journal, tmp_path: Path) -> None:
    output = tmp_path / "talk.srt"
    journal.announce({output: b"1\n"}, KEY, Findings(2, 7.5), complete=True)
    write_atomically(output, b"1\n")
    assert journal.findings([output], KEY) == Findings(2, 7.5)
    journal.record([output], KEY, complete=True)
    assert journal.findings([output], KEY) == Findings(2, 7.5)
    assert journal.findings([output], Key(b"talk.wav", "others")) == Findings()
    assert journal.findings([tmp_path / "other.srt"], KEY) == Findings()


def test_a_fingerprint_changes_with_what_changes_a_transcript_and_with_nothing_else() -> None:
    usual = TranscriptionSettings()
    same = replace(usual, recognizer=RecognizerSettings(device="cuda", verbose=True), batch=BatchSettings(batch_size=7))
    others = (
        replace(usual, chunks=ChunkSettings(20.0)),
        replace(usual, recognizer=RecognizerSettings(dtype=Dtype.FP16)),
        replace(usual, recognizer=RecognizerSettings(skip_confidence=0.0)),
    )
    assert fingerprint(same, "abc") == fingerprint(usual, "abc")
    made = [fingerprint(usual, "abc"), fingerprint(usual, "abd"), *(fingerprint(each, "abc") for each in others)]
    assert len(set(made)) == 5
