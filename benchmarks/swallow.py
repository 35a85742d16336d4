"""Fault injection: a recognizer that skips passages, as the real ones do, and whether the audit notices.

    python benchmarks/swallow.py --minutes 60 --out benchmarks/out

runs the pipeline on recordings of spoken digits with the recognizer as it is, and again with one that gives no tokens
in random stretches of 1–60 s when it decodes them for the first time. Of what the first run heard there, the second
should bring back all that lies in stretches with more than 1.5 s of speech, or at least report it as a gap. Writes
``swallow.md`` and ``swallow.json``.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import recordings
from benchmarks.losses import Interval, is_inside
from benchmarks.recordings import SpokenWord
from benchmarks.scoring import align, normalise_words
from parakeet_cli.settings import Dtype, RecognizerSettings, TranscriptionSettings
from parakeet_cli.transcript import Transcript
from parakeet_cli.transcription.checkpoints.finding import find
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.loading import load_recognizer
from parakeet_cli.transcription.media.inputs import FileMedia
from parakeet_cli.transcription.pipeline import Failed, Finished, Recording, Transcriber
from parakeet_cli.transcription.recognizer import DecoderState, Frames, Hypothesis, Recognizer, Row

__all__ = ["StretchResult", "SwallowingRecognizer", "draw_stretches", "judge", "to_markdown"]

SHORTEST, LONGEST = 1.0, 60.0
"""Seconds of a swallowed stretch."""
LEAST_SPEECH = 1.5
"""Seconds of words in a stretch that must be found."""
RECORDING_SECONDS = 600.0
_LENGTHS = (5.0, 15.0, 30.0, LONGEST)
"""Seconds; the table has a row for the stretches up to each."""


@dataclass(frozen=True, slots=True)
class _Tagged:
    """Encoded frames that know their recording."""

    recording: int
    encoded: Any


class SwallowingRecognizer:
    """Another recognizer without the tokens of some stretches, unless it decodes them again.

    ``stretches``: for each recording's number, seconds from its start. A row that begins before what was decoded of
    its recording so far is a second look.
    """

    def __init__(self, recognizer: Recognizer, stretches: Mapping[int, Sequence[Interval]]) -> None:
        self.model = recognizer.model
        self.language = recognizer.language
        self.frame_samples = recognizer.frame_samples
        self.encodes_aside = recognizer.encodes_aside
        self._recognizer = recognizer
        self._stretches = stretches
        self._decoded_until: dict[int, int] = {}

    def chunks_a_batch(self, window_seconds: float) -> int:
        return self._recognizer.chunks_a_batch(window_seconds)

    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        return [
            tuple(replace(frames, encoded=_Tagged(chunk.recording, frames.encoded)) for frames in pieces)
            for chunk, pieces in zip(chunks, self._recognizer.encode(chunks, exactly=exactly), strict=True)
        ]

    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        bare = [
            Row(tuple(replace(frames, encoded=frames.encoded.encoded) for frames in row.frames), row.state)
            for row in rows
        ]
        return [
            (self._swallowed(row.frames, hypothesis), state)
            for row, (hypothesis, state) in zip(rows, self._recognizer.decode(bare), strict=True)
        ]

    def pack(self, state: DecoderState) -> bytes:
        return self._recognizer.pack(state)

    def unpack(self, packed: bytes) -> DecoderState:
        return self._recognizer.unpack(packed)

    def _swallowed(self, frames: Sequence[Frames], hypothesis: Hypothesis) -> Hypothesis:
        number = frames[0].encoded.recording
        if frames[0].first_sample < self._decoded_until.get(number, 0):
            return hypothesis
        self._decoded_until[number] = frames[-1].first_sample + frames[-1].count * self.frame_samples
        stretches = self._stretches.get(number, ())
        return Hypothesis(
            tuple(
                token
                for token in hypothesis.tokens
                if not any(start <= (token.start + token.end) / 2 < end for start, end in stretches)
            )
        )


@dataclass(frozen=True, slots=True)
class StretchResult:
    """A swallowed stretch. ``speech``: seconds of the words that were heard there without swallowing.

    Of these words, in seconds: ``back`` as they were, ``replaced`` by others, ``reported`` inside a gap, ``lost``
    without a word; ``lost_words``: the last of them.
    """

    recording: int
    start: float
    end: float
    speech: float
    back: float
    replaced: float
    reported: float
    lost: float
    lost_words: tuple[SpokenWord, ...]


def draw_stretches(seconds: float, share: float, rng: np.random.Generator) -> list[Interval]:
    """Stretches of 1–60 s, apart from each other, that make up about ``share`` of a recording."""
    stretches: list[Interval] = []
    position = rng.uniform(0.0, 20.0)
    while True:
        length = SHORTEST * (LONGEST / SHORTEST) ** rng.random()  # as many short ones as long ones
        if position + length > seconds:
            return stretches
        stretches.append((position, position + length))
        position += length + max(length * (1 - share) / share * rng.uniform(0.5, 1.5), 5.0)


def judge(
    recording: int,
    stretches: Sequence[Interval],
    whole: Sequence[SpokenWord],
    heard: Sequence[SpokenWord],
    gaps: Sequence[Interval],
) -> list[StretchResult]:
    """What became of the words of each stretch; ``whole``: heard without swallowing, ``heard`` with it, normalised."""
    partners = {r: h for r, h in align(whole, heard) if r is not None}
    results = []
    for start, end in stretches:
        seconds = {"back": 0.0, "replaced": 0.0, "reported": 0.0, "lost": 0.0}
        lost: list[SpokenWord] = []
        for index, word in enumerate(whole):
            if not start <= (word.start + word.end) / 2 < end:
                continue
            partner = partners[index]
            if partner is not None:
                fate = "back" if heard[partner].text == word.text else "replaced"
            else:
                fate = "reported" if is_inside(word, gaps) else "lost"
            seconds[fate] += word.end - word.start
            if fate == "lost":
                lost.append(word)
        results.append(StretchResult(recording, start, end, sum(seconds.values()), **seconds, lost_words=tuple(lost)))
    return results


def to_markdown(command: str, results: Iterable[StretchResult]) -> str:
    """A row for each length of stretches, of those with enough speech."""
    enough = [result for result in results if result.speech > LEAST_SPEECH]
    lines = [f"`{command}`", "", "| swallowed | stretches | speech | words back | found: back or reported |"]
    lines.append("|---|---|---|---|---|")
    shortest = SHORTEST
    for longest in _LENGTHS:
        these = [result for result in enough if shortest <= result.end - result.start < longest]
        lines.append(f"| {shortest:g}–{longest:g} s | {_shares(these)}")
        shortest = longest
    return "\n".join([*lines, f"| all | {_shares(enough)}"]) + "\n"


def _shares(results: Sequence[StretchResult]) -> str:
    if not results:
        return "0 | | | |"
    speech = sum(result.speech for result in results)
    back = sum(result.back for result in results)
    found = speech - sum(result.lost for result in results)
    return f"{len(results)} | {speech:.0f} s | {back / speech:.1%} | {found / speech:.1%} |"


def _transcribe(recognizer: Recognizer, wavs: Sequence[Path]) -> list[Transcript]:
    """Through the pipeline with its default settings; raises what it reports."""
    transcripts: dict[int, Transcript] = {}
    inputs = [Recording(number, FileMedia(wav.absolute())) for number, wav in enumerate(wavs)]
    for event in Transcriber(recognizer, TranscriptionSettings()).transcribe(inputs):
        match event:
            case Finished():
                transcripts[event.recording] = event.transcript
            case Failed():
                raise event.error
    return [transcripts[number] for number in range(len(wavs))]


def _words(transcript: Transcript) -> list[SpokenWord]:
    return normalise_words([SpokenWord(word.text, word.start, word.end) for word in transcript.words])


def main() -> None:
    """Read the command line, run twice, and write the report."""
    parser = argparse.ArgumentParser(description="Swallow passages and see whether the audit brings them back.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--share", type=float, default=0.15, help="of the sound that is swallowed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "out", metavar="DIR")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    clips = recordings.load_clips(recordings.DEFAULT_FOLDER)
    seconds = min(options.minutes * 60, RECORDING_SECONDS)
    wavs = []
    for number in range(round(options.minutes * 60 / seconds)):
        wavs.append(options.out / f"swallow-{options.seed}-{number}.wav")
        recordings.write_wav(wavs[-1], recordings.make_recording(seconds, options.seed + number, clips).samples)
    rng = np.random.default_rng(options.seed)
    stretches = {number: draw_stretches(seconds, options.share, rng) for number in range(len(wavs))}
    recognizer = load_recognizer(find(options.model), RecognizerSettings(dtype=Dtype.FP32))
    whole = _transcribe(recognizer, wavs)
    swallowed = _transcribe(SwallowingRecognizer(recognizer, stretches), wavs)
    results = [
        result
        for number, (before, after) in enumerate(zip(whole, swallowed, strict=True))
        for result in judge(
            number, stretches[number], _words(before), _words(after), [(gap.start, gap.end) for gap in after.gaps]
        )
    ]
    text = to_markdown(shlex.join(["python", *sys.argv]), results)
    (options.out / "swallow.md").write_text(text, encoding="utf-8")
    content = [asdict(result) for result in results]
    (options.out / "swallow.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
