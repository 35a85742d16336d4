"""What ``parakeet doctor`` looks at, and how it tells."""

import json
import platform
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from parakeet_cli import __version__
from parakeet_cli.display import display
from parakeet_cli.errors import DecodeKilled, FfmpegMissing, ModelError
from parakeet_cli.transcription.checkpoints import Places, identity, on_disk
from parakeet_cli.transcription.checkpoints.preflight import inspect
from parakeet_cli.transcription.media.ffmpeg import find_ffmpeg

__all__ = ["run"]

_ENOUGH_FOR_MODELS = 6 << 30
"""Bytes: the largest checkpoint of the catalogue, and some."""
_ENOUGH_FOR_SPOOLING = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """``problem`` is None where all is well, else a sentence that says what to do. ``fatal``: nothing would work."""

    subject: str
    fact: str
    problem: str | None = None
    fatal: bool = False


def run(*, as_json: bool) -> int:
    """Returns the exit code."""
    findings = [finding for check in (_python, _ffmpeg, _torch, _nemo, _disk, _models) for finding in check()]
    healthy = not any(finding.fatal for finding in findings)
    if as_json:
        typer.echo(json.dumps({"ok": healthy, "findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        _draw(findings, healthy)
    return 0 if healthy else 1


def _python() -> Iterator[Finding]:
    yield Finding("parakeet", f"{__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}")


def _ffmpeg() -> Iterator[Finding]:
    try:
        ffmpeg = find_ffmpeg()
    except (FfmpegMissing, DecodeKilled) as error:
        found = "not found" if isinstance(error, FfmpegMissing) else "cannot be asked"
        yield Finding("ffmpeg", found, str(error), fatal=True)
        return
    reads = "reads open files by itself (fd:)" if ffmpeg.has_fd else "reads open files by /proc"
    yield Finding("ffmpeg", f"{ffmpeg.version} at {ffmpeg.path}, {reads}")


def _torch() -> Iterator[Finding]:
    try:
        from parakeet_cli.transcription.pytorch.devices import report

        found = report()
    except Exception as error:  # whatever a broken installation raises is what the user must read
        yield Finding("torch", "cannot be imported", f"{error}; install parakeet-cli again.", fatal=True)
        return
    cards = ", ".join(found.cards) or "no card"
    yield Finding("torch", f"{found.version}, CUDA {found.cuda or 'not built in'}, {cards}", found.problem)
    slow = "Without a usable NVIDIA card everything runs on the CPU." if found.auto_device == "cpu" else None
    yield Finding("device", f"auto takes {found.auto_device} with {found.auto_dtype}", slow)


def _nemo() -> Iterator[Finding]:
    try:
        from parakeet_cli.transcription.nemo.loading import import_nemo

        version = import_nemo()
    except Exception as error:  # as above
        yield Finding("NeMo", "cannot be imported", f"{error}; install parakeet-cli again.", fatal=True)
        return
    yield Finding("NeMo", version)


def _disk() -> Iterator[Finding]:
    for subject, folder in (
        ("models folder", Places().store),
        ("temporary folder", Path(tempfile.gettempdir())),
    ):
        existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
        free = shutil.disk_usage(existing).free
        needed = _ENOUGH_FOR_MODELS if subject == "models folder" else _ENOUGH_FOR_SPOOLING
        problem = None
        if free < needed:
            problem = f"A large model or upload needs about {needed >> 30} GiB there; free some space."
        yield Finding(subject, f"{folder}, {free / 2**30:.1f} GiB free", problem)


def _models() -> Iterator[Finding]:
    checkpoints = on_disk()
    for checkpoint in checkpoints:
        try:
            inspect(checkpoint.path)
        except ModelError as error:
            yield Finding("model", f"{checkpoint.name} at {checkpoint.path}", str(error))
        else:
            sha256 = identity(checkpoint.path)
            yield Finding("model", f"{checkpoint.name} at {checkpoint.path}, sha256 {sha256[:16]}…")
    if all(checkpoint.name == "demo" for checkpoint in checkpoints):
        yield Finding(
            "model",
            "no real one yet",
            "The first run downloads parakeet-tdt-0.6b-v2 (2.5 GB); "
            "without network run `parakeet models download` elsewhere and copy the file.",
        )


def _draw(findings: Sequence[Finding], healthy: bool) -> None:
    console = Console(highlight=False)
    for finding in findings:
        mark, style = ("✗", "red") if finding.fatal else ("!", "yellow") if finding.problem else ("✓", "green")
        line = Text.assemble((f"{mark} ", style), (f"{finding.subject}: ", "bold"), display(finding.fact))
        console.print(line, soft_wrap=True)
        if finding.problem:
            console.print(Text(f"    {display(finding.problem)}"), soft_wrap=True)
    verdict = "Transcribing works here." if healthy else "Transcribing does not work here until this is mended."
    console.print(Text(verdict, style="bold"))
