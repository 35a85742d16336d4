"""Measure how well ``parakeet transcribe`` hears recordings with known words, and write a report.

    python benchmarks/accuracy.py --minutes 60 --out benchmarks/out

makes the recordings, decodes them in several ways and writes ``accuracy.md`` and ``accuracy.json``:

* word error rate for chunks of several lengths against decoding utterance by utterance, and whether words
  near a cut are wrong more often than elsewhere;
* on excerpts of 8 minutes, the same and the words' times against one pass over the whole excerpt;
* the share of words that change in bf16, with lossy codecs and between lengths of chunks.
"""

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from benchmarks import recordings
from benchmarks.decoding import cut_positions, transcribe
from benchmarks.recordings import Recording, SpokenWord
from benchmarks.report import Change, Report, Row, to_json, to_markdown
from benchmarks.scoring import (
    Difference,
    Score,
    TimesAgreement,
    compare_near_cuts,
    compare_proportions,
    compare_times,
    error_flags,
    lost_or_added_flags,
    normalise_words,
    score,
    share_changed,
)
from parakeet_cli.settings import SAMPLE_RATE

CHUNKS = (10, 30, 60)
"""Seconds; the lengths whose cuts are examined."""
CHUNK = 30
"""The length for everything else."""
EXCERPT_SECONDS = 480.0
CODECS = {
    "mp3 64k": ("mp3", ["-c:a", "libmp3lame", "-b:a", "64k"]),
    "aac 64k": ("m4a", ["-c:a", "aac", "-b:a", "64k"]),
    "opus 24k": ("opus", ["-c:a", "libopus", "-b:a", "24k"]),
}


class Ours:
    """``parakeet transcribe`` with the options that all measurements share; each result is made once."""

    def __init__(self, model: str, out: Path) -> None:
        self._model = model
        self._out = out
        self._made: dict[tuple[Path, int, str], list[SpokenWord]] = {}

    def words(self, file: Path, chunk: int = CHUNK, dtype: str = "fp32") -> list[SpokenWord]:
        """Transcribe a file; words as written."""
        return self.words_of([file], chunk, dtype)[0]

    def words_of(self, files: Sequence[Path], chunk: int, dtype: str = "fp32") -> list[list[SpokenWord]]:
        """Transcribe several files with one command."""
        missing = [file for file in files if (file, chunk, dtype) not in self._made]
        if missing:
            print(f"parakeet transcribe: {len(missing)} file(s), {chunk} s, {dtype}", flush=True)
            out = self._out / f"{chunk}s-{dtype}"
            options = ["--model", self._model, "--dtype", dtype, "--chunk-seconds", str(chunk)]
            for file, words in zip(missing, transcribe(missing, out, *options), strict=True):
                self._made[file, chunk, dtype] = words
        return [self._made[file, chunk, dtype] for file in files]


def measure_whole(recording: Recording, wav: Path, ours: Ours, utterances: Sequence[SpokenWord]) -> list[Row]:
    """Score the recording for each chunk length; ``utterances``: as heard utterance by utterance."""
    rows = [Row("utterance by utterance", _scored(recording, utterances))]
    for chunk in CHUNKS:
        heard = [ours.words(wav, chunk)]
        wrong = _near_cuts(error_flags, [recording], heard, chunk)
        lost_or_added = _near_cuts(lost_or_added_flags, [recording], heard, chunk)
        rows.append(Row(f"parakeet, chunks of {chunk} s", _scored(recording, heard[0]), wrong, lost_or_added))
    return rows


def measure_excerpts(
    excerpts: Sequence[Recording],
    wavs: Sequence[Path],
    ours: Ours,
    one_pass: Sequence[Sequence[SpokenWord]],
) -> list[Row]:
    """Score excerpts; ``one_pass``: the words of each, decoded whole by NeMo."""
    rows = [Row("one pass", _total_score(map(_scored, excerpts, one_pass)))]
    for chunk in CHUNKS:
        heard = ours.words_of(wavs, chunk)
        rows.append(
            Row(
                f"parakeet, chunks of {chunk} s",
                _total_score(map(_scored, excerpts, heard)),
                _near_cuts(error_flags, excerpts, heard, chunk),
                _near_cuts(lost_or_added_flags, excerpts, heard, chunk),
                _total_times(map(compare_times, one_pass, heard)),
                _total_times(map(partial(compare_times, written_alike=True), one_pass, heard)),
            )
        )
    return rows


def measure_changes(wav: Path, ours: Ours) -> list[Change]:
    """Compare decodings of the same recording with each other, whatever its words are."""
    base = ours.words(wav)
    changes = [_change("fp32 → bf16", base, ours.words(wav, dtype="bf16"))]
    for name, (suffix, options) in CODECS.items():
        coded = wav.with_name(f"{wav.stem}-{name.replace(' ', '-')}.{suffix}")
        _encode(wav, coded, options)
        changes.append(_change(f"wav → {name}", base, ours.words(coded)))
    for first, second in ((30, 60), (30, 120), (60, 120)):
        changes.append(_change(f"chunks of {first} s → {second} s", ours.words(wav, first), ours.words(wav, second)))
    return changes


