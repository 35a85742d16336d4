"""``parakeet serve --install-service``: the systemd unit of a server with the options of this command line."""

import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from parakeet_cli.errors import OutputUnwritable
from parakeet_cli.server.service_unit import ENVIRONMENT_FILE, SYSTEM_UNIT, closed_to_others, service_unit

__all__ = ["install_service"]

_OPTION = "--install-service"


def install_service(arguments: Sequence[str]) -> None:
    """Write the unit where systemd looks for it, or print it if stdout goes elsewhere than to a terminal.

    ``arguments`` are the whole command line. Raises ``OutputUnwritable`` for who may not write it, and
    ``typer.BadParameter`` for what a unit cannot hold.
    """
    program, *words = arguments
    if any(word.startswith("--api-key") and not word.startswith("--api-keys-file") for word in words):
        raise typer.BadParameter(
            f"everybody can read a unit: write PARAKEET_API_KEY=… into {ENVIRONMENT_FILE}.", param_hint="--api-key"
        )
    try:
        unit = service_unit([str(Path(program).absolute()), *(word for word in words if word != _OPTION)])
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=_OPTION) from error
    if not sys.stdout.isatty():
        typer.echo(unit, nl=False)
        return
    try:
        SYSTEM_UNIT.write_text(unit)
    except OSError as error:
        raise OutputUnwritable(f"{SYSTEM_UNIT} cannot be written ({error.strerror}); run it with sudo.") from error
    if closed := closed_to_others(Path(program).absolute()):
        typer.echo(f"The service's user may not enter {closed}: install parakeet where all may, as in /opt.", err=True)
    typer.echo(
        f"Wrote {SYSTEM_UNIT}. Keys and settings belong into {ENVIRONMENT_FILE}; then:\n"
        "systemctl daemon-reload && systemctl enable --now parakeet"
    )
