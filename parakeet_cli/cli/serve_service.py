"""``parakeet serve --install-service``: the systemd unit that runs the server as this command line would."""

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import typer

import parakeet_cli
from parakeet_cli.display import display
from parakeet_cli.errors import OutputUnwritable
from parakeet_cli.server.service_unit import ENVIRONMENT_FILE, SYSTEM_UNIT, closed_to_others, service_unit

__all__ = ["OPTION", "install_service"]

OPTION = "--install-service"


def install_service(arguments: Sequence[str], files: Iterable[Path] = (), place: Path = SYSTEM_UNIT) -> None:
    """Write the unit to ``place`` if stdout is a terminal, else print it; the unit serves with these ``arguments``.

    ``files`` are those that an argument names: the unit has them by their absolute paths, as it runs in another folder.
    Raises ``BadParameter`` for a key among them, which everybody could read in the unit, and ``OutputUnwritable``.
    """
    if any(word == "--api-key" or word.startswith("--api-key=") for word in arguments):
        raise typer.BadParameter(
            f"everybody may read a unit: write PARAKEET_API_KEY=… to {ENVIRONMENT_FILE} instead.",
            param_hint="--api-key",
        )
    # -P: else a file in the service's own folder could stand for one of our modules.
    kept = [word for word in arguments if word != OPTION]
    for file in files:
        kept = [_absolute(word, file) for word in kept]
    command = [sys.executable, "-P", "-m", "parakeet_cli", "serve", *kept]
    try:
        unit = service_unit(command)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=OPTION) from error
    if not sys.stdout.isatty():
        typer.echo(unit, nl=False)
    else:
        _write(unit, place)
    _warn_of_closed_folders(files)


def _absolute(word: str, file: Path) -> str:
    """``file``, ``--option=file`` or ``-ofile``, with the file's absolute path in its place."""
    option, name = re.fullmatch(r"(--[a-z-]+=|-[a-z]|)(.*)", word, re.DOTALL).groups()  # type: ignore[union-attr]
    return f"{option}{file.absolute()}" if name and Path(name) == file else word


def _write(unit: str, place: Path) -> None:
    try:
        place.write_text(unit, encoding="utf-8")
    except OSError as error:
        raise OutputUnwritable(
            f"{place} cannot be written ({error.strerror}): use sudo, or print the unit with {OPTION} > FILE."
        ) from error
    typer.echo(
        f"Wrote {place}. Settings and keys belong in {ENVIRONMENT_FILE}. Now: systemctl daemon-reload, then "
        f"systemctl enable --now {place.stem}",
        err=True,
    )


def _warn_of_closed_folders(files: Iterable[Path]) -> None:
    ours = Path(sys.executable), Path(sys.executable).resolve(), Path(parakeet_cli.__file__).parent
    if closed := next(filter(None, map(closed_to_others, ours)), None):
        typer.echo(
            f"The service's own user may not enter {display(str(closed))}, where parakeet is installed: install it "
            "into a folder that is open to all, such as /opt/parakeet.",
            err=True,
        )
    for file in files:
        folder = file.absolute().parent
        if folder.exists() and (closed := closed_to_others(folder)):
            typer.echo(
                f"The service's own user may not enter {display(str(closed))}, where {display(file.name)} lies: move "
                "it into a folder that is open to all, such as /etc/parakeet.",
                err=True,
            )
