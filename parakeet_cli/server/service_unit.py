"""The systemd unit that runs the server: ``parakeet serve --install-service`` prints or writes it."""

import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

__all__ = ["ENVIRONMENT_FILE", "SYSTEM_UNIT", "closed_to_others", "service_unit"]

SYSTEM_UNIT = Path("/etc/systemd/system/parakeet.service")
"""Where the unit belongs."""

ENVIRONMENT_FILE = Path("/etc/parakeet/environment")
"""Settings and keys, ``NAME=value`` a line; systemd reads it as root, so it may be of mode 0600. It may be missing."""

_HOMES = ("/home/", "/root/", "/run/user/")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_UNIT = """\
# Made by parakeet serve --install-service. Settings and keys: {environment_file}; changes of this file: systemctl edit.
[Unit]
Description=parakeet: speech to text over HTTP
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
EnvironmentFile=-{environment_file}
{environment}
# A user that exists while the service runs; its files are in /var/lib/parakeet and /var/cache/parakeet.
DynamicUser=yes
User=parakeet
StateDirectory=parakeet
StateDirectoryMode=0700
CacheDirectory=parakeet
CacheDirectoryMode=0700
WorkingDirectory=%S/parakeet
UMask=0077

Restart=on-failure
RestartSec=5
# A wrong command line does not mend itself.
RestartPreventExitStatus=2
# Only the server gets SIGTERM: it finishes what is under way, with the engine and ffmpeg still alive.
KillMode=mixed
TimeoutStopSec=40
# The first start fetches the model before it listens.
TimeoutStartSec=30min

ProtectSystem=strict
ProtectHome={protect_home}
PrivateTmp=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
LockPersonality=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=~@clock @cpu-emulation @debug @module @mount @obsolete @raw-io @reboot @swap
# Left out on purpose: PrivateDevices and DevicePolicy would hide the graphics card, ProcSubset=pid what CUDA reads of
# /proc, MemoryDenyWriteExecute forbids the code that CUDA and numba make while they run.

[Install]
WantedBy=multi-user.target
"""

_FOLDERS = MappingProxyType(
    {
        "HOME": "%S/parakeet",
        "PARAKEET_STATE_DIR": "%S/parakeet/state",
        "PARAKEET_CACHE_DIR": "%C/parakeet",
        "PARAKEET_SPOOL": "%S/parakeet/spool",
        "NUMBA_CACHE_DIR": "%C/parakeet/numba",
    }
)
"""``%S`` and ``%C`` are systemd's for /var/lib and /var/cache."""


def service_unit(command: Sequence[str], environment: Mapping[str, str] = MappingProxyType({})) -> str:
    """A unit of type notify that runs ``command``, whose first word is an absolute path, with these variables besides.

    The server tells by ``service_notice`` when it is ready. Raises ``ValueError`` for a path that is relative or has
    quotes or backslashes, and for control characters: a unit cannot hold them.
    """
    program, *arguments = command
    if not Path(program).is_absolute() or set(program) & set("\"'\\"):
        raise ValueError(f"A service needs the absolute path of its program, without quotes: {program!r}.")
    variables = [f"{name}={folder}" for name, folder in _FOLDERS.items()]
    variables += [f"{name}={_literal(value)}" for name, value in environment.items()]
    return _UNIT.format(
        # systemd replaces variables in the arguments, and not in the program's path.
        command=" ".join(map(_quoted, [_literal(program), *(_literal(word).replace("$", "$$") for word in arguments)])),
        environment="\n".join(f"Environment={_quoted(variable)}" for variable in variables),
        environment_file=ENVIRONMENT_FILE,
        protect_home="read-only" if program.startswith(_HOMES) else "yes",
    )


def closed_to_others(path: Path) -> Path | None:
    """The first folder on the way to ``path``, or itself, that the service's user may not pass or run; None if open."""
    way = [path, *path.parents]
    return next((step for step in reversed(way) if not step.stat().st_mode & stat.S_IXOTH), None)


def _literal(text: str) -> str:
    """Without specifiers."""
    if _CONTROL.search(text):
        raise ValueError(f"{text!r} has control characters, which a unit cannot hold.")
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
