"""Jobs across restarts, kills, full disks and the end of their time."""

import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest

from parakeet_cli.errors import RunActive
from parakeet_cli.server.desk import Desk
from parakeet_cli.server.job_events import JobEvents
from parakeet_cli.server.job_runner import JobRunner
from parakeet_cli.server.job_transcripts import pack
from parakeet_cli.settings import LifecycleSettings, ServerSettings, TranscriptionSettings
from parakeet_cli.transcript import Transcript
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.media.inputs import FileMedia
from parakeet_cli.transcription.pipeline import Finished, Recording, Transcriber
from parakeet_cli.transcription.recognizer import Frames
from tests.conftest import ROOT
from tests.fakes import WORDS, BeepRecognizer, beeps, write_wav
from tests.in_process import InProcessEngine
from tests.server.job_process import ORDER
from tests.server.job_server import Gate, JobServer, events, job_server, sound

KILLS = 2
"""In a row; at the third a recording is given up."""


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAKEET_SPOOL", str(tmp_path / "spool"))


def shut_gate() -> Gate:
    gate = Gate()
    gate.shut()
    return gate


def test_after_a_restart_jobs_go_on_in_their_order_and_results_are_there(tmp_path: Path) -> None:
    settings = ServerSettings(lifecycle=LifecycleSettings(concurrency=1))
    gate = Gate()
    with job_server(tmp_path / "jobs", settings, gate) as server:
        done = server.make(sound("one", tmp_path))
        server.until(done, "completed")
        gate.shut()
        running, waiting, deleted = (server.make(sound(word, tmp_path)) for word in ("two", "three", "four"))
        server.until(running, "in_progress")
        server.client.delete(f"/v1/jobs/{deleted}")
    gate = shut_gate()
    with job_server(tmp_path / "jobs", settings, gate) as server:
        assert server.job(done)["text"] == "one"
        assert [server.job(job_id)["position"] for job_id in (running, waiting)] in ([0, 1], [1, 2])
        gate.open()
        assert server.until(running, "completed")["text"] == "two"
        assert server.until(waiting, "completed")["text"] == "three"
        assert server.client.get(f"/v1/jobs/{deleted}").status_code == 404
        server.assert_no_recordings()


def test_a_clean_restart_is_no_fault_of_what_was_running(tmp_path: Path) -> None:
    with job_server(tmp_path / "jobs", gate=shut_gate()) as server:
        job_id = server.make(sound("one", tmp_path))
        _until_begun(server, 1)
    for _ in range(4):
        with job_server(tmp_path / "jobs", gate=shut_gate()) as server:
            _until_begun(server, 1)
    with job_server(tmp_path / "jobs") as server:
        assert server.until(job_id, "completed", "failed")["status"] == "completed"


def test_a_recording_during_which_the_server_dies_thrice_is_given_up_and_others_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    with job_server(folder, gate=shut_gate()) as server:
        deadly, other = server.make(sound("one", tmp_path)), server.make(sound("two", tmp_path))
        _until_begun(server, 2)
        _copy(folder, tmp_path / "killed 1")
    with job_server(tmp_path / "killed 1", gate=shut_gate()) as server:
        _until_begun(server, 2)
        _copy(tmp_path / "killed 1", tmp_path / "killed 2")
    with job_server(tmp_path / "killed 2", gate=shut_gate()) as server:
        _until_begun(server, 1)
        time.sleep(0.1)
        assert len(server.runner._begun) == 1  # alone, as either may be what kills
        assert (server.job(deadly)["status"], server.job(other)["status"]) == ("in_progress", "queued")
        _copy(tmp_path / "killed 2", tmp_path / "killed 3")
    with job_server(tmp_path / "killed 3") as server:
        job = server.until(deadly, "failed")
        assert job["error"]["code"] == "server_ended" and "3 times" in job["error"]["message"]
        assert server.until(other, "completed")["text"] == "two"
        server.assert_no_recordings()


def test_a_recording_that_the_disk_lost_fails_its_job(tmp_path: Path) -> None:
    with job_server(tmp_path / "jobs", gate=shut_gate()) as server:
        torn, gone = server.make(sound("one", tmp_path)), server.make(sound("two", tmp_path))
        names = [server.runner.view(job_id, "").job.name for job_id in (torn, gone)]  # type: ignore[union-attr]
    (tmp_path / "jobs" / f"{names[0]}.media").write_bytes(b"RIFF")
    (tmp_path / "jobs" / f"{names[1]}.media").unlink()
    with job_server(tmp_path / "jobs") as server:
        assert server.job(torn)["error"]["code"] == server.job(gone)["error"]["code"] == "media_lost"


def test_recordings_without_a_job_are_removed_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    with job_server(folder, gate=shut_gate()) as server:
        server.make(sound("one", tmp_path))
    orphan, mine = folder / f"{'a' * 64}.media", folder / "holiday.media"
    orphan.write_bytes(b"left by a kill")
    mine.write_bytes(b"not ours")
    with job_server(folder, gate=shut_gate()):
        assert not orphan.exists() and mine.exists()
        assert len(list(folder.glob("*.media"))) == 2


