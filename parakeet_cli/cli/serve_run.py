"""What ``parakeet serve`` does before it listens: refuse what cannot work, and find the model."""

from functools import partial

import typer

from parakeet_cli.batch.journal import fingerprint
from parakeet_cli.cli.download_bar import DownloadBar
from parakeet_cli.cli.signals import interruptible
from parakeet_cli.server.logs import set_up_logs
from parakeet_cli.server.origins import is_loopback
from parakeet_cli.server.run import running_server
from parakeet_cli.settings import ServerSettings, TranscriptionSettings
from parakeet_cli.transcription.checkpoints import find, identity
from parakeet_cli.transcription.engine.process import EngineProcess, side_by_side
from parakeet_cli.transcription.media.ffmpeg import find_ffmpeg

__all__ = ["run"]


def run(settings: ServerSettings, model: str, transcription: TranscriptionSettings, *, as_json: bool) -> int:
    """Serve until a signal comes; the exit code. The second signal ends the process at once.

    The model is found, and fetched if need be, before the port opens: a wrong name fails at once, and the first request
    does not wait for a download. Raises ``EngineError`` where nothing can be served.
    """
    if not settings.keys and not settings.insecure_no_auth and not is_loopback(settings.host):
        raise typer.BadParameter(
            f"{settings.host} can be reached from other machines: set a key (PARAKEET_API_KEY), or say with "
            "--insecure-no-auth that anybody may use this server.",
            param_hint="--host",
        )
    find_ffmpeg()
    with DownloadBar(model) as bar:
        checkpoint = find(model, watcher=bar)
    set_up_logs(as_json=as_json)
    recognition = side_by_side(transcription, settings.lifecycle)
    start_engine = partial(EngineProcess, checkpoint=checkpoint, settings=recognition, lifecycle=settings.lifecycle)
    maker = fingerprint(transcription, identity(checkpoint.path))
    with (
        running_server(settings, checkpoint, maker, start_engine) as server,
        interruptible(server.end, server.abandon),
    ):
        server.serve()
    return 0
