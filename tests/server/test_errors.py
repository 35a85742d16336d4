"""Which answer each error of ours becomes."""

import pytest

from parakeet_cli import errors
from parakeet_cli.errors import InputError, ParakeetError
from parakeet_cli.server.errors import api_error

RETRIED = {408, 409, 429}


def _leaves(kind: type[ParakeetError]) -> list[type[ParakeetError]]:
    below = [leaf for child in kind.__subclasses__() for leaf in _leaves(child)]
    return below or [kind]


@pytest.mark.parametrize("kind", _leaves(ParakeetError), ids=lambda kind: kind.__name__)
def test_every_error_has_a_code_and_a_type(kind: type[ParakeetError]) -> None:
    error = api_error(kind("What went wrong."))
    assert error.status >= 400
    assert error.code
    assert error.body()["error"].keys() == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    "kind",
    [
        errors.EmptyMedia,
        errors.NotMedia,
        errors.NoAudioStream,
        errors.AudioTooShort,
        errors.AudioTooLong,
        errors.RecognitionFailed,
    ],
)
def test_what_would_fail_again_is_not_sent_again(kind: type[ParakeetError]) -> None:
    error = api_error(kind("speech.wav is wrong; send another."))
    assert 400 <= error.status < 500
    assert error.status not in RETRIED
    assert (error.message, error.param) == ("speech.wav is wrong; send another.", "file")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.AudioTooShort("x"), 400, "audio_too_short"),
        (errors.NotMedia("x"), 400, "invalid_value"),
        (errors.AudioTooLong("x"), 413, "audio_too_long"),
        (errors.EngineFailed("x"), 500, "engine_error"),
        (errors.ModelCorrupt("x"), 503, "model_unavailable"),
        (errors.DeviceUnavailable("x"), 503, "gpu_unavailable"),
        (errors.DecodeTimeout("x"), 504, "decode_timeout"),
        (errors.DiskFull("x"), 507, "insufficient_storage"),
    ],
)
def test_the_table_of_codes_holds(error: ParakeetError, status: int, code: str) -> None:
    assert (api_error(error).status, api_error(error).code) == (status, code)


@pytest.mark.parametrize(("wanted", "told"), [(0, "1"), (7, "7"), (600, "60")])
def test_an_overload_says_when_to_come_again(wanted: int, told: str) -> None:
    error = api_error(errors.Overloaded("The server has no room for more; try again later.", wanted))
    assert (error.status, error.code, error.kind) == (503, "server_is_overloaded", "service_unavailable_error")
    assert error.headers["Retry-After"] == told


def test_a_path_of_the_server_stays_in_its_log(caplog: pytest.LogCaptureFixture) -> None:
    error = api_error(errors.ModelNotFound("There is no checkpoint /srv/secret/model.nemo; fetch it."))
    assert "/srv" not in error.message
    assert "/srv/secret/model.nemo" in caplog.text


def test_an_unknown_error_about_the_input_is_the_clients() -> None:
    class NewError(InputError):
        pass

    assert api_error(NewError("x")).status == 400


def test_a_client_is_told_not_to_repeat_what_the_desk_has_repeated() -> None:
    assert api_error(errors.EngineFailed("It crashed.")).headers["x-should-retry"] == "false"
    assert "x-should-retry" not in api_error(errors.Overloaded("Full.", 3)).headers
