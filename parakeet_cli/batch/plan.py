"""Before anything is decoded: what is to do, what is done already, and what cannot be."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from parakeet_cli.batch.destinations import Collision, place
from parakeet_cli.batch.journal import Findings, Journal, Key, State, key_of
from parakeet_cli.errors import InputError, OutputExists, VanishedMedia
from parakeet_cli.settings import DecodingSettings, OnCollision
from parakeet_cli.transcription.events import Recording

__all__ = ["Destination", "Plan", "Task", "changed", "make_plan", "not_ours"]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where results go. ``folder`` None: beside each source; ``stdout``: nowhere on disk."""

    formats: tuple[str, ...]
    folder: Path | None = None
    stdout: bool = False
    on_collision: OnCollision = OnCollision.SUFFIX
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """A recording to transcribe and the files to write from it, by format."""

    recording: Recording
    outputs: dict[str, Path]
    key: Key | None
    overwrite: bool = False
    found: dict[Path, int | None] = field(default_factory=dict)
    """When each output that stood there was last changed (ns), as the plan was made."""


@dataclass(slots=True)
class Plan:
    """Every recording of the batch is in exactly one of ``tasks``, ``done`` and ``failed``."""

    tasks: list[Task] = field(default_factory=list)
    done: list[tuple[Recording, Findings]] = field(default_factory=list)
    failed: list[tuple[Recording, InputError]] = field(default_factory=list)
    collisions: list[Collision] = field(default_factory=list)


def make_plan(
    recordings: Sequence[Recording],
    destination: Destination,
    journal: Journal,
    decoding: DecodingSettings,
    maker: str,
) -> Plan:
    """Compare each recording with what the journal and the file system say of its outputs.

    ``maker`` identifies who transcribes, and how; where it changes, outputs are written again.
    """
    plan = Plan()
    if destination.stdout:
        plan.tasks = [Task(recording, {}, None) for recording in recordings]
        return plan
    extensions = {name: f".{name}" for name in destination.formats}
    longest = max(map(len, extensions.values()))
    stems, plan.collisions = place(recordings, destination.folder, longest)
    refused = _refused(plan.collisions, destination.on_collision)
    for recording in recordings:
        if recording.number in refused:
            plan.failed.append((recording, refused[recording.number]))
            continue
        stem = stems[recording.number]
        outputs = {name: stem.with_name(stem.name + extension) for name, extension in extensions.items()}
        try:
            key = key_of(recording.media, recording.track, decoding, maker)
            due = _due(outputs, key, journal, destination.overwrite)
        except FileNotFoundError:
            plan.failed.append((recording, VanishedMedia("The file is gone; nothing was read of it.")))
        except OutputExists as error:
            plan.failed.append((recording, error))
        else:
            if due:
                found = {path: changed(path) for path in due.values()}
                plan.tasks.append(Task(recording, due, key, destination.overwrite, found))
            else:
                plan.done.append((recording, journal.findings(outputs.values(), key)))
    return plan


def _refused(collisions: Sequence[Collision], policy: OnCollision) -> dict[int, InputError]:
    if policy is OnCollision.SUFFIX:
        return {}
    refused: dict[int, InputError] = {}
    for collision in collisions:
        numbers = collision.recordings if policy is OnCollision.ERROR else collision.recordings[1:]
        for number in numbers:
            refused[number] = OutputExists(
                f"Another input of this batch writes {collision.name.name} too; "
                "rename one, or let --on-collision suffix keep both."
            )
    return refused


def _due(outputs: dict[str, Path], key: Key | None, journal: Journal, overwrite: bool) -> dict[str, Path]:
    """The outputs to write: all that are not there already from the same input, settings and checkpoint."""
    if overwrite:
        if folders := [path for path in outputs.values() if path.is_dir()]:
            raise OutputExists(f"{folders[0].name} is a folder; move it, or pass --output to write elsewhere.")
        return outputs
    states = {name: journal.state(path, key) for name, path in outputs.items()}
    if foreign := [outputs[name] for name, state in states.items() if state is State.FOREIGN]:
        raise not_ours(foreign[0])
    return {name: outputs[name] for name, state in states.items() if state is not State.DONE}


def not_ours(path: Path) -> OutputExists:
    """What is said of an output that is there and was not made from this input by us, or was changed since."""
    return OutputExists(
        f"{path.name} exists and is not what this tool wrote for this input; "
        "pass --overwrite to replace it, or --output to write elsewhere."
    )


def changed(path: Path) -> int | None:
    """When, in ns; None where nothing is."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
