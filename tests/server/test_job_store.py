"""Jobs in their database: what comes back, what is forgotten, and files that are torn, foreign or full."""

import math
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.errors import DiskFull, OutputUnwritable
from parakeet_cli.server.desk import State
from parakeet_cli.server.job_store import Job, JobError, JobStore
from parakeet_cli.transcript import Gap, Partial, Segment, Silence, Token, Transcript, Word
from parakeet_cli.transcription.savepoints import Savepoint

TOKENS = (Token(" one", 0.0, 1 / 3, -0.25), Token(" two", 0.5, 0.75, -1.0))
SAVEPOINT = Savepoint(480_000, 470_001, 0, TOKENS, (Gap(0.4, 0.5, "noise"),), 30.0, 1.5, 2.5, b"\x00\xff")
SECRET = "Nobody shall read this afterwards."


def job(name: str = "a" * 64, created: float = 1.0) -> Job:
    return Job(name, "somebody", created, "Gespräch \U0001f600.mp4", '{"response_format": "srt"}', 10)


def transcript(text: str = "Hello") -> Transcript:
    tokens = (Token(" Hel", 0.0, 0.08, -0.25), Token("lo", 0.08, 0.16, math.nan))
    words = (Word(text, 0.0, 0.16, 0.8, None, tokens), Word("there.", 0.5, 0.75, None))
    return Transcript(
        (Segment(words),), 2.5, "en", "beeps", (Gap(1.0, 2.0, "music"),), (Silence(2.0, 2.5),), Partial(2.5, 3.0, 1)
    )


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs.sqlite")


def finish(store: JobStore, name: str, text: str = "Hello", expires: float | None = None) -> None:
    store.finish(name, transcript(text), finished=5.0, expires=expires)


def test_a_job_comes_back_as_it_was_from_a_new_store(store: JobStore, tmp_path: Path) -> None:
    store.add(job())
    store.begin(job().name)
    store.close()
    again = JobStore(tmp_path / "jobs.sqlite").get(job().name)
    assert again == replace(job(), state=State.RUNNING, starts=1)


def test_a_transcript_comes_back_with_its_tokens(store: JobStore) -> None:
    store.add(job())
    finish(store, job().name)
    again = store.transcript(job().name)
    assert again == transcript()
    first, second = again.words
    assert first.tokens[0] == transcript().words[0].tokens[0]
    assert math.isnan(first.tokens[1].logprob)
    assert second.tokens == ()
    kept = store.get(job().name)
    assert kept and (kept.state, kept.text, kept.duration, kept.finished) == (State.FINISHED, "Hello there.", 2.5, 5.0)


def test_unfinished_jobs_come_in_their_order(store: JobStore) -> None:
    for name, created in (("c", 1.0), ("a", 2.0), ("b", 2.0), ("d", 0.5)):
        store.add(job(name, created))
    store.fail("a", JobError(400, "No.", "invalid_request_error"), finished=3.0, expires=None)
    finish(store, "d")
    assert [left.name for left in store.unfinished()] == ["c", "b"]


def test_what_expired_is_removed_and_nothing_else(store: JobStore) -> None:
    for name in ("early", "late", "never", "waiting"):
        store.add(job(name))
    for name, expires in (("early", 10.0), ("late", 30.0), ("never", None)):
        finish(store, name, expires=expires)
    assert store.remove_expired(20.0) == 1
    assert store.get("early") is None and store.transcript("early") is None
    assert all(store.get(name) for name in ("late", "never", "waiting"))


def test_what_is_removed_cannot_be_read_from_the_files_of_the_database(store: JobStore, tmp_path: Path) -> None:
    store.add(job())
    finish(store, job().name, SECRET)
    assert SECRET.encode() in _bytes(tmp_path)
    assert store.remove(job().name)
    assert SECRET.encode() not in _bytes(tmp_path)
    assert not store.remove(job().name)


