"""What ``parakeet eval`` does: find the references, transcribe with each side, score, and show."""

import gc
import json
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import typer

from parakeet_cli.batch.files import check_writable, write_atomically
from parakeet_cli.batch.journal import Journal
from parakeet_cli.cli.eval_pass import Pass
from parakeet_cli.cli.eval_sides import Side
from parakeet_cli.cli.eval_table import table_text
from parakeet_cli.cli.progress import Totals
from parakeet_cli.cli.reporters import PlainReporter, print_result, tell
from parakeet_cli.cli.reporting import DownloadWatcher, forwarded_warnings, make_reporter
from parakeet_cli.display import display
from parakeet_cli.errors import InputError, InvalidReference
from parakeet_cli.evaluation.comparison import compare
from parakeet_cli.evaluation.normalization import Normalize, Normalizer, choose_normalizer, make_normalize
from parakeet_cli.evaluation.references import Reference
from parakeet_cli.evaluation.report import KIND, FileResult, Missing, Report, SideResult, to_json
from parakeet_cli.evaluation.scoring import score, total
from parakeet_cli.evaluation.sources import find_references
from parakeet_cli.settings import ChunkSettings, RecognizerSettings
from parakeet_cli.transcription.checkpoints import Checkpoint, find
from parakeet_cli.transcription.loading import load_recognizer
from parakeet_cli.transcription.media.ffmpeg import find_ffmpeg
from parakeet_cli.transcription.media.inputs import Skipped
from parakeet_cli.transcription.pipeline import Recording, Transcriber
from parakeet_cli.transcription.recognizer import Recognizer
from parakeet_cli.user_folders import state_folder

__all__ = ["Request", "run"]

EXIT_SOME_FAILED = 3
EXIT_NOTHING_TO_DO = 4
EXIT_BROKEN_PIPE = 141


@dataclass(frozen=True, slots=True)
class Request:
    """What to measure on, and how to tell what was found."""

    sources: tuple[str, ...]
    recursive: bool
    normalizer: Normalizer
    json: str | None
    per_file: bool
    quiet: bool


def run(request: Request, sides: Sequence[Side]) -> int:
    """Measure one side or two; returns the exit code. Raises ``EngineError`` where no input would succeed."""
    find_ffmpeg()
    _check_report(request.json)
    references, missing = _collect(request)
    for each in missing:
        _tell_missing(each, request.quiet)
    if not references:
        tell("parakeet: There is nothing to evaluate: name media with a .txt beside each, or a manifest.")
        return EXIT_SOME_FAILED if any(each.code for each in missing) else EXIT_NOTHING_TO_DO
    work = _Work(references, missing, request.quiet)
    checkpoints = [work.find(side) for side in sides]
    normalizer = choose_normalizer(request.normalizer, [checkpoint.language for checkpoint in checkpoints])
    passes: list[Pass] = []
    for side, checkpoint in zip(sides, checkpoints, strict=True):
        if len(sides) == 2 and not request.quiet:
            tell(f"{'AB'[len(passes)]}: {display(side.label)}")
        one = work.make_pass(side, checkpoint)
        passes.append(one)
        if (signal_code := work.run(one)) is not None:
            tell("parakeet: Stopped before all was heard; there is no result.")
            return signal_code
    report = _report(work, sides, passes, normalizer, missing)
    try:
        _write(report, request)
    except BrokenPipeError:
        return EXIT_BROKEN_PIPE
    return EXIT_SOME_FAILED if any(each.code for each in report.missing) else 0


class _Work:
    """What both sides share: the recordings by number, and the recognizer where they can use the same."""

    def __init__(self, references: Sequence[Reference], missing: Sequence[Missing], quiet: bool) -> None:
        self.references = dict(enumerate(references))
        self.names = {number: _name(reference) for number, reference in self.references.items()}
        self._missing = missing
        self._quiet = quiet
        self._loaded: tuple[Checkpoint, RecognizerSettings, Recognizer] | None = None

    def find(self, side: Side) -> Checkpoint:
        reporter = PlainReporter(Totals({}), self._quiet)
        with forwarded_warnings(reporter):
            return find(side.model, watcher=DownloadWatcher(reporter, side.model))

    def make_pass(self, side: Side, checkpoint: Checkpoint) -> Pass:
        recordings = tuple(
            Recording(number, reference.media, start=reference.start, end=reference.end)
            for number, reference in self.references.items()
        )
        totals = Totals(_sizes(self.references))
        reporter = make_reporter(
            totals,
            len(recordings),
            quiet=self._quiet,
            json_log=False,
            terminal_is_shared=side.settings.recognizer.verbose,
        )
        reporter.loading(side.model)
        return Pass(recordings, self.names, reporter, totals, lambda: self._transcriber(side, checkpoint))

    def run(self, one: Pass) -> int | None:
        with forwarded_warnings(one.reporter), closing(one.reporter):
            signal_code = one.run()
        failed = sum(each.code is not None for each in self._missing)
        one.reporter.summary(one.summary(skipped=len(self._missing) - failed, failed=failed))
        return signal_code

    def _transcriber(self, side: Side, checkpoint: Checkpoint) -> Transcriber:
        wanted = (checkpoint, side.settings.recognizer)
        if self._loaded is None or self._loaded[:2] != wanted:
            self._loaded = None
            gc.collect()  # the first model may fill the card, and has references in circles
            self._loaded = (*wanted, load_recognizer(*wanted))
        transcriber = Transcriber(self._loaded[2], side.settings)
        self._warm_up(transcriber, side.settings.chunks)
        return transcriber

    def _warm_up(self, transcriber: Transcriber, chunks: ChunkSettings) -> None:
        """Recognize a chunk of the first recording for nothing: the first batch after loading is slow, on any side."""
        reference = self.references[0]
        start = reference.start or 0.0
        window = start + chunks.chunk_seconds + 2 * chunks.context_seconds
        end = window if reference.end is None else min(reference.end, window)
        for _ in transcriber.transcribe([Recording(0, reference.media, start=start, end=end)]):
            pass


