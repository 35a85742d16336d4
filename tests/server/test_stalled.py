"""A file on which ffmpeg makes no progress is tried once, and refused for a while."""

import io
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from parakeet_cli.server.stalled import StalledFiles
from parakeet_cli.settings import ServerSettings
from parakeet_cli.transcription.media.ffmpeg import find_ffmpeg
from tests.fakes import ODD, beeps
from tests.server.asking import ROUTE, SPEECH, application, ask, wav

FIRST = SPEECH + ODD
OTHER = wav(beeps(["three", "two", "one"])) + ODD
"""Of the same size."""
FORM_FIELDS = {"/asr?output=srt": "audio_file", "/detect-language": "audio_file"}
"""The names of the file, where it is another than usual."""

STALLS = """\
#!/bin/sh
case "$*" in
    *-protocols*) step=start ;;
    *framecrc*) step=probe ;;
    *) step=decode ;;
esac
test -e "{folder}/$step" && kill -XCPU $$
exec "{ffmpeg}" "$@"
"""
"""An ffmpeg that uses up its processor time, as on a file through which it goes round and round."""


@pytest.fixture
def stall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder; where it has a file ``decode`` or ``probe``, that step of ffmpeg does not end by itself."""
    program = tmp_path / "ffmpeg"
    program.write_text(STALLS.format(folder=tmp_path, ffmpeg=find_ffmpeg().path))
    program.chmod(0o755)
    monkeypatch.setenv("PARAKEET_FFMPEG", str(program))
    monkeypatch.setenv("PARAKEET_SPOOL", str(tmp_path / "spool"))
    return tmp_path


def _send(client: FlaskClient, route: str, file: bytes = FIRST) -> TestResponse:
    return ask(client, route, file, FORM_FIELDS.get(route, "file"))


@pytest.mark.parametrize("step", ["probe", "decode"])
@pytest.mark.parametrize("fields", [{}, {"stream": "true"}], ids=str)
def test_what_stalls_is_504_once_and_then_400(stall: Path, step: str, fields: dict[str, Any]) -> None:
    client = application().test_client()
    (stall / step).touch()
    first = ask(client, file=FIRST, **fields)
    (stall / step).unlink()  # from here on any file that reaches ffmpeg is decoded
    again = _send(client, ROUTE)
    errors = [answer.get_json()["error"] for answer in (first, again)]
    assert [answer.status_code for answer in (first, again)] == [504, 400]
    assert [(error["code"], error["param"]) for error in errors] == [("decode_timeout", "file")] * 2
    assert _send(client, ROUTE, OTHER).get_json()["text"] == "three two one"


@pytest.mark.parametrize("route", ["/asr?output=srt", "/inference", "/detect-language"])
def test_other_routes_know_of_it_too(stall: Path, route: str) -> None:
    client = application().test_client()
    (stall / "decode").touch()
    assert _send(client, "/inference").status_code == 504
    (stall / "decode").unlink()
    assert _send(client, route).status_code == 400
    assert _send(client, route, OTHER).status_code == 200


def test_what_stalls_after_the_answer_began_is_remembered_too(stall: Path) -> None:
    client = application(ServerSettings(heartbeat_after_seconds=0.0)).test_client()
    (stall / "decode").touch()
    first = _send(client, ROUTE)
    assert (first.status_code, first.get_json()["error"]["code"]) == (200, "decode_timeout")
    assert _send(client, ROUTE).status_code == 400


def _file(path: Path, content: bytes) -> io.FileIO:
    path.write_bytes(content)
    return path.open("rb", buffering=0)


def test_files_are_remembered_for_ten_minutes_and_not_without_bound(tmp_path: Path) -> None:
    now = 0.0
    stalled = StalledFiles(lambda: now)
    with _file(tmp_path / "first", b"same size 1") as first, _file(tmp_path / "second", b"same size 2") as second:
        stalled.add(first)
        assert first in stalled and second not in stalled
        now = 599.0
        assert first in stalled
        stalled.add(second)
        now = 601.0
        assert first not in stalled and second in stalled
        for number in range(256):
            with _file(tmp_path / "third", b"%d" % number) as third:
                stalled.add(third)
        assert second not in stalled
