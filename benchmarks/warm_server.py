"""How soon the words of a clip come from a server that has its model loaded.

    python -m benchmarks.warm_server clip.wav --model /tmp/replica.nemo --calls 8 --pause 2

starts ``parakeet serve``, sends the clip once, so that the model is loaded, lets the server rest, and then sends the
clip by ``parakeet transcribe --server``, again and again after a pause. Prints a line for each call and the medians:
seconds from the start of the command until it has reached the server, until the work has begun, until the first words
are there, and until the command has ended. ``--options`` are the server's.
"""

import argparse
import json
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

__all__ = ["Call", "main", "table"]

_REST_SECONDS = 10.0
_PROGRAM = str(Path(sys.executable).parent / "parakeet")


class Call(NamedTuple):
    """Seconds from the start of a client."""

    connected: float
    begun: float
    words: float
    end: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--calls", type=int, default=8)
    parser.add_argument("--pause", type=float, default=2.0, help="seconds before each call")
    parser.add_argument("--rest", type=float, default=_REST_SECONDS, help="seconds after the model was loaded")
    parser.add_argument("--options", default="--device cpu", help="more options of parakeet serve, in quotes")
    arguments = parser.parse_args()
    options = ["--model", arguments.model, *shlex.split(arguments.options)]
    with tempfile.TemporaryDirectory() as folder, _server(options, Path(folder)) as address:
        _call(address, arguments.clip, Path(folder))
        time.sleep(arguments.rest)
        calls = []
        for _ in range(arguments.calls):
            time.sleep(arguments.pause)
            calls.append(_call(address, arguments.clip, Path(folder)))
    print(table(calls))


def table(calls: Sequence[Call]) -> str:
    """Markdown: a row for each call, and the medians."""
    rows = [(str(number), call) for number, call in enumerate(calls, 1)]
    rows.append(("median", Call(*map(median, zip(*calls, strict=True)))))
    lines = ["| call | connected | begun | first words | end |", "|---|---|---|---|---|"]
    lines += [f"| {name} | " + " | ".join(f"{seconds:.2f} s" for seconds in call) + " |" for name, call in rows]
    return "\n".join(lines)


@contextmanager
def _server(options: Sequence[str], folder: Path) -> Iterator[str]:
    """Its address."""
    command = [_PROGRAM, "serve", "--port", "0", *options]
    log = folder / "log"
    with log.open("w") as said, subprocess.Popen(command, stderr=said) as process:
        try:
            while not (found := re.search(r"Listening at (http://[^:]+:\d+)", log.read_text())):
                if process.poll() is not None:
                    raise SystemExit(f"{shlex.join(command)} ended: {log.read_text()}")
                time.sleep(0.1)
            yield found[1]
        finally:
            process.terminate()


def _call(address: str, clip: Path, folder: Path) -> Call:
    command = [_PROGRAM, "transcribe", str(clip), "--server", address, "--output", str(folder), "--overwrite"]
    times: dict[str, float] = {}
    began = time.perf_counter()
    with subprocess.Popen([*command, "--log-format", "json"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            event = json.loads(line)
            what = event["event"]
            if what == "finished" or (what == "progress" and event["seconds"]):
                what = "words"
            times.setdefault(what, time.perf_counter() - began)
    end = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{shlex.join(command)} ended with {process.returncode}.")
    return Call(times["connected"], times["started"], times["words"], end)


if __name__ == "__main__":
    main()
