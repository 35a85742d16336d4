"""Us and the tools that a user would pick instead, on the same checkpoint and the same recordings, in turn.

    python -m benchmarks.side_by_side /tmp/side-by-side --minutes 10 --rounds 3

Makes what is not there yet: the full-size checkpoint with random weights, its ONNX forms, the recordings, and an
environment with the other tools, installed by name. Then every contestant has a process of its own in each round, so
that what else the machine does meets all of them. Ours runs with ``--no-audit``: random weights fall silent where a
trained checkpoint speaks, and every such hole would be decoded again five times. Figures are medians; the table goes to
stdout, all else to ``results.json`` in the folder. ``--whisper FOLDER`` adds faster-whisper where its weights are at
hand.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.recordings import DEFAULT_FOLDER, load_clips, make_recording
from parakeet_cli.settings import SAMPLE_RATE

__all__ = ["main", "table"]

_ROOT = Path(__file__).resolve().parents[1]
_PEERS = (
    "onnx-asr==0.12.0",
    "onnxruntime==1.32.0",
    "sherpa-onnx==2.0.1",
    "nano-parakeet==0.2.1",
    "faster-whisper==1.2.1",
)
_EXPORTED_LAST = "joiner-model.int8.onnx"
"""A folder without it was exported in part, or before sherpa-onnx took part."""
_CLIP_SECONDS = 11


@dataclass(frozen=True, slots=True)
class _Contestant:
    name: str
    command: tuple[str, ...]
    """What is run, before the recording."""
    folder: Path | None = None
    """Where ours writes; others print what they found."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0, help="of the long recording")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", help="names of contestants, with commas between")
    parser.add_argument("--whisper", type=Path, help="a folder with a CTranslate2 model")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.absolute()
    contestants = _prepare(folder, arguments.threads, arguments.whisper)
    wanted = set((arguments.only or "").split(",")) - {""}
    contestants = [each for each in contestants if not wanted or each.name in wanted]
    recordings = {
        "clip": _recording(folder, "clip", _CLIP_SECONDS),
        "talk": _recording(folder, "talk", arguments.minutes * 60),
    }
    runs = []
    for number in range(arguments.rounds):
        for contestant in contestants:
            for kind, recording in recordings.items():
                run = _run(contestant, recording, arguments.threads)
                runs.append({"round": number, "tool": contestant.name, "recording": kind} | run)
                print(json.dumps(runs[-1]), file=sys.stderr, flush=True)
    (folder / "results.json").write_text(json.dumps(runs, indent=1), encoding="utf-8")
    print(table(runs, {"clip": float(_CLIP_SECONDS), "talk": arguments.minutes * 60}))


def table(runs: Sequence[Mapping[str, Any]], seconds: Mapping[str, float]) -> str:
    """Medians as Markdown: a cold process for the clip, and for the talk with its RTFx; ours first."""
    lines = [
        "| tool | clip, cold process | talk, cold process | RTFx of the talk | our RTFx to its | memory |",
        "|---|---|---|---|---|---|",
    ]
    names = list(dict.fromkeys(run["tool"] for run in runs))
    wall = {
        (name, kind): statistics.median(run["wall"] for run in runs if (run["tool"], run["recording"]) == (name, kind))
        for name in names
        for kind in seconds
    }
    for name in names:
        memory = max(run["memory"] for run in runs if run["tool"] == name)
        talk = wall[name, "talk"]
        lines.append(
            f"| {name} | {wall[name, 'clip']:.1f} s | {talk:.1f} s | {seconds['talk'] / talk:.2f} "
            f"| {talk / wall[names[0], 'talk']:.2f} | {memory / 1e9:.1f} GB |"
        )
    return "\n".join(lines)


def _prepare(folder: Path, threads: int, whisper: Path | None) -> list[_Contestant]:
    """All that is needed, made where it is missing, and who takes part."""
    folder.mkdir(parents=True, exist_ok=True)
    replica, exported, peers = folder / "replica.nemo", folder / "onnx", folder / "peers"
    if not replica.exists():
        _call(sys.executable, "-m", "benchmarks.replica", str(replica))
    if not (exported / _EXPORTED_LAST).exists():
        _call(sys.executable, "-m", "benchmarks.onnx_export", str(replica), str(exported))
    installed, wanted = peers / "installed", "\n".join(_PEERS)
    if not installed.exists() or installed.read_text(encoding="utf-8") != wanted:
        _call(sys.executable, "-m", "venv", str(peers))
        pip = (str(peers / "bin" / "python"), "-m", "pip", "install", "--quiet")
        _call(*pip, "-c", str(_ROOT / "constraints.txt"), "torch")
        _call(*pip, *_PEERS)
        installed.write_text(wanted, encoding="utf-8")
    ours: tuple[str, ...] = (
        str(Path(sys.executable).parent / "parakeet"),
        "transcribe",
        "--overwrite",
        "--quiet",
        "--device",
        "cpu",
        "--no-audit",
    )
    ours = (*ours, "--format", "srt", "--output", str(folder / "ours"), "--model", str(replica))
    script = str(Path(__file__).with_name("contestant.py"))
    theirs = (str(peers / "bin" / "python"), script)
    contestants = [
        _Contestant("parakeet", ours, folder / "ours"),
        _Contestant("parakeet int8", (*ours, "--dtype", "int8"), folder / "ours"),
        _Contestant("NeMo, as the original", (sys.executable, script, "nemo", str(replica))),
        _Contestant("nano-parakeet", (*theirs, "nano-parakeet", str(replica))),
        _Contestant("onnx-asr", (*theirs, "onnx-asr", str(exported))),
        _Contestant("onnx-asr int8", (*theirs, "onnx-asr-int8", str(exported))),
        _Contestant("sherpa-onnx", (*theirs, "sherpa-onnx", str(exported))),
        _Contestant("sherpa-onnx int8", (*theirs, "sherpa-onnx-int8", str(exported))),
    ]
    if whisper:
        contestants.append(_Contestant("faster-whisper", (*theirs, "faster-whisper", str(whisper))))
    for contestant in contestants[:2]:  # converts the checkpoint, which is done once and not what a run costs
        _run(contestant, _recording(folder, "clip", _CLIP_SECONDS), threads)
    return contestants


def _recording(folder: Path, name: str, seconds: float) -> Path:
    """Spoken digits as a WAV file, the same in every run."""
    path = folder / f"{name}-{seconds:g}.wav"
    if not path.exists():
        samples = make_recording(seconds, 5, load_clips(DEFAULT_FOLDER), style="mixed").samples
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", "not compressed"))
            file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def _run(contestant: _Contestant, recording: Path, threads: int) -> dict[str, float]:
    """Wall-clock seconds of the whole process, its memory in bytes, and what a peer says of itself."""
    options = () if contestant.folder else ("--threads", str(threads))
    command = ("/usr/bin/env", f"OMP_NUM_THREADS={threads}", *contestant.command, str(recording), *options)
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=_ROOT) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{contestant.name} ended with {process.returncode}: {' '.join(command)}")
    facts: dict[str, float] = {} if contestant.folder else json.loads(said)
    return facts | {"wall": time.perf_counter() - began, "memory": usage.ru_maxrss * 1024}


def _call(*command: str) -> None:
    subprocess.run(command, check=True, cwd=_ROOT)


if __name__ == "__main__":
    main()
