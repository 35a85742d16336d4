"""What ``parakeet bench`` does: find model and media, measure in a thread of its own, and show."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import typer

from parakeet_cli.batch.files import check_writable, write_atomically
from parakeet_cli.cli.bench_table import picture, table_text
from parakeet_cli.cli.progress import Totals
from parakeet_cli.cli.reporters import PlainReporter, print_result, tell
from parakeet_cli.cli.reporting import DownloadWatcher, forwarded_warnings
from parakeet_cli.cli.signals import interruptible
from parakeet_cli.display import display
from parakeet_cli.settings import TranscriptionSettings
from parakeet_cli.timing.bench import Bench
from parakeet_cli.timing.report import Report, to_json
from parakeet_cli.timing.sample import make_sample
from parakeet_cli.transcription.ahead import Ahead
from parakeet_cli.transcription.checkpoints import find
from parakeet_cli.transcription.media.ffmpeg import find_ffmpeg
from parakeet_cli.transcription.media.inputs import FileMedia, Skipped, find_media
from parakeet_cli.transcription.media.interruption import Interruption
from parakeet_cli.user_folders import temporary_folder

__all__ = ["Request", "run"]

EXIT_BROKEN_PIPE = 141
_STARTER = "parakeet_cli.cli.bench_start"


@dataclass(frozen=True, slots=True)
class Request:
    """What to measure on, how often, and how to tell what was found."""

    file: str | None
    runs: int
    as_json: bool
    picture: Path | None
    quiet: bool


def run(request: Request, model: str, settings: TranscriptionSettings) -> int:
    """Returns the exit code. Raises ``InputError`` about the file, and ``EngineError``."""
    find_ffmpeg()
    media = None if request.file is None else _named(request.file)
    if request.picture:
        check_writable(request.picture.expanduser().absolute().parent)
    reporter = PlainReporter(Totals({}), request.quiet)
    with forwarded_warnings(reporter), temporary_folder() as folder:
        checkpoint = find(model, watcher=DownloadWatcher(reporter, model))
        bench = Bench(
            media=media or FileMedia(make_sample(Path(folder), settings.decoding.end or 0.0)),
            name=display(request.file or "“one, two, three”"),
            is_sample=media is None,
            checkpoint=checkpoint,
            settings=settings,
            runs=request.runs,
            starter=_STARTER,
        )
        found = _measured(bench, request.quiet)
    if isinstance(found, int):
        tell("parakeet: Stopped before all was measured; there is no result.")
        return found
    return _show(found, request)


def _named(name: str) -> FileMedia:
    """The one file; it is read again in every run."""
    found = list(find_media([name], recursive=False))
    match found:
        case [FileMedia() as media]:
            return media
        case [Skipped(reason=Exception() as error)]:
            raise error
    raise typer.BadParameter(f"{display(name)} is not one file; name a media file on this machine.", param_hint="FILE")


def _measured(bench: Bench, quiet: bool) -> Report | int:
    """The report, or the exit code that a signal asks for."""
    interruption = Interruption()
    items = Ahead(bench.measure(interruption), size=1)

    def stop() -> None:
        items.stop()
        interruption.interrupt()

    report: Report | None = None
    with interruptible(stop) as signals, closing(items):
        for item in _told(items, quiet):
            report = item
        if signals.exit_code is not None:
            return signals.exit_code
    assert report is not None, "what is not stopped ends with a report, or raises"
    return report


def _told(items: Ahead[str | Report], quiet: bool) -> Iterator[Report]:
    for item in items:
        if isinstance(item, Report):
            yield item
        elif not quiet:
            tell(f"Measuring: {item} …")


def _show(report: Report, request: Request) -> int:
    if request.picture:
        write_atomically(request.picture.expanduser().absolute(), picture(report).encode())
    try:
        print_result(to_json(report) if request.as_json else table_text(report))
    except BrokenPipeError:
        return EXIT_BROKEN_PIPE
    return 0
