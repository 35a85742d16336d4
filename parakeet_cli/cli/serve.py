"""``parakeet serve``: its options become settings. The work is in ``server.run``."""

import math
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import typer

from parakeet_cli.cli import options, serve_options
from parakeet_cli.cli.model_options import Recognition, takes_recognition
from parakeet_cli.cli.parsing import parse_limit, parse_size
from parakeet_cli.settings import DecodingSettings, LifecycleSettings, ServerSettings, UploadSettings

__all__ = ["serve"]

_SERVER = ServerSettings()
_LIFECYCLE = LifecycleSettings()
_UPLOADS = UploadSettings()


@takes_recognition
def serve(
    host: serve_options.Host = _SERVER.host,
    port: serve_options.Port = _SERVER.port,
    allow_host: serve_options.AllowHost = [],  # noqa: B006 # Typer copies it
    api_key: serve_options.ApiKey = [],  # noqa: B006
    api_keys_file: serve_options.ApiKeysFile = None,
    insecure_no_auth: serve_options.InsecureNoAuth = _SERVER.insecure_no_auth,
    cors_origin: serve_options.CorsOrigin = [],  # noqa: B006
    strict_models: serve_options.StrictModels = _SERVER.strict_models,
    max_upload: serve_options.MaxUpload = f"{_UPLOADS.max_bytes >> 30}G",
    max_duration: serve_options.MaxDuration = f"{_UPLOADS.max_seconds / 3600:g}:00:00",
    concurrency: serve_options.Concurrency = _LIFECYCLE.concurrency,
    queue: serve_options.Queue = _LIFECYCLE.waiting,
    idle_timeout: serve_options.IdleTimeout = None,
    idle_minutes: serve_options.IdleMinutes = None,
    lazy: serve_options.Lazy = _LIFECYCLE.lazy,
    drain: serve_options.Drain = _SERVER.drain_seconds,
    keep: serve_options.Keep = f"{_SERVER.keep_seconds / 3600:g}:00:00",
    *,
    recognition: Recognition,
    install_service: serve_options.InstallService = False,
    verbose: options.Verbose = False,
    log_format: options.LogFormat = options.LogStyle.TEXT,
) -> None:
    """Serve an OpenAI-compatible transcription API, and a page to drop files on.

    [bold]Examples[/bold]

      parakeet serve                                            # http://127.0.0.1:5092, for this machine

      PARAKEET_API_KEY=… parakeet serve --host 0.0.0.0 --allow-host speech.lan

      parakeet serve --model v3 --eager --idle-timeout never    # loaded at once, and kept
    """
    from parakeet_cli.cli.serve_run import run

    uploads = UploadSettings(
        max_bytes=parse_size(max_upload, "--max-upload"),
        max_seconds=parse_limit(max_duration, "--max-duration", "none"),
    )
    settings = ServerSettings(
        host=host,
        port=port,
        keys=(*_usable(api_key), *_keys_in(api_keys_file)),
        insecure_no_auth=insecure_no_auth,
        hosts=tuple(allow_host),
        origins=tuple(_origin(text) for text in cors_origin),
        strict_models=strict_models,
        drain_seconds=drain,
        keep_seconds=parse_limit(keep, "--keep", "never"),
        lifecycle=LifecycleSettings(
            lazy=lazy,
            idle_seconds=_idle_seconds(idle_timeout, idle_minutes),
            concurrency=concurrency,
            waiting=queue,
        ),
        uploads=uploads,
    )
    if install_service:
        from parakeet_cli.cli import serve_service

        model = Path(recognition.model)
        files = [model] if model.suffix == ".nemo" or any(model.glob("*.nemo")) else []
        files += [api_keys_file] if api_keys_file else []
        serve_service.install_service(sys.argv[sys.argv.index("serve") + 1 :], files)
        raise typer.Exit
    limit = None if math.isinf(uploads.max_seconds) else uploads.max_seconds
    transcription = recognition.settings(DecodingSettings(max_duration=limit), verbose=verbose)
    raise typer.Exit(run(settings, recognition.model, transcription, as_json=log_format is options.LogStyle.JSON))


def _usable(keys: Iterable[str]) -> list[str]:
    """A key of blanks would be one that an empty variable in a script sets by accident."""
    keys = list(keys)
    if any(not key.strip() or key != key.strip() for key in keys):
        raise typer.BadParameter("a key must not be empty, nor begin or end with a blank.", param_hint="--api-key")
    return keys


def _keys_in(path: Path | None) -> list[str]:
    if path is None:
        return []
    from parakeet_cli.server.keys import read_keys

    try:
        keys = read_keys(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise typer.BadParameter(f"{path} cannot be read ({reason}).", param_hint="--api-keys-file") from error
    if not keys:  # whoever names a file wants keys
        raise typer.BadParameter(f"{path} holds no key.", param_hint="--api-keys-file")
    return keys


def _origin(text: str) -> str:
    """An asterisk would open the API to every page that somebody on this machine or network looks at."""
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise typer.BadParameter(
            f"{text!r} is no origin; write it as in https://app.example.", param_hint="--cors-origin"
        )
    return f"{parts.scheme}://{parts.netloc}"


def _idle_seconds(timeout: str | None, minutes: float | None) -> float:
    """``minutes`` are those of the original program, to which 0 is never."""
    if timeout is not None:
        return parse_limit(timeout, "--idle-timeout", "never")
    if minutes is not None:
        return minutes * 60 or math.inf
    return _LIFECYCLE.idle_seconds
