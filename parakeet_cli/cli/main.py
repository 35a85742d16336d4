"""The ``parakeet`` command: mounts the sub-commands and reports every error in one place."""

import os
import sys
import threading
from typing import Annotated, NoReturn

import typer

from parakeet_cli import __version__
from parakeet_cli.cli import doctor, models, serve, transcribe
from parakeet_cli.cli.bench import bench
from parakeet_cli.cli.eval import evaluate
from parakeet_cli.display import display
from parakeet_cli.errors import ParakeetError

__all__ = ["app", "main"]

app = typer.Typer(
    name="parakeet",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("transcribe")(transcribe.transcribe)
app.command("eval")(evaluate)
app.command("bench")(bench)
app.command("serve")(serve.serve)
app.add_typer(models.app, name="models")
app.command("doctor")(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"parakeet {__version__}")
        raise typer.Exit


@app.callback()
def parakeet(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Turn any audio or video into subtitles with NVIDIA Parakeet, without losing a word.

    [bold]Examples[/bold]

      parakeet transcribe talk.mp4                       # talk.srt beside the video

      parakeet transcribe lectures/ -r -f srt,vtt -o out # a folder tree, two formats

      parakeet transcribe - -o - -f txt < call.ogg       # stdin to stdout

      parakeet eval recordings/                          # word errors, where a .txt beside each says what is said

      parakeet bench                                     # how fast this machine is, stage by stage

      parakeet serve                                     # an OpenAI-compatible API, and a page

      parakeet doctor                                    # what works on this machine
    """


def main() -> None:
    """Run the command line and end the process with the exit code that ``docs/cli.md`` lists."""
    try:
        app()
    except ParakeetError as error:
        report(error)
        _leave(error.exit_code)
    except SystemExit as end:
        _leave(end.code if isinstance(end.code, int) else 1)


def report(error: ParakeetError) -> None:
    """One line on stderr."""
    sys.stderr.write(f"parakeet: {display(str(error))}\n")


def _leave(code: int) -> NoReturn:
    """End at once where an orderly end would hurt: a thread of ours is still at work and must not have torch torn down
    under it, a reader has left so that flushing at exit would fail, or unloading torch would cost seconds.
    """
    closed = False
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            closed = True
    if closed or threading.active_count() > 1 or "torch" in sys.modules:
        if children := sys.modules.get("parakeet_cli.transcription.media.ffmpeg_process"):
            children.end_all()
        os._exit(code)
    sys.exit(code)
