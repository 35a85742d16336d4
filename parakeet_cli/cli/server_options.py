"""The options that hand the work to a server, and what cannot be said along with them."""

from typing import Annotated

import typer

from parakeet_cli.remote.address import Address, read_address

__all__ = ["Server", "ServerKey", "check_key", "is_given", "parse_server", "refuse_local"]

SERVER = "A server's work"
"""The panel of the help."""

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        envvar="PARAKEET_SERVER",
        rich_help_panel=SERVER,
        metavar="URL",
        help="Have it done by a running `parakeet serve`, with its model and settings: http://host:5092.",
    ),
]

ServerKey = Annotated[
    str | None,
    typer.Option(
        "--server-key",
        envvar="PARAKEET_SERVER_KEY",
        rich_help_panel=SERVER,
        metavar="KEY",
        help="A key of that server. Others see it in the list of processes: better the variable.",
    ),
]

_TRANSCRIPT = (
    *("track", "start", "end", "max_duration"),
    *("chunk_seconds", "chunk_minutes", "context_seconds", "vad", "skip_silence", "skip_confidence", "audit"),
)
"""What decides what a transcript says: refused wherever it is set, as leaving it out would be felt."""
_MACHINE = (
    *("device", "dtype", "batch_size", "trust_model", "allow_legacy", "engine", "cuda_graphs"),
    *("isolate", "verbose"),
)
"""What describes this machine: a variable of its user's may stay set."""


def is_given(context: typer.Context, name: str, *, also_by_variable: bool = True) -> bool:
    """Whether the user has set a parameter, be it to its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name in ("COMMANDLINE", *(["ENVIRONMENT"] if also_by_variable else []))


def refuse_local(context: typer.Context) -> None:
    """Raise ``typer.BadParameter`` for an option that only an engine in this process follows."""
    for name in (*_TRANSCRIPT, *_MACHINE):
        if is_given(context, name, also_by_variable=name in _TRANSCRIPT):
            raise typer.BadParameter(
                f"the server transcribes whole recordings with settings of its own; leave {_spelled(context, name)} "
                f"out, or {_spelled(context, 'server')} to transcribe here.",
                param_hint="--server",
            )


def parse_server(text: str) -> Address:
    try:
        return read_address(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--server") from error


def check_key(key: str | None) -> None:
    """The value is in no message."""
    if key is not None and (not key or not key.isascii() or any(not "!" <= sign <= "~" for sign in key)):
        raise typer.BadParameter(
            "a key is one word of ASCII letters, digits and signs; check the variable.", param_hint="--server-key"
        )


def _spelled(context: typer.Context, name: str) -> str:
    """As the user has set it: by an option or by a variable."""
    option = next(parameter for parameter in context.command.params if parameter.name == name)
    if is_given(context, name, also_by_variable=False):
        is_negated = context.params[name] is False and option.secondary_opts
        return str((option.secondary_opts if is_negated else option.opts)[0])
    return str(option.envvar)
