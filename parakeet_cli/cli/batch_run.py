"""What ``parakeet transcribe`` does before the model is loaded: find the inputs, plan, refuse what cannot work."""

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import typer

from parakeet_cli.batch.claims import Claims
from parakeet_cli.batch.files import check_writable, remove_orphans
from parakeet_cli.batch.journal import Journal
from parakeet_cli.batch.plan import Destination, Plan, make_plan
from parakeet_cli.batch.review import ReviewList
from parakeet_cli.cli.batch_session import Conduct, Session
from parakeet_cli.cli.progress import Totals
from parakeet_cli.cli.reporting import forwarded_warnings, make_reporter
from parakeet_cli.cli.workplace import Workplace
from parakeet_cli.errors import InputError, RunActive
from parakeet_cli.output.presets import PRESETS
from parakeet_cli.output.writers import FORMATS, formats
from parakeet_cli.settings import OnCollision
from parakeet_cli.transcription.events import Recording
from parakeet_cli.transcription.media.inputs import (
    DescriptorMedia,
    FileMedia,
    Media,
    Skipped,
    StdinMedia,
    UrlMedia,
    find_media,
)
from parakeet_cli.transcription.media.media_file import open_media
from parakeet_cli.transcription.media.probe import Probed, examine
from parakeet_cli.user_folders import state_folder

__all__ = ["Manners", "run"]

EXIT_NOTHING_TO_DO = 4

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Manners:
    """How the batch behaves, apart from what a transcript says."""

    formats: str
    output: str | None
    preset: str
    least_confidence: float
    review: Path | None
    recursive: bool
    all_tracks: bool
    require_audio: bool
    overwrite: bool
    on_collision: OnCollision
    shared: bool
    strict: bool
    max_failures: int | None
    quiet: bool
    json_log: bool


def run(inputs: Sequence[str], workplace: Workplace, manners: Manners) -> int:
    """Transcribe ``inputs``; returns the exit code. Raises ``EngineError`` where no input would succeed."""
    began = time.monotonic()
    rules = _named(PRESETS, manners.preset, "--preset")
    destination = _destination(inputs, manners)
    workplace.check()
    if destination.folder:
        check_writable(destination.folder)
    recordings, left_out = _collect(inputs, manners)
    names = {recording.number: _name(recording) for recording in recordings}
    totals = Totals(_sizes(recordings))
    reporter = make_reporter(
        totals,
        len(recordings),
        quiet=manners.quiet,
        json_log=manners.json_log,
        terminal_is_shared=workplace.is_talkative or (destination.stdout and sys.stdout.isatty()),
    )
    with forwarded_warnings(reporter), closing(reporter):
        if not recordings and not left_out:
            reporter.warning("There is nothing to transcribe: name a media file, or a folder that holds some.")
            return EXIT_NOTHING_TO_DO
        if recordings:
            workplace.find(reporter)
        folder = state_folder()
        with suppress(OSError):  # the journal says what follows from that
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with ExitStack() as stack:
            journal = stack.enter_context(closing(Journal(folder / "journal.sqlite3")))
            claims = stack.enter_context(closing(Claims(folder / "claims")))
            look = f"{manners.preset} {manners.least_confidence:g}"
            plan = _plan(recordings, destination, journal, workplace, look)
            for collision in plan.collisions:
                reporter.warning(
                    f"{len(collision.recordings)} inputs would write {collision.name.name}; "
                    f"--on-collision {manners.on_collision} applies."
                )
            _check_outputs(plan, destination)
            if not manners.shared:
                _claim_all(plan, claims)
            review = None
            if manners.review:
                review = ReviewList(manners.review, manners.least_confidence, workplace.decoding.start)
            if review and plan.done:
                reporter.warning(f"--review lists what is transcribed now, not the {len(plan.done)} done already.")
            session = Session(
                plan=plan,
                conduct=Conduct(
                    writers=formats(rules, manners.least_confidence),
                    stdout_format=destination.formats[0] if destination.stdout else None,
                    require_audio=manners.require_audio,
                    strict=manners.strict,
                    max_failures=manners.max_failures,
                    shared=manners.shared,
                ),
                names=names,
                reporter=reporter,
                totals=totals,
                journal=journal,
                claims=claims,
                review=review,
                began=began,
            )
            for item in left_out:
                session.leave_out(item.path, item.reason)
            for number in [recording.number for recording, _ in (*plan.failed, *plan.done)]:
                totals.left_out(number)
            for recording, error in plan.failed:
                session.leave_out(names[recording.number], error)
            for recording, findings in plan.done:
                session.count_done(names[recording.number], findings)
            tasks = {task.recording.number: task for task in plan.tasks}
            return session.run(workplace.begin(tasks, folder, reporter, names, stack) if tasks else None)