def test_where_a_job_stands_is_kept_until_it_is_over(store: JobStore, tmp_path: Path) -> None:
    for name in ("finishes", "fails", "stays"):
        store.add(job(name))
        store.save(name, SAVEPOINT, is_further=True)
    store.save("stays", replace(SAVEPOINT, position=960_000, kept=1, tokens=TOKENS[:1]), is_further=True)
    store.save("gone", SAVEPOINT, is_further=True)
    finish(store, "finishes")
    store.fail("fails", JobError(400, "No.", "invalid_request_error"), finished=3.0, expires=None)
    store.close()
    again = JobStore(tmp_path / "jobs.sqlite")
    kept = replace(SAVEPOINT, position=960_000, tokens=(TOKENS[0], TOKENS[0]))
    assert [again.savepoint(name) for name in ("finishes", "fails", "gone", "stays")] == [None, None, None, kept]


def test_where_a_removed_job_stood_cannot_be_read_from_the_files_of_the_database(
    store: JobStore, tmp_path: Path
) -> None:
    store.add(job())
    store.save(job().name, replace(SAVEPOINT, tokens=(Token(SECRET, 0.0, 1.0, -0.5),)), is_further=True)
    assert SECRET.encode() in _bytes(tmp_path)
    store.remove(job().name)
    assert SECRET.encode() not in _bytes(tmp_path)


def test_a_job_that_came_further_was_not_killed_in_vain(store: JobStore) -> None:
    store.add(job())
    for is_further, starts in ((False, 2), (True, 1)):
        store.begin(job().name)
        store.begin(job().name)
        store.save(job().name, SAVEPOINT, is_further=is_further)
        kept = store.get(job().name)
        assert kept and kept.starts == starts


def test_a_result_of_a_job_that_was_removed_meanwhile_is_not_kept(store: JobStore) -> None:
    finish(store, "gone")
    assert store.transcript("gone") is None


def test_the_files_are_for_their_owner_alone(store: JobStore, tmp_path: Path) -> None:
    store.add(job())
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to look like one" * 100, b"SQLite format 3\x00" + b"\xff" * 5000]
)
def test_a_damaged_file_is_set_aside(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(content)
    store = JobStore(path)
    store.add(job())
    assert store.get(job().name)
    assert path.with_suffix(".damaged").read_bytes() == content
    assert "its jobs are lost" in caplog.text


def test_a_database_of_another_program_is_set_aside_whole(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    with sqlite3.connect(path) as foreign:
        foreign.execute("CREATE TABLE cats (name TEXT)")
        foreign.execute("INSERT INTO cats VALUES ('Minka')")
    foreign.close()
    JobStore(path).add(job())
    with sqlite3.connect(path.with_suffix(".damaged")) as foreign:
        assert foreign.execute("SELECT name FROM cats").fetchone() == ("Minka",)
    foreign.close()


def test_a_file_that_is_torn_while_it_is_in_use_is_set_aside(store: JobStore, tmp_path: Path) -> None:
    for index in range(200):
        store.add(job(str(index)))
    store.close()
    path = tmp_path / "jobs.sqlite"
    torn = JobStore(path)
    torn._database._connection.execute("PRAGMA shrink_memory")  # the check has read all pages
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))
    torn.add(job("new"))
    assert torn.get("new")
    assert path.with_suffix(".damaged").exists()


def test_a_store_that_is_closed_harms_nothing(store: JobStore, tmp_path: Path) -> None:
    store.add(job())
    store.close()
    with pytest.raises(OutputUnwritable):
        store.get(job().name)
    assert JobStore(tmp_path / "jobs.sqlite").get(job().name)


def test_a_full_disk_is_told_as_such_and_passes(store: JobStore) -> None:
    store.add(job("small"))
    pages = store._run(lambda database: database.execute("PRAGMA page_count").fetchone()[0])
    store._run(lambda database: database.execute(f"PRAGMA max_page_count = {pages}").fetchall())  # as if it were full
    with pytest.raises(DiskFull, match="full"):
        for index in range(100):
            store.add(job(str(index)))
    store._run(lambda database: database.execute("PRAGMA max_page_count = 1000000").fetchall())
    store.add(job("afterwards"))
    assert store.get("small") and store.get("afterwards")


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())
