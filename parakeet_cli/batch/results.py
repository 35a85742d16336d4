"""A finished transcript becomes files on disk, remembered in the journal."""

from collections.abc import Mapping
from pathlib import Path

from parakeet_cli.batch.files import write_atomically
from parakeet_cli.batch.journal import Findings, Journal, State
from parakeet_cli.batch.plan import Task, changed, not_ours
from parakeet_cli.output.writers import Writer
from parakeet_cli.transcript import Transcript

__all__ = ["write_results"]


def _is_as_planned(path: Path, task: Task) -> bool:
    """What the plan has found to be ours stands there still, whether or not the journal can tell by now."""
    found = task.found.get(path)
    return found is not None and found == changed(path)


def write_results(
    task: Task, transcript: Transcript, rtfx: float | None, writers: Mapping[str, Writer], journal: Journal
) -> None:
    """Write every output of the task, JSON last because a reader may take it as the sign that all are there.

    A transcript of damaged media is remembered as unfinished, so that the next run tries again and warns again.
    Raises ``OutputExists`` if a file that is not ours has come there since the plan was made, ``OutputUnwritable`` or
    ``DiskFull``; outputs written before that stay and are remembered.
    """
    for path in task.outputs.values():
        if not task.overwrite and not _is_as_planned(path, task) and journal.state(path, task.key) is State.FOREIGN:
            raise not_ours(path)
    contents = {
        path: writers[name].write(transcript, rtfx).encode("utf-8")
        for name, path in sorted(task.outputs.items(), key=lambda item: (item[0] == "json", item[0]))
    }
    complete = transcript.partial is None
    findings = Findings(len(transcript.gaps), sum(gap.end - gap.start for gap in transcript.gaps))
    journal.announce(contents, task.key, findings, complete=complete)
    written = []
    try:
        for path, content in contents.items():
            write_atomically(path, content)
            written.append(path)
    finally:
        if written:
            journal.record(written, task.key, complete=complete)
