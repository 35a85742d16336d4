"""``parakeet doctor``: what works on this machine, what would not, and what to do about it."""

from typing import Annotated

import typer

__all__ = ["doctor"]


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Findings as JSON on stdout.")] = False,
) -> None:
    """Check ffmpeg, torch, the graphics card, disk space and checkpoints. Exit code 0 if transcribing would work.

    [bold]Examples[/bold]

      parakeet doctor

      parakeet doctor --json | jq .
    """
    from parakeet_cli.cli.doctor_run import run

    raise typer.Exit(run(as_json=as_json))
