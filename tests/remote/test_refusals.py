"""A server's errors end a run as the same ones do here."""

import pytest

from parakeet_cli.errors import (
    AudioTooLong,
    AudioTooShort,
    DecodeKilled,
    DecodeTimeout,
    DeviceUnavailable,
    DiskFull,
    EmptyMedia,
    EngineFailed,
    FfmpegMissing,
    ModelCorrupt,
    ModelError,
    NoAudioStream,
    NotMedia,
    Overloaded,
    ParakeetError,
    RecognitionFailed,
    ServerRefused,
)
from parakeet_cli.remote.refusals import Refusal, as_error
from parakeet_cli.server.errors import api_error

SAME = [
    *(EmptyMedia, NotMedia, NoAudioStream, AudioTooShort, AudioTooLong, RecognitionFailed, DecodeTimeout, DecodeKilled),
    *(FfmpegMissing, DiskFull, DeviceUnavailable, Overloaded),
]


@pytest.mark.parametrize(
    ("there", "here"),
    [*zip(SAME, SAME, strict=True), (ModelCorrupt, ModelError), (EngineFailed, RecognitionFailed)],
    ids=lambda kind: kind.__name__,
)
def test_an_error_of_the_server_is_the_same_here(there: type[ParakeetError], here: type[ParakeetError]) -> None:
    """But that it does not tell what is wrong with its model, and that two engines failed at one recording."""
    told = api_error(there("What happened."))
    assert type(as_error(Refusal(told.status, told.body()["error"]), "http://gpu.lan")) is here


@pytest.mark.parametrize(
    ("status", "fields"),
    [(401, {"code": None, "message": "No key."}), (404, {}), (405, {}), (302, {}), (400, {"code": "host_not_allowed"})],
)
def test_a_server_that_is_none_of_ours_ends_the_run(status: int, fields: dict[str, object]) -> None:
    assert isinstance(as_error(Refusal(status, fields), "http://gpu.lan"), ServerRefused)


def test_what_a_server_says_moves_no_cursor() -> None:
    made = as_error(
        Refusal(400, {"code": "no_audio_stream", "message": "\x1b[2Jgone" + "x" * 10_000}), "http://gpu.lan"
    )
    assert "\x1b" not in str(made) and len(str(made)) < 600


@pytest.mark.parametrize("fields", [{}, {"message": 7, "code": ["x"]}, {"code": None}])
def test_an_error_without_its_fields_is_one_all_the_same(fields: dict[str, object]) -> None:
    assert "http://gpu.lan" in str(as_error(Refusal(503, fields), "http://gpu.lan"))
