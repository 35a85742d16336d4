"""Does anything that was said get lost without a word? Ours, with and without the audit, and others' ways.

    python benchmarks/stress.py --out benchmarks/out

makes the stress set (``stress_set.py``), decodes it utterance by utterance and in every way, and writes ``stress.md``
(tables) and ``stress.json`` (also each silent loss and each doubled word). What does not come from ``parakeet
transcribe`` is kept in the folder and decoded once for a set and a checkpoint.
"""

import argparse
import hashlib
import json
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import recordings
from benchmarks.decoding import transcribe
from benchmarks.losses import Findings, Interval, compare
from benchmarks.peer_methods import cut, decode_windows, merge_like_mlx, merge_like_nemo
from benchmarks.recordings import NO_PADS, Pads, SpokenWord
from benchmarks.scoring import normalise_words
from benchmarks.stress_report import Report, Result, to_json, to_markdown
from benchmarks.stress_set import CHUNK, DEFAULT_MINUTES, KINDS, StressFile, make_set
from parakeet_cli.transcription.chunking import Samples

if TYPE_CHECKING:
    from benchmarks.nemo_reference import NemoReference

BY_UTTERANCE = "utterance by utterance"
SHIFTED = {
    f"{BY_UTTERANCE}, {round(pads.before * 1000)} ms later": pads
    for pads in (Pads(0.01), Pads(0.02), Pads(0.04), Pads(0.06), Pads(0.25, 0.25))
}
"""The same utterances with noise before them, the last with noise after them too: they tell what is chance."""
MEASURES = (BY_UTTERANCE, *SHIFTED)
OURS = {
    "parakeet": (),
    "parakeet --no-audit": ("--no-audit",),
    "parakeet --vad silero": ("--vad", "silero"),
}
"""Ways and their options of ``parakeet transcribe``."""
CHUNK_SECONDS = {kind.name: kind.chunk_seconds for kind in KINDS}
ORIGINAL_SECONDS = 600.0
"""The original service's cuts."""
MLX_SECONDS, MLX_OVERLAP = 120.0, 15.0
"""parakeet-mlx's defaults."""
OVERLAP = 5.0
"""Seconds, for windows as long as our chunks: more than we hear on one side."""
SHORT_OVERLAP = 2.5
"""For windows of 10 s."""


class Heard(NamedTuple):
    """What a way made of one recording: words as written, and the stretches it reports to be without words."""

    words: list[SpokenWord]
    gaps: list[Interval]


@dataclass(frozen=True)
class Nemo:
    """The peers' ways, and the measure, on one checkpoint that is loaded at the first need."""

    checkpoint: Path

    @cached_property
    def model(self) -> "NemoReference":
        from benchmarks.nemo_reference import NemoReference  # noqa: PLC0415 - not before it is known to be needed

        return NemoReference(self.checkpoint)

    def by_utterance(self, samples: Samples, file: StressFile, pads: Pads = NO_PADS) -> list[SpokenWord]:
        return self.model.decode_utterances(samples, file.utterances, pads)

    def fixed_cuts(self, samples: Samples, file: StressFile, seconds: float | None = None) -> list[SpokenWord]:
        pieces = cut(samples, seconds or CHUNK_SECONDS[file.kind])
        heard = self.model.transcribe([piece for _, piece in pieces])
        return [
            SpokenWord(word.text, word.start + start, word.end + start)
            for (start, _), words in zip(pieces, heard, strict=True)
            for word in words
        ]

    def like_mlx(self, samples: Samples, file: StressFile, seconds: float | None = None) -> list[SpokenWord]:
        length, overlap = (seconds, MLX_OVERLAP) if seconds else _windows(file)
        merge = partial(merge_like_mlx, overlap=overlap)
        return decode_windows(samples, length, overlap, self.model.decode_tokens, merge)

    def like_nemo(self, samples: Samples, file: StressFile) -> list[SpokenWord]:
        length, overlap = _windows(file)
        merge = partial(merge_like_nemo, overlap=overlap)
        return decode_windows(samples, length, overlap, self.model.decode_tokens, merge)

    def ways(self) -> dict[str, Callable[[Samples, StressFile], list[SpokenWord]]]:
        return {
            BY_UTTERANCE: self.by_utterance,
            **{way: partial(self.by_utterance, pads=pads) for way, pads in SHIFTED.items()},
            "original, 600 s": partial(self.fixed_cuts, seconds=ORIGINAL_SECONDS),
            "original, as our chunks": self.fixed_cuts,
            "parakeet-mlx, 120 s": partial(self.like_mlx, seconds=MLX_SECONDS),
            "parakeet-mlx, as our chunks": self.like_mlx,
            "NeMo LCS, as our chunks": self.like_nemo,
        }