def _collect(request: Request) -> tuple[list[Reference], list[Missing]]:
    references: list[Reference] = []
    missing: list[Missing] = []
    for found in find_references(request.sources, recursive=request.recursive):
        if isinstance(found, Reference):
            references.append(found)
        else:
            missing.append(_missing(_shown(found.path), found))
    return _without_our_own(references, missing), missing


def _without_our_own(references: list[Reference], missing: list[Missing]) -> list[Reference]:
    """Leave out texts that ``parakeet transcribe`` wrote: against them every model looks good."""
    path = state_folder() / "journal.sqlite3"
    if not path.exists():
        return references
    kept: list[Reference] = []
    with closing(Journal(path)) as journal:
        for reference in references:
            if journal.wrote(reference.source):
                text = display(reference.source.name)
                error = InvalidReference(
                    f"{text} was written by parakeet transcribe, so it is no reference; correct it, and save it anew."
                )
                missing.append(_missing(_name(reference), Skipped("", error)))
            else:
                kept.append(reference)
    return kept


def _report(
    work: _Work, sides: Sequence[Side], passes: Sequence[Pass], normalizer: Normalizer, missing: Sequence[Missing]
) -> Report:
    """Only files that every side heard are in the totals: they are compared like with like."""
    normalize = make_normalize(normalizer)
    failed: dict[int, InputError] = {number: error for one in reversed(passes) for number, error in one.failed.items()}
    results: list[dict[int, FileResult]] = [{} for _ in passes]
    for number in work.references.keys() - failed.keys():
        try:
            found = [_result(work, one, number, normalize) for one in passes]
        except InvalidReference as error:
            failed[number] = error
            tell(f"{display(work.names[number])}: failed ({error.code}): {display(str(error))}")
            continue
        for side, result in zip(results, found, strict=True):
            side[number] = result
    ordered = [tuple(side[number] for number in sorted(side)) for side in results]
    return Report(
        normalizer=normalizer,
        sides=tuple(
            SideResult(
                side.label, side.model, side.settings, files, total([file.score for file in files]), one.wall_seconds
            )
            for side, files, one in zip(sides, ordered, passes, strict=True)
        ),
        difference=compare(*([file.score.errors for file in files] for files in ordered)) if len(sides) == 2 else None,
        missing=(*missing, *(Missing(work.names[number], str(e), e.code) for number, e in sorted(failed.items()))),
    )


def _result(work: _Work, one: Pass, number: int, normalize: Normalize) -> FileResult:
    reference, event = work.references[number], one.heard[number]
    found = score(reference, event.transcript, event.recognition_seconds, normalize)
    return FileResult(display(work.names[number]), reference.text, event.transcript, found)


def _check_report(name: str | None) -> None:
    """Before hours of work: ``--json`` must not replace what is no report, and its folder must take a file."""
    if name is None or name == "-":
        return
    path = Path(name).expanduser()
    if path.exists():
        kind = None
        with suppress(OSError, ValueError, AttributeError):
            kind = json.loads(path.read_text(encoding="utf-8")).get("kind")
        if kind != KIND:
            raise typer.BadParameter(f"{display(name)} is there and is no report; name another.", param_hint="--json")
    check_writable(path.absolute().parent)


def _write(report: Report, request: Request) -> None:
    if request.json and request.json != "-":
        write_atomically(Path(request.json).expanduser().absolute(), to_json(report).encode())
    print_result(to_json(report) if request.json == "-" else table_text(report, per_file=request.per_file))


def _tell_missing(missing: Missing, quiet: bool) -> None:
    if missing.code:
        tell(f"{display(missing.name)}: failed ({missing.code}): {display(missing.reason)}")
    elif not quiet:
        tell(f"{display(missing.name)}: skipped, {display(missing.reason)}")


def _missing(name: str, found: Skipped) -> Missing:
    code = found.reason.code if isinstance(found.reason, InputError) else None
    return Missing(display(name), str(found.reason), code)


def _name(reference: Reference) -> str:
    """Excerpts of one file are told apart by where they begin."""
    name = _shown(str(reference.media.path))
    return name if reference.start is None else f"{name} @ {reference.start:g} s"


def _shown(name: str) -> str:
    return str(Path(name).relative_to(Path.cwd())) if Path(name).is_relative_to(Path.cwd()) else name


def _sizes(references: Mapping[int, Reference]) -> dict[int, int]:
    """In milliseconds where all lengths are given, else the bytes of whole files, which say nothing of excerpts."""
    if all(reference.end is not None for reference in references.values()):
        return {
            number: round(((reference.end or 0.0) - (reference.start or 0.0)) * 1000)
            for number, reference in references.items()
        }
    sizes = {}
    for number, reference in references.items():
        if reference.end is None:
            with suppress(OSError):
                sizes[number] = reference.media.path.stat().st_size
    return sizes
