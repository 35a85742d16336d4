"""What was measured as a table with bars, on a terminal or in a picture."""

import re
import shutil
import sys
from collections.abc import Iterator
from io import StringIO

from rich import box
from rich.bar import Bar
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from parakeet_cli.timing.clock import Stage
from parakeet_cli.timing.report import Report

__all__ = ["picture", "table_text"]

_PIPE_WIDTH = 120
_PICTURE_WIDTH = 110
_BAR_WIDTH = 30

_LABELS = {
    Stage.START: "process start",
    Stage.IMPORT: "import of torch",
    Stage.LOAD: "load of the model",
    Stage.DECODE: "ffmpeg",
    Stage.ACTIVITY: "speech activity",
    Stage.FEATURES: "features",
    Stage.ENCODER: "encoder",
    Stage.DECODER: "decoder",
    Stage.WRITING: "sentences, SRT",
    Stage.TOTAL: "file to SRT",
}
_SECTIONS = (Stage.LOAD, Stage.WRITING)
"""After which a line is left empty."""


def table_text(report: Report) -> str:
    """As wide as the terminal."""
    is_terminal = sys.stdout.isatty()
    out = StringIO()
    width = shutil.get_terminal_size().columns if is_terminal else _PIPE_WIDTH
    Console(file=out, force_terminal=is_terminal, width=width, highlight=False).print(_all(report))
    return re.sub(r" +$", "", out.getvalue(), flags=re.MULTILINE)


def picture(report: Report) -> str:
    """An SVG of the table, which asks no other machine for a font."""
    console = Console(file=StringIO(), record=True, width=_PICTURE_WIDTH, highlight=False)
    console.print(_all(report))
    drawn = console.export_svg(title="parakeet bench")
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)


def _all(report: Report) -> Group:
    return Group(*map(Text, _head(report)), _table(report), *map(Text, _notes(report)))


def _table(report: Report) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("stage", "seconds", "lowest – highest", "first run", "RTFx"):
        table.add_column(name, justify="left" if name == "stage" else "right", no_wrap=True)
    table.add_column("", max_width=_BAR_WIDTH)
    longest = max(timing.median for timing in report.timings.values())
    for stage in Stage:
        timing = report.timings[stage]
        pace = report.rtfx(stage)
        table.add_row(
            _LABELS[stage],
            _seconds(timing.median),
            f"{_seconds(min(timing.runs))} – {_seconds(max(timing.runs))}",
            _seconds(timing.first),
            "" if pace is None else f"{pace:,.0f}" if pace >= 100 else f"{pace:.1f}",
            Bar(longest, 0, timing.median, color="cyan"),
            style="bold" if stage is Stage.TOTAL else "",
            end_section=stage in _SECTIONS,
        )
    return table


def _head(report: Report) -> Iterator[str]:
    machine, torch, model = report.machine, report.torch, report.model
    cores = f"{machine.cores} core{'s' * (machine.cores != 1)}"
    yield f"{machine.cpu}, {cores}, {' '.join(torch.instructions) or 'instructions unknown'}"
    if torch.card:
        yield f"{torch.card}, driver {machine.driver or 'unknown'}, CUDA {torch.cuda}"
    yield (
        f"{model.name} by {model.engine} in {model.dtype} on {model.device}, torch {torch.version} "
        f"with {torch.threads} thread{'s' * (torch.threads != 1)}, {machine.system}, Python {machine.python}"
    )
    chunks = report.settings.chunks
    yield (
        f"{report.audio.seconds:.1f} s of {report.audio.name}; batches of {report.settings.batch.batch_size}, "
        f"chunks of {chunks.chunk_seconds:g} s with {chunks.context_seconds:g} s on each side"
    )


def _notes(report: Report) -> Iterator[str]:
    runs = len(report.timings[Stage.TOTAL].runs)
    yield f"Median of {runs} run{'s' * (runs != 1)} after the first. RTFx: seconds of sound for each second."
    if a_token := report.seconds_a_token():
        yield f"Decoder: {report.tokens} tokens, {1 / a_token:,.0f} a second, {a_token * 1000:.2f} ms each."
    card = report.memory.card
    of_card = "" if card is None else f", of the card {_gib(card)}"
    yield f"Memory at most: {_gib(report.memory.process)}{of_card}."
    before, after = report.load_averages
    yield f"Load average: {before:.2f} before, {after:.2f} after."
    yield from (f"Warning: {warning}" for warning in report.warnings())


def _seconds(value: float) -> str:
    return f"{value:.1f}" if value >= 100 else f"{value:.3f}"


def _gib(value: int) -> str:
    return f"{value / 2**30:.2f} GiB"