def _destination(inputs: Sequence[str], manners: Manners) -> Destination:
    formats = _formats(manners.formats)
    stdout = manners.output == "-" or (manners.output is None and list(inputs) == ["-"])
    if stdout and len(formats) > 1:
        raise typer.BadParameter("stdout takes one format; name one, or a folder.", param_hint="--format")
    if stdout and manners.shared:
        raise typer.BadParameter("runs can share files, not stdout; name a folder.", param_hint="--shared")
    folder = Path(manners.output).expanduser().absolute() if manners.output and not stdout else None
    return Destination(formats, folder, stdout, manners.on_collision, manners.overwrite)


def _formats(text: str) -> tuple[str, ...]:
    if text.strip() == "all":
        return tuple(FORMATS)
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    for name in names:
        _named(FORMATS, name, "--format")
    if not names:
        raise typer.BadParameter(f"name at least one of {', '.join(FORMATS)}.", param_hint="--format")
    return names


def _named(table: Mapping[str, Value], name: str, option: str) -> Value:
    if name not in table:
        raise typer.BadParameter(f"{name!r} is none of {', '.join(table)}.", param_hint=option)
    return table[name]


def _collect(inputs: Sequence[str], manners: Manners) -> tuple[list[Recording], list[Skipped]]:
    """Number what the inputs name; with ``--track all`` each file is opened to see how many tracks it has."""
    recordings: list[Recording] = []
    left_out: list[Skipped] = []
    for found in find_media(inputs, recursive=manners.recursive):
        if isinstance(found, Skipped):
            left_out.append(found)
            continue
        tracks: Sequence[int | None] = (None,)
        probed: Probed | None = None
        try:
            if manners.all_tracks:
                probed = _probed(found)
                tracks = [track.index + 1 for track in probed.info.tracks]
        except InputError as error:
            left_out.append(Skipped(_media_name(found), error))
            continue
        for track in tracks:
            recordings.append(Recording(len(recordings), found, track, probed=probed))
    return recordings, left_out


def _probed(media: Media) -> Probed:
    if isinstance(media, StdinMedia):
        raise typer.BadParameter("stdin can be read once only; name one track.", param_hint="--track")
    with open_media(media) as file:
        return examine(file)


def _plan(
    recordings: Sequence[Recording], destination: Destination, journal: Journal, workplace: Workplace, look: str
) -> Plan:
    if not recordings:
        return Plan()
    maker = "" if destination.stdout else workplace.fingerprint()
    return make_plan(recordings, destination, journal, workplace.decoding, f"{maker} {look}")


def _check_outputs(plan: Plan, destination: Destination) -> None:
    for folder in {path.parent for task in plan.tasks for path in task.outputs.values()}:
        if folder != destination.folder:
            check_writable(folder)
        remove_orphans(folder)


def _claim_all(plan: Plan, claims: Claims) -> None:
    for task in plan.tasks:
        for path in task.outputs.values():
            if not claims.take(path):
                raise RunActive(
                    f"Another run (pid {claims.holder(path) or 'unknown'}) is writing {path}; "
                    "wait for it, or pass --shared to share the work with it."
                )


def _sizes(recordings: Sequence[Recording]) -> dict[int, int]:
    sizes = {}
    for recording in recordings:
        if isinstance(recording.media, FileMedia):
            with suppress(OSError):
                sizes[recording.number] = recording.media.path.stat().st_size
    return sizes


def _name(recording: Recording) -> str:
    name = _media_name(recording.media)
    return name if recording.track is None else f"{name} (track {recording.track})"


def _media_name(media: Media) -> str:
    match media:
        case FileMedia(path=path):
            return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
        case UrlMedia(url=url):
            return url
        case StdinMedia():
            return "stdin"
        case DescriptorMedia(name=name):
            return name
