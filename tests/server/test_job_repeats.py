"""Requests for jobs that are sent again under the same Idempotency-Key."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from parakeet_cli.server.desk import Desk
from parakeet_cli.server.job_repeats import JobRepeats
from parakeet_cli.server.job_runner import JobRunner
from parakeet_cli.server.job_store import JobStore
from parakeet_cli.settings import LifecycleSettings, ServerSettings
from tests.engines import eventually
from tests.server.job_process import ORDER
from tests.server.job_server import JobServer, job_server, sound
from tests.server.puppets import Puppeteer

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
SETTINGS = ServerSettings(lifecycle=LifecycleSettings(concurrency=1))


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAKEET_SPOOL", str(tmp_path / "spool"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[JobServer]:
    with job_server(tmp_path / "jobs", SETTINGS) as server:
        yield server


def _id(response: TestResponse, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.headers["Location"] == f"/v1/jobs/{response.json['id']}"  # type: ignore[index]
    return str(response.json["id"])  # type: ignore[index]


def _error(response: TestResponse) -> tuple[int, str | None]:
    return response.status_code, response.json["error"]["code"]  # type: ignore[index]


def test_the_same_request_gets_the_same_job_while_it_waits_and_when_it_is_over(
    server: JobServer, tmp_path: Path
) -> None:
    server.gate.shut()
    file = sound("one two", tmp_path)
    job_id = _id(server.post(file, headers=KEY, response_format="srt"), 202)
    assert _id(server.post(file, headers=KEY, response_format="srt"), 200) == job_id
    assert len(server.recordings()) == 1
    server.gate.open()
    server.until(job_id, "completed")
    again = server.post(file, headers=KEY, response_format="srt")
    assert _id(again, 200) == job_id
    assert (again.json["status"], again.json["text"]) == ("completed", "one two")  # type: ignore[index]


@pytest.mark.parametrize("change", ["file", "name", "field"])
def test_another_request_under_the_same_key_is_refused(server: JobServer, tmp_path: Path, change: str) -> None:
    file, other = sound("one two", tmp_path), sound("two one", tmp_path)
    _id(server.post(file, headers=KEY), 202)
    match change:
        case "file":
            refused = server.post(other, headers=KEY)
        case "name":
            refused = server.post(file, "other.wav", headers=KEY)
        case _:
            refused = server.post(file, headers=KEY, response_format="srt")
    assert _error(refused) == (422, "idempotency_key_reused")
    assert _id(server.post(other, headers={"Idempotency-Key": "another"}), 202)


def test_it_holds_over_a_restart(tmp_path: Path) -> None:
    file = sound("one two", tmp_path)
    with job_server(tmp_path / "jobs", SETTINGS) as server:
        server.gate.shut()
        job_id = _id(server.post(file, headers=KEY), 202)
    with job_server(tmp_path / "jobs", SETTINGS) as server:
        assert _id(server.post(file, headers=KEY), 200) == job_id
        assert server.until(job_id, "completed")["text"] == "one two"
        assert _error(server.post(file, headers=KEY, language="en"))[0] == 422


def test_it_holds_as_long_as_the_job(tmp_path: Path) -> None:
    """Whose id is the same then, for nothing of the request is kept."""
    file = sound("one two", tmp_path)
    settings = ServerSettings(keep_seconds=1.0, lifecycle=LifecycleSettings(concurrency=1))
    with job_server(tmp_path / "jobs", settings) as server:
        job_id = _id(server.post(file, headers=KEY), 202)
        server.client.delete(f"/v1/jobs/{job_id}")
        assert _id(server.post(file, headers=KEY, language="en"), 202) == job_id
        server.until(job_id, "completed")
        time.sleep(1.1)
        _id(server.post(file, headers=KEY), 202)


def test_keys_of_one_client_mean_nothing_to_another(tmp_path: Path) -> None:
    file = sound("one", tmp_path)
    with job_server(tmp_path / "jobs", ServerSettings(keys=("sesame", "open"))) as server:
        ids = {
            _id(server.post(file, headers={**KEY, "Authorization": f"Bearer {key}"}), 202) for key in ("sesame", "open")
        }
    assert len(ids) == 2


def test_no_secret_but_the_servers_own_leads_from_the_key_to_the_job(tmp_path: Path) -> None:
    file, ids = sound("one", tmp_path), set()
    for folder in ("first", "second"):
        with job_server(tmp_path / folder, SETTINGS) as server:
            ids.add(_id(server.post(file, headers=KEY), 202))
    assert len(ids) == 2


def test_many_at_once_make_one_job(server: JobServer, tmp_path: Path) -> None:
    server.gate.shut()
    file = sound("one two", tmp_path)
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: server.post(file, headers=KEY), range(8)))
    made = [answer for answer in answers if answer.status_code != 409]
    assert {answer.json["id"] for answer in made} == {_id(server.post(file, headers=KEY), 200)}  # type: ignore[index]
    assert [answer.status_code for answer in made].count(202) == 1
    assert len(server.recordings()) == 1


def test_a_key_that_is_in_use_is_409_until_it_is_not(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite")
    repeats = JobRepeats(store)
    with repeats.claim("key", "", b"a") as first:
        with pytest.raises(Exception, match="under way") as caught, repeats.claim("key", "", b"a"):
            pass
        assert (caught.value.status, caught.value.headers["Retry-After"]) == (409, "1")  # type: ignore[attr-defined]
        with repeats.claim("another", "", b"a"):
            pass
    with repeats.claim("key", "", b"a") as again:
        assert again == first
    store.close()


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_that_is_none_is_refused(server: JobServer, tmp_path: Path, key: str) -> None:
    response = server.post(sound("one", tmp_path), headers={"Idempotency-Key": key})
    assert _error(response) == (400, None)
    assert "Idempotency-Key" in response.json["error"]["message"]  # type: ignore[index]


def test_what_failed_before_it_was_a_job_may_be_sent_again(server: JobServer, tmp_path: Path) -> None:
    assert server.post(b"no sound" * 100, headers=KEY).status_code == 400
    _id(server.post(sound("one", tmp_path), headers=KEY), 202)


def test_a_job_made_anew_under_its_key_gets_nothing_of_the_one_that_was_deleted(tmp_path: Path) -> None:
    """Although that was just being written down."""
    puppets = Puppeteer()
    desk = Desk(puppets, LifecycleSettings())
    runner = JobRunner(tmp_path / "jobs", desk, ServerSettings())
    runner.start()
    recording = tmp_path / "talk.wav"
    recording.write_bytes(sound("one", tmp_path))

    def make() -> str:
        with runner.repeats.claim("key", "", b"request") as claim, recording.open("rb") as file:
            return runner.submit(file.fileno(), "talk.wav", ORDER, "", None, claim)

    job_id = make()
    puppets.given(0).finishes(0, "one " * 30_000)  # so many take a while
    time.sleep(0.1)
    runner.remove(job_id)
    assert make() == job_id
    puppets.given(1).finishes(1, "two")
    eventually(lambda: runner.transcript(job_id))
    assert runner.transcript(job_id).text == "two"  # type: ignore[union-attr]
    runner.close()
    desk.close()
