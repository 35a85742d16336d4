"""Jobs of a server process, through sockets."""

import http.client
import json
from collections.abc import Callable
from contextlib import ExitStack, closing

from parakeet_cli.settings import FrontSettings
from tests.server.asking import SPEECH
from tests.server.processes import RunningServer, form, until

FOLLOWERS = FrontSettings().followers


def test_those_who_follow_take_only_their_own_threads_and_give_them_back(
    start_server: Callable[..., RunningServer],
) -> None:
    server = start_server(BEEP_SECONDS="60")
    body, kind = form(SPEECH)
    taken = server.ask("POST", "/v1/jobs", body, {"Content-Type": kind})
    assert taken.status == 202
    path = f"{taken.headers['location']}/events"
    with ExitStack() as streams:
        for _ in range(FOLLOWERS):
            _follow(server, path, streams)
        refused = server.ask("GET", path)
        assert (refused.status, refused.error["code"]) == (503, "server_is_overloaded")
        for other in ("/health/live", taken.headers["location"]):
            assert server.ask("GET", other).status == 200
    until(lambda: _can_follow(server, path), "a place is free")
    assert server.ask("DELETE", taken.headers["location"]).json()["deleted"]
    until(lambda: server.metric("parakeet_running") == 0, "the recording is given up")


def test_a_job_is_followed_to_its_end(server: RunningServer) -> None:
    body, kind = form(SPEECH)
    location = server.ask("POST", "/v1/jobs", body, {"Content-Type": kind}).headers["location"]
    told = server.ask("GET", f"{location}/events")
    assert told.headers["content-type"].startswith("text/event-stream") and told.body.endswith(b"data: [DONE]\n\n")
    first, *_, last, _ = told.body.decode().split("\n\n")[:-1]
    job = json.loads(last.partition("data: ")[2])
    assert json.loads(first.partition("data: ")[2])["id"] == job["id"]
    assert job["status"] == "completed"
    assert server.ask("GET", f"{location}/result?format=text").body == b"one two three\n"
    assert server.ask("DELETE", location).status == 200


def _follow(server: RunningServer, path: str, streams: ExitStack) -> None:
    """Until the streams are closed; returns when the first event has come."""
    connection = streams.enter_context(closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)))
    connection.request("GET", path)
    response = streams.enter_context(connection.getresponse())
    assert (response.status, response.readline()) == (200, b"event: job\n")


def _can_follow(server: RunningServer, path: str) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        connection.request("GET", path)
        with connection.getresponse() as response:
            return response.status == 200
