"""The routes of jobs as a client sees them."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from parakeet_cli.output.writers import read_json
from parakeet_cli.settings import FrontSettings, LifecycleSettings, ServerSettings
from parakeet_cli.transcription.media.probe import MediaInfo, Probed
from tests.server.job_server import Gate, JobServer, events, job_server, sound

TEN = "zero one two three four five six seven eight seven"
ONE_AT_A_TIME = ServerSettings(lifecycle=LifecycleSettings(concurrency=1))


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAKEET_SPOOL", str(tmp_path / "spool"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[JobServer]:
    with job_server(tmp_path / "jobs", ONE_AT_A_TIME) as server:
        yield server


def test_a_job_is_taken_followed_and_fetched_in_every_format(server: JobServer, tmp_path: Path) -> None:
    response = server.post(sound(TEN, tmp_path), "Gespräch.wav", response_format="srt")
    assert response.status_code == 202
    taken = response.json
    assert response.headers["Location"] == f"/v1/jobs/{taken['id']}"  # type: ignore[index]
    job = server.until(taken["id"], "completed")  # type: ignore[index]
    assert job == {
        "id": taken["id"],  # type: ignore[index]
        "object": "transcription.job",
        "status": "completed",
        "created_at": job["created_at"],
        "filename": "Gespräch.wav",
        "model": "beeps",
        "response_format": "srt",
        "position": 0,
        "trouble": None,
        "duration": 4.16,
        "progress": {"seconds": 4.16, "share": 1.0},
        "eta_seconds": None,
        "error": None,
        "expires_at": job["expires_at"],
        "warnings": [],
        "text": TEN,
    }
    assert abs(job["expires_at"] - job["created_at"] - 24 * 3600) < 60
    assert server.result(job["id"]).text.startswith("1\n00:00:00,")
    texts = {form: server.result(job["id"], format=form) for form in ("text", "vtt", "tsv", "verbose_json", "json")}
    assert texts["text"].text == f"{TEN}\n"
    assert texts["vtt"].text.startswith("WEBVTT\n") and texts["tsv"].text.startswith("start\tend\ttext\n")
    assert texts["json"].json["text"] == texts["verbose_json"].json["text"] == TEN  # type: ignore[index]
    assert read_json(server.result(job["id"], format="parakeet_json").text).text == TEN
    server.assert_no_recordings()


def test_the_result_has_the_probabilities_that_were_asked_for(server: JobServer, tmp_path: Path) -> None:
    job_id = server.make(sound("one two", tmp_path), include="logprobs")
    server.until(job_id, "completed")
    logprobs = server.result(job_id).json["logprobs"]  # type: ignore[index]
    assert [round(entry["logprob"], 3) for entry in logprobs] == [-0.1, -0.1]


def test_what_is_no_media_is_refused_before_it_is_a_job(server: JobServer) -> None:
    response = server.post(b"no sound" * 100)
    assert response.status_code == 400
    assert response.json["error"]["param"] == "file"  # type: ignore[index]
    server.assert_no_recordings()


def test_a_wrong_field_is_refused(server: JobServer, tmp_path: Path) -> None:
    response = server.post(sound("one", tmp_path), response_format="docx")
    assert (response.status_code, response.json["error"]["param"]) == (400, "response_format")  # type: ignore[index]


def test_queued_jobs_tell_their_place_and_running_ones_their_progress(server: JobServer, tmp_path: Path) -> None:
    server.gate.shut()
    long = sound(" ".join([TEN] * 3), tmp_path)
    first, second, third = (server.make(long) for _ in range(3))
    assert [server.job(job_id)["position"] for job_id in (first, second, third)] == [0, 1, 2]
    assert server.until(first, "in_progress")["text"] == ""
    server.gate.let(2)
    job = _until(lambda: server.job(first), lambda job: job["text"])
    assert 0 < job["progress"]["share"] < 1
    assert job["progress"]["seconds"] < job["duration"] == pytest.approx(12.16, abs=0.01)
    assert " ".join([TEN] * 3).startswith(job["text"])
    server.gate.open()
    server.until(third, "completed")


def test_events_begin_with_the_job_and_their_texts_make_the_whole(server: JobServer, tmp_path: Path) -> None:
    server.gate.shut()
    text = " ".join([TEN] * 3)
    job_id = server.make(sound(text, tmp_path))
    server.gate.let(3)
    _until(lambda: server.job(job_id), lambda job: job["text"])
    server.gate.open()
    response = server.client.get(f"/v1/jobs/{job_id}/events")
    assert response.headers["Content-Type"].startswith("text/event-stream")
    told = events(response.data)
    assert told[0][0] == "job" and "text" in told[0][1]
    deltas = [data["delta"] for kind, data in told if kind == "transcript.text.delta"]
    assert told[0][1]["text"] + "".join(deltas) == text
    kind, last = told[-2]
    assert (kind, last["status"]) == ("job", "completed") and "text" not in last
    assert told[-1] == ("", "[DONE]")


def test_the_end_of_a_short_job_is_told_at_once(server: JobServer, tmp_path: Path) -> None:
    talk = sound("one", tmp_path)
    seconds = []
    for _ in range(5):  # on a busy machine some take long
        server.gate.shut()
        job_id = server.make(talk)
        server.until(job_id, "in_progress")
        stream = iter(server.client.get(f"/v1/jobs/{job_id}/events", buffered=False).response)
        next(stream)
        time.sleep(0.3)  # until its sound is decoded
        began = time.monotonic()
        server.gate.open()
        assert events(b"".join(stream))[-2][1]["status"] == "completed"  # type: ignore[arg-type]
        seconds.append(time.monotonic() - began)
    assert min(seconds) < 0.2  # looks at a job that goes on are further apart


def test_events_of_a_finished_job_are_the_job_and_the_end(server: JobServer, tmp_path: Path) -> None:
    job_id = server.make(sound("one two", tmp_path))
    server.until(job_id, "completed")
    told = events(server.client.get(f"/v1/jobs/{job_id}/events").data)
    assert [kind for kind, _ in told] == ["job", ""]
    assert told[0][1]["text"] == "one two"


def test_a_failed_job_tells_its_error_everywhere_and_no_path(server: JobServer, tmp_path: Path) -> None:
    server.gate.shut()
    job_id = server.make(sound("one nine", tmp_path), "<img onerror=alert(1)>.wav")
    stream = server.client.get(f"/v1/jobs/{job_id}/events", buffered=False)
    server.gate.open()
    told = events(stream.data)
    job = server.until(job_id, "failed")
    assert job["error"]["code"] == "recognition_failed"
    assert ("error", job["error"]) in [(kind, data.get("error")) for kind, data in told[:-1]]
    assert told[-2][1]["status"] == "failed" and told[-1][1] == "[DONE]"
    result = server.result(job_id)
    assert (result.status_code, result.json) == (400, {"error": job["error"]})
    assert str(tmp_path) not in json.dumps([job, told])
    server.assert_no_recordings()
    late = events(server.client.get(f"/v1/jobs/{job_id}/events").data)
    assert [kind for kind, _ in late] == ["job", "error", ""]
    assert late[1][1]["error"] == job["error"]


def test_a_result_that_is_not_there_yet_says_so(server: JobServer, tmp_path: Path) -> None:
    server.gate.shut()
    job_id = server.make(sound("one", tmp_path))
    response = server.result(job_id)
    assert (response.status_code, response.json["error"]["code"]) == (400, "job_not_finished")  # type: ignore[index]


@pytest.mark.parametrize("state", ["queued", "in_progress", "completed", "failed"])
def test_a_job_is_forgotten_in_every_state(server: JobServer, tmp_path: Path, state: str) -> None:
    if state in ("queued", "in_progress"):
        server.gate.shut()
    if state == "queued":
        server.make(sound("one", tmp_path))
    job_id = server.make(sound("one nine" if state == "failed" else "one", tmp_path))
    server.until(job_id, state)
    response = server.client.delete(f"/v1/jobs/{job_id}")
    assert response.json == {"id": job_id, "object": "transcription.job", "deleted": True}
    assert server.client.delete(f"/v1/jobs/{job_id}").status_code == 404
    for route in ("", "/events", "/result"):
        assert server.client.get(f"/v1/jobs/{job_id}{route}").status_code == 404
    assert len(server.recordings()) == (state == "queued")
    server.gate.open()
    assert server.until(server.make(sound("two", tmp_path)), "completed")["text"] == "two"


def test_who_follows_a_job_hears_that_it_was_deleted(server: JobServer, tmp_path: Path) -> None:
    server.gate.shut()
    job_id = server.make(sound("one", tmp_path))
    stream = iter(server.client.get(f"/v1/jobs/{job_id}/events", buffered=False).response)
    assert events(next(stream))[0][1]["status"] in ("queued", "in_progress")  # type: ignore[arg-type]
    server.client.delete(f"/v1/jobs/{job_id}")
    told = events(b"".join(stream))  # type: ignore[arg-type]
    assert told[-2][1]["status"] == "cancelled" and told[-1][1] == "[DONE]"


def test_jobs_of_another_key_are_as_unknown_as_none(tmp_path: Path) -> None:
    with job_server(tmp_path / "jobs", ServerSettings(keys=("sesame", "open"))) as server:
        mine, others = ({"Authorization": f"Bearer {key}"} for key in ("sesame", "open"))
        job_id = server.post(sound("one", tmp_path), headers=mine).json["id"]  # type: ignore[index]
        for method, route in (("get", ""), ("get", "/events"), ("get", "/result"), ("delete", "")):
            answers = [
                server.client.open(f"/v1/jobs/{asked}{route}", method=method, headers=others)
                for asked in (job_id, f"job_{'A' * 43}")
            ]
            assert [answer.status_code for answer in answers] == [404, 404]
            assert answers[0].json == answers[1].json
            assert answers[0].json["error"]["code"] == "job_not_found"  # type: ignore[index]
        assert server.client.get(f"/v1/jobs/{job_id}").status_code == 401
        assert server.client.get(f"/v1/jobs/{job_id}", headers=mine).status_code == 200
        assert server.client.delete(f"/v1/jobs/{job_id}", headers=mine).status_code == 200


def test_ids_cannot_be_guessed_or_read_from_the_disk(server: JobServer, tmp_path: Path) -> None:
    server.gate.shut()  # no recording goes while the folder is read
    ids = {server.make(sound("one", tmp_path)) for _ in range(3)}
    ids.add(server.post(sound("one", tmp_path), headers={"Idempotency-Key": "key"}).json["id"])  # type: ignore[index]
    assert len(ids) == 4 and all(len(job_id) == len("job_") + 43 for job_id in ids)
    on_disk = b"".join(path.read_bytes() + os.fsencode(path.name) for path in server.folder.iterdir())
    assert not any(job_id.encode() in on_disk for job_id in ids)


@pytest.mark.parametrize("job_id", ["job_", "x", "job_" + "A" * 5000, "%F0%9F%98%80", "%00", "..%2F..", "%ff"])
def test_odd_ids_are_unknown(server: JobServer, job_id: str) -> None:
    assert server.client.get(f"/v1/jobs/{job_id}").status_code == 404


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("talk.final.mp4", "talk.final.srt"),
        ("Gespräch 会議.mp4", "Gespräch 会議.srt"),
        ("../../etc/passwd", "passwd.srt"),
        ("a?b:c.mp4", "a_b_c.srt"),
        ("\u202egpj.mp4", "_gpj.srt"),
    ],
)
def test_a_download_is_named_after_the_recording(
    server: JobServer, tmp_path: Path, filename: str, expected: str
) -> None:
    job_id = server.make(sound("one", tmp_path), filename)
    server.until(job_id, "completed")
    response = server.result(job_id, format="srt", download="1")
    disposition = response.headers["Content-Disposition"]
    assert disposition.startswith('attachment; filename="')
    assert disposition.endswith(f"; filename*=UTF-8''{quote(expected)}")
    assert disposition.isascii()
    assert "Content-Disposition" not in server.result(job_id, format="srt").headers


def test_the_row_has_an_end(tmp_path: Path) -> None:
    settings = ServerSettings(lifecycle=LifecycleSettings(concurrency=1, waiting_jobs=2))
    with job_server(tmp_path / "jobs", settings) as server:
        server.gate.shut()
        jobs = [server.make(sound("one", tmp_path)) for _ in range(3)]
        response = server.post(sound("one", tmp_path))
        assert response.status_code == 503
        assert response.json["error"]["code"] == "server_is_overloaded"  # type: ignore[index]
        assert 1 <= int(response.headers["Retry-After"]) <= 60
        assert len(server.recordings()) == 3
        server.client.delete(f"/v1/jobs/{jobs[1]}")
        server.make(sound("two", tmp_path))


def test_recordings_that_wait_may_take_only_so_much_of_the_disk(tmp_path: Path) -> None:
    content = sound("one two three", tmp_path)
    with job_server(tmp_path / "jobs", ServerSettings(job_bytes=len(content) * 2)) as server:
        server.gate.shut()
        first = server.make(content)
        server.make(content)
        assert server.post(content).status_code == 503
        server.client.delete(f"/v1/jobs/{first}")
        server.make(content)


def test_streams_do_not_take_all_threads(tmp_path: Path) -> None:
    with job_server(tmp_path / "jobs", ServerSettings(front=FrontSettings(followers=2))) as server:
        server.gate.shut()
        job_id = server.make(sound("one", tmp_path))
        path = f"/v1/jobs/{job_id}/events"
        streams = [server.client.get(path, buffered=False) for _ in range(2)]
        refused = server.client.get(path)
        assert (refused.status_code, refused.json["error"]["code"]) == (503, "server_is_overloaded")  # type: ignore[index]
        for stream in streams:
            stream.close()
        for _ in range(3):
            server.client.head(path, buffered=True)
        server.gate.open()
        assert all(server.client.get(path, buffered=True).status_code == 200 for _ in range(3))


def test_a_stream_ends_when_its_client_has_left(server: JobServer, tmp_path: Path) -> None:
    server.gate.shut()
    job_id = server.make(sound("one", tmp_path))
    left = {"waitress.client_disconnected": lambda: True}
    began = time.monotonic()
    told = events(server.client.get(f"/v1/jobs/{job_id}/events", environ_overrides=left).data)
    assert [kind for kind, _ in told] == ["job"]
    assert time.monotonic() - began < 5


def test_a_silent_stream_says_that_it_is_alive(tmp_path: Path) -> None:
    with job_server(tmp_path / "jobs", ServerSettings(keep_alive_seconds=0.2)) as server:
        server.gate.shut()
        job_id = server.make(sound("one", tmp_path))
        server.until(job_id, "in_progress")
        stream = iter(server.client.get(f"/v1/jobs/{job_id}/events", buffered=False).response)
        assert b": keep-alive\n\n" in [next(stream) for _ in range(3)]


def test_draining_ends_streams(server: JobServer, tmp_path: Path) -> None:
    server.gate.shut()
    job_id = server.make(sound("one", tmp_path))
    stream = iter(server.client.get(f"/v1/jobs/{job_id}/events", buffered=False).response)
    next(stream)
    server.runner.drain()
    assert b"[DONE]" not in b"".join(stream)  # type: ignore[arg-type]


def test_a_server_without_jobs_says_so(tmp_path: Path) -> None:
    from parakeet_cli.server.app import create_app
    from tests.server.applications import services_for

    response = create_app(services_for(ServerSettings())).test_client().get("/v1/jobs/x")
    assert (response.status_code, response.json["error"]["code"]) == (501, "jobs_unavailable")  # type: ignore[index]


def test_a_thousand_queued_jobs_are_asked_for_cheaply(tmp_path: Path) -> None:
    gate = Gate()
    gate.shut()
    content = sound("one", tmp_path)
    upload = tmp_path / "upload"
    with job_server(tmp_path / "jobs", ONE_AT_A_TIME, gate) as server:
        server.runner._store._database._connection.execute(
            "PRAGMA synchronous = OFF"
        )  # the disk's pace is not asked for
        ids = []
        for _ in range(1000):
            upload.write_bytes(content)
            with upload.open("rb") as file:
                ids.append(server.runner.submit(file.fileno(), "talk.wav", _ORDER, "", HALF_A_SECOND))
            upload.unlink()
        began = time.process_time()
        assert [server.job(job_id)["position"] for job_id in ids] == list(range(1000))
        assert time.process_time() - began < 20  # 1.5 s where it was written
        for job_id in ids:
            server.client.delete(f"/v1/jobs/{job_id}")
        server.assert_no_recordings()


HALF_A_SECOND = Probed("", MediaInfo(0.5, ()))
_ORDER = '{"format": "json", "granularities": ["segment"], "warnings": []}'


def _until(look: Any, is_so: Any) -> Any:
    end = time.monotonic() + 30
    while not is_so(found := look()):
        assert time.monotonic() < end, found
        time.sleep(0.01)
    return found