def test_a_damaged_database_costs_its_jobs_and_not_the_service(tmp_path: Path) -> None:
    with job_server(tmp_path / "jobs", gate=shut_gate()) as server:
        lost = server.make(sound("one", tmp_path))
    for path in (tmp_path / "jobs").glob("jobs.sqlite*"):
        path.write_bytes(b"\0" * 20_000)
    with job_server(tmp_path / "jobs") as server:
        assert server.client.get(f"/v1/jobs/{lost}").status_code == 404
        assert server.until(server.make(sound("two", tmp_path)), "completed")["text"] == "two"
        server.assert_no_recordings()


def test_results_are_swept_when_their_time_is_over(tmp_path: Path) -> None:
    with job_server(tmp_path / "jobs", ServerSettings(keep_seconds=0.5)) as server:
        job_id = server.make(sound("one", tmp_path))
        assert server.until(job_id, "completed")["expires_at"] > 0
        _until(lambda: server.client.get(f"/v1/jobs/{job_id}").status_code == 404)
        _until(
            lambda: server.runner._store._database._connection.execute("SELECT count(*) FROM jobs").fetchone()[0] == 0
        )


def test_results_may_be_kept_for_ever(tmp_path: Path) -> None:
    with job_server(tmp_path / "jobs", ServerSettings(keep_seconds=float("inf"))) as server:
        assert server.until(server.make(sound("one", tmp_path)), "completed")["expires_at"] is None


def test_a_full_disk_refuses_new_jobs_and_delays_results(tmp_path: Path) -> None:
    gate = shut_gate()
    with job_server(tmp_path / "jobs", gate=gate) as server:
        text = " ".join(random.Random(1).choices(WORDS[:9], k=2000))
        job_id = server.make(sound(text, tmp_path)[:400_000])
        _until_begun(server, 1)
        database = server.runner._store._database._connection
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        database.execute(f"PRAGMA max_page_count = {pages}").fetchall()  # as if it were full
        _until(lambda: server.post(sound("one", tmp_path), "n" * 150).status_code != 202)
        refused = server.post(sound("one", tmp_path), "n" * 150)
        assert (refused.status_code, refused.json["error"]["code"]) == (507, "insufficient_storage")  # type: ignore[index]
        gate.open()
        _until(lambda: server.runner._unwritten)
        assert server.job(job_id)["status"] == "in_progress"
        database.execute("PRAGMA max_page_count = 1000000").fetchall()
        assert text.startswith(server.until(job_id, "completed")["text"][:-6])


def test_a_folder_of_jobs_has_one_server(tmp_path: Path) -> None:
    with job_server(tmp_path / "jobs") as server, pytest.raises(RunActive, match="PARAKEET_STATE_DIR"):
        JobRunner(tmp_path / "jobs", server.desk, ServerSettings())
    with job_server(tmp_path / "jobs"):
        pass


@pytest.mark.parametrize("spool", ["unnamed", "exclusive", "elsewhere"])
def test_an_upload_gets_a_name_however_it_lies_there(tmp_path: Path, spool: str) -> None:
    """A file that was opened to be the only link to itself, or lies on another file system, must be copied."""
    content = sound("one two", tmp_path)
    elsewhere = Path("/dev/shm")
    if spool == "elsewhere" and (not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev):
        pytest.skip("there is no other file system to write to")
    flags = {"unnamed": os.O_TMPFILE, "exclusive": os.O_TMPFILE | os.O_EXCL, "elsewhere": os.O_TMPFILE}[spool]
    upload = os.open(elsewhere if spool == "elsewhere" else tmp_path, flags | os.O_RDWR, 0o640)
    os.write(upload, content)
    with job_server(tmp_path / "jobs", gate=shut_gate()) as server:
        job_id = server.runner.submit(upload, "talk.wav", ORDER, "", None)
        taken = next((tmp_path / "jobs").glob("*.media"))
        is_linked = taken.stat().st_ino == os.fstat(upload).st_ino
        os.close(upload)
        assert is_linked == (spool == "unnamed")
        assert stat.S_IMODE(taken.stat().st_mode) == 0o600
        assert stat.S_IMODE(taken.parent.stat().st_mode) == 0o700
        server.gate.open()
        assert server.until(job_id, "completed")["text"] == "one two"


def test_no_job_that_was_taken_is_lost_to_a_kill(tmp_path: Path) -> None:
    for seed in range(2):
        _kill_and_go_on(tmp_path / str(seed), random.Random(seed))


@pytest.mark.prove
def test_no_job_that_was_taken_is_lost_to_many_kills(tmp_path: Path) -> None:
    for seed in range(40):
        _kill_and_go_on(tmp_path / str(seed), random.Random(seed))


def test_a_long_job_goes_on_after_each_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEEP_SECONDS", "0.5")
    _kill_a_long_one(tmp_path, random.Random(0), kills=2)