class Decodings:
    """Every way's words for a set of files; what is not ours is read from ``out/heard`` where it has been made."""

    def __init__(self, files: Sequence[StressFile], nemo: Nemo, model: str, out: Path) -> None:
        self._files = files
        self._nemo = nemo
        self._model = model
        self._out = out
        self._key = _fingerprint([nemo.checkpoint, *(path for f in files for path in (f.wav, f.words_path))])
        self.seconds: dict[str, float] = {}
        """Of wall time, for each way; unknown where it was kept."""

    def heard(self, way: str) -> list[Heard]:
        """One for each file."""
        print(f"{way}: {len(self._files)} recordings", flush=True)
        started = time.monotonic()
        if way in OURS:
            heard = self._ours(OURS[way])
        elif kept := self._kept(way):
            return kept
        else:
            decode = self._nemo.ways()[way]
            heard = [Heard(decode(recordings.read_wav(file.wav), file), []) for file in self._files]
            self._keep(way, heard)
        self.seconds[way] = time.monotonic() - started
        return heard

    def _ours(self, options: Sequence[str]) -> list[Heard]:
        """One command for each length of chunks."""
        heard: dict[str, Heard] = {}
        for chunk in sorted({CHUNK_SECONDS[file.kind] for file in self._files}):
            files = [file for file in self._files if CHUNK_SECONDS[file.kind] == chunk]
            folder = self._out / "transcripts" / "-".join([f"{chunk:g}s", *(option.strip("-") for option in options)])
            arguments = ["--model", self._model, "--dtype", "fp32", "--chunk-seconds", f"{chunk:g}", "--overwrite"]
            words = transcribe([file.wav for file in files], folder, *arguments, *options)
            for file, said in zip(files, words, strict=True):
                heard[file.name] = Heard(said, read_gaps(folder / f"{file.name}.json"))
        return [heard[file.name] for file in self._files]

    def _path(self, way: str) -> Path:
        return self._out / "heard" / f"{way.replace(' ', '-').replace(',', '')}-{self._key}.json"

    def _kept(self, way: str) -> list[Heard] | None:
        if not self._path(way).exists():
            return None
        content = json.loads(self._path(way).read_text(encoding="utf-8"))
        return [Heard([SpokenWord(*word) for word in words], []) for words in content]

    def _keep(self, way: str, heard: Iterable[Heard]) -> None:
        self._path(way).parent.mkdir(parents=True, exist_ok=True)
        self._path(way).write_text(json.dumps([words for words, _ in heard]), encoding="utf-8")


def read_gaps(path: Path) -> list[Interval]:
    """The gaps that a transcript of ``parakeet transcribe -f json`` reports."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return [(gap["start"], gap["end"]) for gap in content["gaps"]]


def judge(
    files: Sequence[StressFile], heard: Mapping[str, Sequence[Heard]], seconds: Mapping[str, float], command: str
) -> Report:
    """Compare every way with what was said and with decoding utterance by utterance, file by file.

    A shifted decoding utterance by utterance is compared with the other ones.
    """
    results = []
    for way, all_heard in heard.items():
        shifted = [other for other in SHIFTED if other in heard and other != way]
        for number, (file, (words, gaps)) in enumerate(zip(files, all_heard, strict=True)):
            measure, *others = (normalise_words(heard[name][number].words) for name in (BY_UTTERANCE, *shifted))
            findings: Findings = compare(file.words, normalise_words(words), measure, gaps, others)
            results.append(Result(way, file.kind, file.name, findings))
    return Report(command, sum(file.seconds for file in files), tuple(results), dict(seconds), MEASURES)


def _windows(file: StressFile) -> tuple[float, float]:
    """As long as our chunks, and their overlap."""
    length = CHUNK_SECONDS[file.kind]
    return length, OVERLAP if length >= CHUNK else SHORT_OVERLAP


def _fingerprint(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def main() -> None:
    """Read the command line, make the set, decode, judge, and write the report."""
    repository = Path(__file__).parent.parent
    ways = [*OURS, *(way for way in Nemo(Path()).ways() if way not in MEASURES)]
    parser = argparse.ArgumentParser(description="Count what is lost and doubled in recordings that are hard.")
    parser.add_argument("--minutes", type=float, default=DEFAULT_MINUTES, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--digits", type=Path, default=recordings.DEFAULT_FOLDER, metavar="DIR")
    parser.add_argument("--kind", action="append", choices=list(CHUNK_SECONDS), help="only these; may be repeated")
    parser.add_argument("--way", action="append", choices=ways, help="only these; may be repeated")
    parser.add_argument("--model", default="demo", help="for parakeet transcribe")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        default=repository / "models" / "parakeet-tdt-demo.nemo",
        help="the same model, for NeMo",
    )
    parser.add_argument("--out", type=Path, default=repository / "benchmarks" / "out", metavar="DIR")
    options = parser.parse_args()
    clips = recordings.load_clips(options.digits)
    files = make_set(options.out / "stress", options.minutes, options.seed, clips, options.kind or ())
    decodings = Decodings(files, Nemo(options.checkpoint), options.model, options.out)
    heard = {way: decodings.heard(way) for way in [*MEASURES, *(options.way or ways)]}
    report = judge(files, heard, decodings.seconds, shlex.join(["python", *sys.argv]))
    (options.out / "stress.json").write_text(json.dumps(to_json(report), indent=1) + "\n", encoding="utf-8")
    text = to_markdown(report)
    (options.out / "stress.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
