"""What a card does with a folder of files and with an hour, beside what its model could do and what the original does.

    python -m benchmarks.card /tmp/card --minutes 8

Makes what is not there yet: the full-size checkpoint with random weights, and spoken digits in three containers, 200
files of 10 s to 60 min (``--files``, ``--longest``). Then, in turn and each in a process of its own:

* the model alone: chunks as ours, lying decoded in memory, encoded and decoded in full batches, by seconds of speech
  and by seconds heard, as chunks overlap;
* ``parakeet transcribe`` of the folder, and of the longest file, with every engine that the device has;
* the longest file as the original service does it: NeMo in fp32, ten minutes at a time, with its own timestamps.

Ours runs with ``--no-audit``, as random weights leave nothing but holes. ``--minutes`` ends the whole: what is not
done by then is left out, and the table says so. It goes to stdout, the figures to ``card.json`` in the folder.
"""

import argparse
import itertools
import json
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.recordings import DEFAULT_FOLDER, load_clips, make_recording, write_wav
from parakeet_cli.transcription.checkpoints import find
from parakeet_cli.transcription.media.ffmpeg import find_ffmpeg

__all__ = ["Figures", "main", "table"]

_ROOT = Path(__file__).resolve().parents[1]
_CONTAINERS = {"m4a": ("-c:a", "aac", "-b:a", "96k"), "mp3": ("-c:a", "libmp3lame", "-b:a", "96k"), "flac": ()}
_SHORTEST_SECONDS = 10
_PERIOD_SECONDS = 600
"""Of digits; longer recordings say them over and over."""
_ORIGINAL = "original"
_SLOWEST = 3600
"""Seconds a process may take."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds of sound for each second, loading included but for the model alone; None: not measured."""

    way: str
    folder: float | None = None
    longest: float | None = None
    model: float | None = None
    heard: float | None = None


class _Way(NamedTuple):
    """``options`` are those of ours; None for the original."""

    name: str
    options: tuple[str, ...] | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", help="default: a full-size checkpoint with random weights, made in the folder")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--longest", type=int, default=3600, help="seconds")
    parser.add_argument("--minutes", type=float, default=math.inf, help="in which all is to end")
    parser.add_argument("--only", help="names of ways, with commas between")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.absolute()
    end = time.monotonic() + 60 * arguments.minutes
    model = str(find(arguments.model).path if arguments.model else _replica(folder))
    files = _files(folder, arguments.files, arguments.longest)
    measuring = _Measuring(model, arguments.device, folder, end)
    figures = []
    for way in _ways(on_card=arguments.device != "cpu"):
        if arguments.only and way.name not in arguments.only.split(","):
            continue
        figures.append(measuring.measure(way, files))
        (folder / "card.json").write_text(json.dumps([asdict(each) for each in figures], indent=1), encoding="utf-8")
    print(table(figures))