@pytest.mark.prove
def test_a_long_job_goes_on_after_any_number_of_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEEP_SECONDS", "0.5")
    for seed in range(10):
        (tmp_path / str(seed)).mkdir()
        _kill_a_long_one(tmp_path / str(seed), random.Random(seed), kills=4)


def _kill_a_long_one(folder: Path, choice: random.Random, kills: int) -> None:
    """Kill a process whenever it has come further, and see that the last one does only the rest, with equal result."""
    path = write_wav(folder / "long.wav", beeps(choice.choices(WORDS, k=160 * kills), pause=1.76))
    expected = _transcript(path)
    database = folder / "jobs/jobs.sqlite"
    (job_id,) = _killed(folder, [str(path)], partial(_until_further, database))
    for _ in range(kills - 1):
        _killed(folder, [], partial(_until_further, database, choice.uniform(0.0, 0.3)))
    position, hearing = _saved_position(database), _Hearing()
    desk = Desk(partial(InProcessEngine, recognizer=lambda: hearing), LifecycleSettings())
    runner = JobRunner(folder / "jobs", desk, ServerSettings())
    runner.start()
    try:
        view = runner.view(job_id, "")
        assert view
        told = events(b"".join(JobEvents(runner, job_id, "", "beeps", 10.0).follow(view, lambda: False)))
        text = told[0][1]["text"] + "".join(data["delta"] for kind, data in told if kind.endswith("delta"))
        assert text == expected.text == runner.view(job_id, "").job.text  # type: ignore[union-attr]
        assert 0 < position == min(hearing.begun)
    finally:
        runner.close()
        desk.close()
    with closing(sqlite3.connect(database)) as left:
        assert left.execute("SELECT transcript FROM transcripts").fetchone() == (pack(expected),)
        assert left.execute("SELECT job FROM savepoints UNION SELECT job FROM tokens").fetchall() == []


class _Hearing(BeepRecognizer):
    """Keeps where the chunks begin that it is given, in samples."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[int] = []

    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        self.begun += [chunk.span.owned_from for chunk in chunks]
        return super().encode(chunks, exactly=exactly)


def _transcript(path: Path) -> Transcript:
    told = Transcriber(BeepRecognizer(), TranscriptionSettings()).transcribe([Recording(0, FileMedia(path))])
    (finished,) = (event for event in told if isinstance(event, Finished))
    return finished.transcript


def _until_further(database: Path, more_seconds: float = 0.0) -> None:
    before = _saved_position(database)
    _until(lambda: _saved_position(database) > before)
    time.sleep(more_seconds)


def _saved_position(database: Path) -> int:
    """Of the only job, in samples; 0 before anything is saved."""
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as reader:
        return int((reader.execute("SELECT position FROM savepoints").fetchone() or (0,))[0])
    return 0


def _kill_and_go_on(folder: Path, choice: random.Random) -> None:
    """Kill one process while it takes and works, and another while it takes up, then let jobs come to their end."""
    folder.mkdir()
    texts = {f"{word}.wav": " ".join([word] * choice.randint(1, 30)) for word in WORDS}
    for name, text in texts.items():
        write_wav(folder / name, beeps(text.split()))
    recordings = [str(folder / name) for name in texts]
    taken = _killed(folder, recordings, partial(time.sleep, choice.uniform(0, 0.6)))
    for _ in range(KILLS - 1):
        _killed(folder, [], partial(time.sleep, choice.uniform(0, 0.3)))
    desk = Desk(InProcessEngine, LifecycleSettings())
    runner = JobRunner(folder / "jobs", desk, ServerSettings())
    runner.start()
    try:
        for job_id, (name, text) in zip(taken, texts.items(), strict=False):
            _until(partial(_is_over, runner, job_id))
            job = runner.view(job_id, "").job  # type: ignore[union-attr]
            assert (job.filename, job.text, job.error) == (name, text, None)
            assert runner.transcript(job_id).text == text  # type: ignore[union-attr]
        _until(lambda: not list((folder / "jobs").glob("*.media")))
    finally:
        runner.close()
        desk.close()


def _is_over(runner: JobRunner, job_id: str) -> bool:
    view = runner.view(job_id, "")
    assert view
    return view.state.is_final


def _killed(folder: Path, recordings: list[str], wait: Callable[[], None]) -> list[str]:
    """The ids that a process told before it was killed, which was when ``wait``, called at its start, returned."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.server.job_process", str(folder / "jobs"), *recordings],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout
    with process.stdout:
        assert process.stdout.readline() == "started\n"
        try:
            wait()
        finally:
            process.kill()
            process.wait()
        told = process.stdout.read().splitlines(keepends=True)
    return [line.strip() for line in told if line.endswith("\n")]


def _until_begun(server: JobServer, count: int) -> None:
    """So many jobs are written down as begun by this process."""
    _until(lambda: len(server.runner._begun) == count)


def _copy(folder: Path, copy: Path) -> None:
    """What a kill at this moment would leave: SQLite's files hold all that was written."""
    with tempfile.TemporaryDirectory() as between:
        shutil.copytree(folder, Path(between) / "copy")
        shutil.move(Path(between) / "copy", copy)


def _until(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)
