"""``parakeet`` whose server starts the engine that hears beeps: ``python -m tests.beeping_server serve …``.

``tests.beeping_engine`` tells of the engine's faults, and of ``BEEP_SECONDS``.
"""

from functools import partial

from parakeet_cli.cli import serve_run
from parakeet_cli.cli.main import main
from parakeet_cli.transcription.engine.process import EngineProcess
from tests.beeping_engine import COMMAND

if __name__ == "__main__":
    # the one seam that tests may fake
    setattr(serve_run, "EngineProcess", partial(EngineProcess, command=COMMAND))  # noqa: B010
    main()