def cut_excerpts(recording: Recording, seconds: float = EXCERPT_SECONDS) -> list[Recording]:
    """Divide a recording between utterances into recordings of at most ``seconds``."""
    excerpts = []
    start = 0.0
    while start < len(recording.samples) / SAMPLE_RATE:
        inside = [u for u in recording.utterances if u.start >= start - 1e-6 and u.end <= start + seconds]
        if not inside:
            break
        excerpts.append(_excerpt(recording, start, inside[-1].end))
        start = inside[-1].end
    return excerpts


def _scored(recording: Recording, words: Sequence[SpokenWord]) -> Score:
    return score(recording.words, normalise_words(words))


def _total_score(scores: Iterable[Score]) -> Score:
    counts = [(s.words, s.substitutions, s.deletions, s.insertions) for s in scores]
    return Score(*map(sum, zip(*counts, strict=True)))


def _total_times(agreements: Iterable[TimesAgreement]) -> TimesAgreement:
    counts = [(a.words, a.starts, a.ends, a.both) for a in agreements]
    return TimesAgreement(*map(sum, zip(*counts, strict=True)))


def _near_cuts(
    flags: Callable[[Sequence[SpokenWord], Sequence[SpokenWord]], NDArray[np.bool_]],
    recorded: Sequence[Recording],
    heard: Sequence[Sequence[SpokenWord]],
    chunk: int,
) -> Difference:
    """Compare the flagged words near the cuts of all recordings with those elsewhere."""
    near, elsewhere = [], []
    for recording, words in zip(recorded, heard, strict=True):
        flagged = flags(recording.words, normalise_words(words))
        difference = compare_near_cuts(recording.words, flagged, cut_positions(recording.samples, chunk))
        near.append(difference.first)
        elsewhere.append(difference.second)
    return compare_proportions(_sums(near), _sums(elsewhere))


def _sums(pairs: Iterable[tuple[int, int]]) -> tuple[int, int]:
    counts, totals = zip(*pairs, strict=True)
    return sum(counts), sum(totals)


def _change(between: str, before: Sequence[SpokenWord], after: Sequence[SpokenWord]) -> Change:
    words = share_changed(normalise_words(before), normalise_words(after))
    return Change(between, words, share_changed(before, after))


def _excerpt(recording: Recording, start: float, end: float) -> Recording:
    first, last = round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)
    return Recording(
        recording.samples[first:last],
        tuple(
            word._replace(start=word.start - start, end=word.end - start)
            for word in recording.words
            if start <= word.start < end
        ),
        tuple(
            u._replace(start=u.start - start, end=u.end - start) for u in recording.utterances if start <= u.start < end
        ),
    )


def _encode(wav: Path, coded: Path, options: Sequence[str]) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-nostdin", "-i", str(wav)]
    subprocess.run([*command, *options, str(coded)], check=True)


def _write_recording(path: Path, recording: Recording) -> Recording:
    """Write a recording; return it with the samples that a reader of the file gets."""
    recordings.write_wav(path, recording.samples)
    recordings.write_words(path.with_suffix(".words.json"), recording)
    return replace(recording, samples=recordings.read_wav(path))


def _measure(options: argparse.Namespace) -> Report:
    from benchmarks.nemo_reference import NemoReference  # noqa: PLC0415 - not before the options are known

    options.out.mkdir(parents=True, exist_ok=True)
    clips = recordings.load_clips(options.digits)
    recording = recordings.make_recording(options.minutes * 60, options.seed, clips, options.style)
    name = f"digits-{options.minutes:g}min-{options.style}-{options.seed}"
    wav = options.out / f"{name}.wav"
    recording = _write_recording(wav, recording)
    excerpts = cut_excerpts(recording)
    wavs = [options.out / f"{name}-excerpt-{number}.wav" for number in range(1, len(excerpts) + 1)]
    excerpts = [_write_recording(path, excerpt) for path, excerpt in zip(wavs, excerpts, strict=True)]

    ours = Ours(options.model, options.out)
    nemo = NemoReference(options.checkpoint)
    print(f"NeMo: {len(recording.utterances)} utterances", flush=True)
    whole = measure_whole(recording, wav, ours, nemo.decode_utterances(recording.samples, recording.utterances))
    changes = measure_changes(wav, ours)
    print(f"NeMo: {len(excerpts)} excerpts in one pass each", flush=True)
    one_pass = [nemo.decode([excerpt.samples])[0] for excerpt in excerpts]
    rows = measure_excerpts(excerpts, wavs, ours, one_pass)
    command = shlex.join(["python", *sys.argv])
    return Report(command, options.minutes * 60, EXCERPT_SECONDS, tuple(whole), tuple(rows), tuple(changes))


def main() -> None:
    """Read the command line, measure, and write the report."""
    repository = Path(__file__).parent.parent
    parser = argparse.ArgumentParser(description="Measure the accuracy of parakeet transcribe on spoken digits.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--style", choices=recordings.STYLES, default="mixed")
    parser.add_argument("--digits", type=Path, default=recordings.DEFAULT_FOLDER, metavar="DIR")
    parser.add_argument("--model", default="demo", help="for parakeet transcribe")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        default=repository / "models" / "parakeet-tdt-demo.nemo",
        help="the same model, for NeMo",
    )
    parser.add_argument("--out", type=Path, default=repository / "benchmarks" / "out", metavar="DIR")
    options = parser.parse_args()
    report = _measure(options)
    (options.out / "accuracy.json").write_text(json.dumps(to_json(report), indent=1) + "\n", encoding="utf-8")
    text = to_markdown(report)
    (options.out / "accuracy.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
