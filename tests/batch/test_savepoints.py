"""What a long recording is saved as comes back to the last bit, and only to the same job."""

import math
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.batch.journal import Key
from parakeet_cli.batch.plan import Task
from parakeet_cli.batch.savepoints import SavepointStore
from parakeet_cli.transcript import Gap, Token
from parakeet_cli.transcription.media.inputs import StdinMedia, UrlMedia
from parakeet_cli.transcription.pipeline import Recording
from parakeet_cli.transcription.savepoints import Savepoint

TOKENS = tuple(Token(f" w{n}", n * 0.08, n * 0.08 + 1 / 3, -math.pi / (n + 1)) for n in range(40))
FIRST = Savepoint(480_000, 470_001, 0, TOKENS[:25], (), 30.0, 0.0, 1.25, b"\x00\xff")


def task(output: str, value: str = "a") -> Task:
    return Task(Recording(0, StdinMedia()), {"srt": Path(output)}, Key(b"talk.wav", value))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "savepoints.sqlite3"


def test_a_savepoint_comes_back_as_it_was_in_another_process(path: Path) -> None:
    store = SavepointStore(path, {7: task("/out/talk.srt")})
    assert store.load(7) is None
    store.save(7, FIRST)
    store.close()
    again = SavepointStore(path, {3: task("/out/talk.srt")})
    assert again.load(3) == FIRST


def test_later_savepoints_keep_what_is_settled_and_replace_the_rest(path: Path) -> None:
    store = SavepointStore(path, {0: task("/out/talk.srt")})
    store.save(0, FIRST)
    changed = tuple(replace(token, text=token.text.upper()) for token in TOKENS[20:])
    second = replace(FIRST, position=960_000, kept=20, tokens=changed, gaps=(Gap(1 / 3, 2 / 3, "unsure"),), state=b"x")
    store.save(0, second)
    assert store.load(0) == replace(second, kept=0, tokens=TOKENS[:20] + changed)


@pytest.mark.parametrize("other", [task("/out/talk.srt", "b"), task("/elsewhere/talk.srt")])
def test_another_setting_or_output_is_another_job(path: Path, other: Task) -> None:
    SavepointStore(path, {0: task("/out/talk.srt")}).save(0, FIRST)
    assert SavepointStore(path, {0: other}).load(0) is None


def test_what_is_done_is_forgotten_with_its_tokens(path: Path) -> None:
    store = SavepointStore(path, {0: task("/out/talk.srt"), 1: task("/out/other.srt")})
    store.save(0, FIRST)
    store.save(1, FIRST)
    store.drop(0)
    assert store.load(0) is None
    assert store.load(1) == FIRST
    assert sqlite3.connect(path).execute("SELECT count(*) FROM tokens").fetchone() == (25,)


def test_old_savepoints_are_thrown_away(path: Path) -> None:
    SavepointStore(path, {0: task("/out/talk.srt")}).save(0, FIRST)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE savepoints SET saved_at = datetime('now', '-31 days')")
    assert SavepointStore(path, {0: task("/out/talk.srt")}).load(0) is None


def test_a_url_is_not_resumed_as_what_lies_behind_it_may_change(path: Path) -> None:
    url = replace(task("/out/talk.srt"), recording=Recording(0, UrlMedia("http://127.0.0.1/a.wav")))
    store = SavepointStore(path, {0: url})
    store.save(0, FIRST)
    assert store.load(0) is None


def test_a_probability_that_is_no_number_is_kept_as_such(path: Path) -> None:
    store = SavepointStore(path, {0: task("/out/talk.srt")})
    store.save(0, replace(FIRST, tokens=(Token(" a", 0.0, 0.1, math.nan),)))
    loaded = store.load(0)
    assert loaded is not None
    assert math.isnan(loaded.tokens[0].logprob)


def test_what_goes_to_stdout_or_comes_from_stdin_is_not_saved(path: Path) -> None:
    tasks = {0: replace(task("/out/talk.srt"), outputs={}), 1: replace(task("/out/talk.srt"), key=None)}
    store = SavepointStore(path, tasks)
    for number in tasks:
        store.save(number, FIRST)
        assert store.load(number) is None


def test_a_damaged_file_is_set_aside_and_the_run_goes_on(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_bytes(b"no database" * 1000)
    store = SavepointStore(path, {0: task("/out/talk.srt")})
    store.save(0, FIRST)
    assert store.load(0) == FIRST
    assert "set aside" in caplog.text


def test_a_savepoint_whose_earlier_tokens_went_with_a_database_is_none(path: Path) -> None:
    """Else the recording would go on without them, and nobody would know."""
    store = SavepointStore(path, {0: task("/out/talk.srt")})
    store.save(0, FIRST)
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE tokens")  # as a disk that fails
    store.save(0, replace(FIRST, position=960_000, kept=20, tokens=TOKENS[20:]))  # goes on in memory
    assert store.load(0) is None
    store.save(0, FIRST)
    assert store.load(0) == FIRST


def test_a_store_that_is_used_after_it_was_closed_is_not_damaged(path: Path) -> None:
    """As by a batch that is still under way when the user has stopped the run."""
    store = SavepointStore(path, {0: task("/out/talk.srt")})
    store.save(0, FIRST)
    store.close()
    store.save(0, replace(FIRST, position=960_000))
    assert SavepointStore(path, {0: task("/out/talk.srt")}).load(0) == FIRST
    assert [each.name for each in path.parent.iterdir() if "damaged" in each.name] == []


def test_a_file_that_is_torn_while_it_is_in_use_is_set_aside(path: Path) -> None:
    """Or the next run would meet it again."""
    store = SavepointStore(path, {0: task("/out/talk.srt")})
    store.save(0, FIRST)
    with path.open("r+b") as file:
        file.write(b"torn" * 1024)
    store.save(0, FIRST)
    assert path.with_suffix(".damaged").exists()
    SavepointStore(path, {0: task("/out/talk.srt")}).save(0, FIRST)
    assert SavepointStore(path, {0: task("/out/talk.srt")}).load(0) == FIRST
