"""``parakeet`` whose server says sooner that it is alive: ``python -m tests.server.conformance.hasty_server serve …``.

``KEEP_ALIVE`` and ``HEARTBEAT_AFTER`` are those settings in seconds; the engine is ``odd_engine``.
"""

import os
from dataclasses import replace
from functools import partial

from parakeet_cli.cli import serve_run
from parakeet_cli.cli.main import main
from parakeet_cli.settings import ServerSettings, TranscriptionSettings
from parakeet_cli.transcription.engine.process import EngineProcess
from tests.server.conformance.odd_engine import COMMAND

PROGRAM = ("-m", "tests.server.conformance.hasty_server")

_run = serve_run.run


def run(settings: ServerSettings, model: str, transcription: TranscriptionSettings, *, as_json: bool) -> int:
    settings = replace(
        settings,
        keep_alive_seconds=float(os.environ.get("KEEP_ALIVE", settings.keep_alive_seconds)),
        heartbeat_after_seconds=float(os.environ.get("HEARTBEAT_AFTER", settings.heartbeat_after_seconds)),
    )
    return _run(settings, model, transcription, as_json=as_json)


if __name__ == "__main__":
    setattr(serve_run, "run", run)  # noqa: B010
    setattr(serve_run, "EngineProcess", partial(EngineProcess, command=COMMAND))  # noqa: B010
    main()