def table(figures: Sequence[Figures]) -> str:
    """Markdown; the folder's share of the model's own pace, and both as multiples of the original's with one file."""
    original = next((each.longest for each in figures if each.way == _ORIGINAL), None)
    lines = [
        "| way | model alone (heard) | folder | of the model's | of the original's | longest | of the original's |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in figures:
        heard = f" ({each.heard:.0f})" if each.heard else ""
        lines.append(
            f"| {each.way} | {_said(each.model)}{heard} | {_said(each.folder)} | {_ratio(each.folder, each.model)} "
            f"| {_ratio(each.folder, original)} | {_said(each.longest)} | {_ratio(each.longest, original)} |"
        )
    return "\n".join(lines)


def _said(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.0f}"


def _ratio(value: float | None, other: float | None) -> str:
    return f"{value / other:.2f}" if value and other else ""


def _ways(*, on_card: bool) -> list[_Way]:
    ours = [_Way("torch", ("--engine", "torch")), _Way("NeMo", ("--engine", "nemo"))]
    if on_card:
        ours.insert(0, _Way("torch with graphs", ("--engine", "torch", "--cuda-graphs")))
    return [*ours, _Way(_ORIGINAL, None)]


class _Measuring:
    """Runs what is measured; what fails, or would begin too late, is not measured."""

    def __init__(self, model: str, device: str, folder: Path, end: float) -> None:
        self._common = ("--model", model, "--device", device)
        self._model = model
        self._device = device
        self._folder = folder
        self._end = end

    def measure(self, way: _Way, files: Sequence[tuple[Path, int]]) -> Figures:
        longest, seconds = files[0]
        if way.options is None:
            script = str(Path(__file__).with_name("contestant.py"))
            command = [sys.executable, script, "nemo", self._model, str(self._folder / "longest.wav")]
            command += ["--device", self._device, "--piece-seconds", str(_PERIOD_SECONDS)]
            return Figures(way.name, longest=self._pace(seconds, command))
        options = [*self._common, *way.options]
        alone = self._said(
            [sys.executable, "-m", "benchmarks.model_alone", str(self._folder / "longest.wav"), *options]
        )
        if alone is None and "--cuda-graphs" in options:
            return Figures(way.name)  # what would be measured are plain steps
        ours = [str(Path(sys.executable).parent / "parakeet"), "transcribe", *options]
        ours += ["--no-audit", "--overwrite", "--quiet", "--format", "srt", "--output", str(self._folder / "out")]
        self._said([*ours, str(files[-1][0])])  # converts the checkpoint, which is done once
        return Figures(
            way.name,
            **(json.loads(alone) if alone else {}),
            longest=self._pace(seconds, [*ours, str(longest)]),
            folder=self._pace(sum(length for _, length in files), [*ours, str(self._folder / "files")]),
        )

    def _pace(self, seconds: float, command: Sequence[str]) -> float | None:
        began = time.perf_counter()
        return None if self._said(command) is None else seconds / (time.perf_counter() - began)

    def _said(self, command: Sequence[str]) -> str | None:
        left = self._end - time.monotonic()
        if left <= 0:
            return None
        try:
            return _call(*command, seconds=min(left, _SLOWEST))
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            print(f"Not measured: {error}", file=sys.stderr, flush=True)
            return None


def _call(*command: str, seconds: float = _SLOWEST) -> str:
    """What it says."""
    return subprocess.run(command, check=True, cwd=_ROOT, stdout=subprocess.PIPE, text=True, timeout=seconds).stdout


def _replica(folder: Path) -> Path:
    path = folder / "replica.nemo"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _call(sys.executable, "-m", "benchmarks.replica", str(path))
    return path


def _files(folder: Path, count: int, longest: int) -> list[tuple[Path, int]]:
    """With their seconds, which grow by equal factors from ten to the longest; the longest first."""
    marker, wanted = folder / "files-made", f"{count} {longest}"
    lengths = [
        round(_SHORTEST_SECONDS * (longest / _SHORTEST_SECONDS) ** (number / max(count - 1, 1)))
        for number in range(count - 1, -1, -1)
    ]
    files = [
        (folder / "files" / f"{number:03}.{container}", seconds)
        for (number, seconds), container in zip(enumerate(lengths), itertools.cycle(_CONTAINERS))
    ]
    if not marker.exists() or marker.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder / "files", ignore_errors=True)
        (folder / "files").mkdir(parents=True)
        period = folder / "period.wav"
        write_wav(period, make_recording(_PERIOD_SECONDS, 5, load_clips(DEFAULT_FOLDER), style="mixed").samples)
        whole = folder / "longest.wav"
        _convert("-stream_loop", "-1", "-i", str(period), "-t", str(lengths[0]), str(whole))
        for container, options in _CONTAINERS.items():
            _convert("-i", str(whole), *options, str(folder / f"longest.{container}"))
        for path, seconds in files:
            copied = () if path.suffix == ".flac" else ("-c", "copy")  # a FLAC would keep the length it was cut from
            _convert("-i", str(folder / f"longest{path.suffix}"), "-t", str(seconds), *copied, str(path))
        marker.write_text(wanted, encoding="utf-8")
    return files


def _convert(*arguments: str) -> None:
    _call(str(find_ffmpeg().path), "-v", "error", "-y", *arguments)


if __name__ == "__main__":
    main()
