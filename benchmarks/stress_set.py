"""A stress set: recordings with known words of every kind that makes recognizers lose words, in equal parts.

    python benchmarks/stress_set.py --minutes 20 --seed 1 --out benchmarks/out/stress

writes for each recording NAME.wav (16 kHz, 16 bit, mono) and NAME.words.json, and set.json, which lists them. Equal
minutes and seeds make equal files. ``--minutes`` counts for each kind.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks import recordings
from benchmarks.recordings import Clips, Recording, SpokenWord, Utterance
from benchmarks.stress_composer import Composer, Range
from benchmarks.stress_sound import Passage, alternate, clipped, make_music, over_telephone, pink_noise, scaled_to
from parakeet_cli.settings import SAMPLE_RATE, ChunkSettings

__all__ = ["CHUNK", "DEFAULT_MINUTES", "KINDS", "Kind", "StressFile", "make_set", "read_set"]

DEFAULT_MINUTES = 20.0
"""Of each kind; all combinations of the zeros once, and nearly five hours in all."""
CHUNK = 30.0
"""Seconds; the default length of chunks, and that of the shorter fixed cuts."""
FIRST_CUT = CHUNK + ChunkSettings().context_seconds
"""Seconds; where parakeet first cuts a recording into chunks of 30 s: the first one owns its missing context too."""
MONOLOGUE = 54.0
QUIET_DB, LOUD_DB = -40.0, 20.0
MUSIC_SNR = 15.0
LONGEST_ZEROS = 15
"""Tenths of a second."""

_CLOSE: Range = (0.05, 0.2)
_AT_FULL_STOPS: Range = (0.5, 1.1)


@dataclass(frozen=True, slots=True)
class StressFile:
    """A recording on disk. ``passages``: the stretches, in seconds, that are quiet or clipped where only some are."""

    name: str
    kind: str
    wav: Path
    seconds: float
    words: tuple[SpokenWord, ...]
    utterances: tuple[Utterance, ...]
    passages: tuple[Passage, ...] = ()

    @property
    def words_path(self) -> Path:
        return self.wav.with_suffix(".words.json")


Sound = tuple[Recording, list[Passage]]


def _as_it_is(recording: Recording, _rng: np.random.Generator) -> Sound:
    return recording, []


@dataclass(frozen=True, slots=True)
class Kind:
    """How the words are spaced, and what is done to their sound. ``chunk_seconds``: of chunks, cuts and windows."""

    name: str
    compose: Callable[[Composer], None]
    finish: Callable[[Recording, np.random.Generator], Sound] = _as_it_is
    snr_db: float = 30.0
    """Of white noise that never stops."""
    chunk_seconds: float = CHUNK


def make_set(folder: Path, minutes: float, seed: int, clips: Clips, kinds: Sequence[str] = ()) -> list[StressFile]:
    """Write the set, or some kinds of it, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    files: list[StressFile] = []
    for number, kind in enumerate(KINDS):
        if kinds and kind.name not in kinds:
            continue
        rng = np.random.default_rng([seed, number])
        made = _zeros(minutes * 60, clips, rng) if kind.name == "zeros" else [_whole(kind, minutes * 60, clips, rng)]
        for name, (recording, passages) in made:
            files.append(_write(folder, name, kind.name, recording, passages))
    content = {"minutes": minutes, "seed": seed, "files": [_entry(file) for file in files]}
    (folder / "set.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return files


def read_set(folder: Path) -> list[StressFile]:
    """Read what ``make_set`` wrote, without the samples."""
    content = json.loads((folder / "set.json").read_text(encoding="utf-8"))
    files = []
    for entry in content["files"]:
        words = json.loads((folder / f"{entry['name']}.words.json").read_text(encoding="utf-8"))
        files.append(
            StressFile(
                entry["name"],
                entry["kind"],
                folder / f"{entry['name']}.wav",
                entry["seconds"],
                tuple(SpokenWord(word["text"], word["start"], word["end"]) for word in words["words"]),
                tuple(Utterance(u["start"], u["end"], tuple(u["texts"])) for u in words["utterances"]),
                tuple((start, end) for start, end in entry["passages"]),
            )
        )
    return files


def _without_pauses(composer: Composer) -> None:
    composer.converse((0.0, 0.03), [(0.0, 0.03)])


def _with_pauses(composer: Composer) -> None:
    composer.converse(_CLOSE, [(0.2, 5.0)])


def _plainly(composer: Composer) -> None:
    composer.converse(_CLOSE, [_CLOSE, _AT_FULL_STOPS])


def _with_rests(composer: Composer) -> None:
    composer.converse(_CLOSE, [_CLOSE, _AT_FULL_STOPS, (2.0, 4.0)])


def _repeating(composer: Composer) -> None:
    """A phrase of two or three words ten times, over each place where chunks of 30 s are cut by one way or another."""
    middle = (CHUNK + FIRST_CUT) / 2
    while composer.repeat(middle, times=10):
        middle += CHUNK
    _plainly(composer)


def _changing_speakers(composer: Composer) -> None:
    """Another speaker from every cut on: of a multiple of 30 s, and of chunks with context."""
    border = CHUNK
    while composer.speak_until(border) and composer.speak_until(border + FIRST_CUT - CHUNK):
        border += CHUNK
    _plainly(composer)


def _monologues(composer: Composer) -> None:
    """Some sentences, a full stop, and then one speaker for 54 s without a pause."""
    while True:
        for _ in range(int(composer.rng.integers(2, 5))):
            composer.say_sentence(_CLOSE)
            composer.pause(composer.rng.uniform(*_AT_FULL_STOPS))
        if not composer.speak_until(composer.seconds + MONOLOGUE):
            break
        composer.pause(composer.rng.uniform(*_AT_FULL_STOPS))
    _plainly(composer)


def _quiet(recording: Recording, rng: np.random.Generator) -> Sound:
    return _in_passages(recording, rng, QUIET_DB)


def _loud(recording: Recording, rng: np.random.Generator) -> Sound:
    return _in_passages(recording, rng, LOUD_DB)


def _in_passages(recording: Recording, rng: np.random.Generator, gain_db: float) -> Sound:
    samples = recording.samples.copy()
    passages = alternate(recording.utterances, len(samples) / SAMPLE_RATE, rng)
    for start, end in passages:
        inside = slice(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))
        samples[inside] = clipped(samples[inside], gain_db)
    return replace(recording, samples=samples), passages


def _noisy(snr_db: float) -> Callable[[Recording, np.random.Generator], Sound]:
    def finish(recording: Recording, rng: np.random.Generator) -> Sound:
        noise = scaled_to(pink_noise(len(recording.samples), rng), recording, snr_db)
        return replace(recording, samples=recording.samples + noise), []

    return finish


def _with_music(recording: Recording, rng: np.random.Generator) -> Sound:
    music = scaled_to(make_music(len(recording.samples), rng), recording, MUSIC_SNR)
    return replace(recording, samples=recording.samples + music), []


def _by_telephone(recording: Recording, _rng: np.random.Generator) -> Sound:
    return replace(recording, samples=over_telephone(recording.samples)), []


KINDS = (
    Kind("no-pauses", _without_pauses),
    Kind("pauses", _with_pauses),
    Kind("zeros", _plainly),
    Kind("quiet", _plainly, _quiet),
    Kind("clipped", _plainly, _loud),
    Kind("noise-20", _plainly, _noisy(20.0)),
    Kind("noise-10", _plainly, _noisy(10.0)),
    Kind("noise-5", _plainly, _noisy(5.0)),
    Kind("music", _with_rests, _with_music),
    Kind("telephone", _plainly, _by_telephone),
    Kind("repetition", _repeating),
    Kind("speaker-change", _changing_speakers),
    Kind("monologue", _monologues),
    Kind("forced-10", _plainly, chunk_seconds=10.0),
)
"""In the order of the issue; each is a fourteenth of the set."""


def _whole(kind: Kind, seconds: float, clips: Clips, rng: np.random.Generator) -> tuple[str, Sound]:
    composer = Composer(seconds, clips, rng)
    kind.compose(composer)
    return kind.name, kind.finish(composer.recording(kind.snr_db), rng)


def _zeros(seconds: float, clips: Clips, rng: np.random.Generator) -> Iterator[tuple[str, Sound]]:
    """One utterance a recording, zeros before and after it; every pair of lengths once, then again.

    The utterance is in noise and the zeros are not, as where a recorder or a cutter pads a file (NVIDIA-NeMo/Speech
    #15757).
    """
    pairs = [(lead, trail) for lead in range(LONGEST_ZEROS + 1) for trail in range(LONGEST_ZEROS + 1)]
    order = rng.permutation(len(pairs))
    number = 0
    while seconds > 0:
        lead, trail = pairs[order[number % len(pairs)]]
        composer = Composer(12.0, clips, rng)
        composer.say_sentence(_CLOSE, fewest=2)
        composer.pause(rng.uniform(0.1, 0.3))
        recording = _between_zeros(composer.recording(30.0, composer.seconds), lead, trail)
        yield f"zeros-{number + 1:03}-{lead * 100:04}-{trail * 100:04}", (recording, [])
        seconds -= len(recording.samples) / SAMPLE_RATE
        number += 1


def _between_zeros(recording: Recording, lead: int, trail: int) -> Recording:
    later = lead / 10
    tenth = SAMPLE_RATE // 10
    return Recording(
        np.pad(recording.samples, (lead * tenth, trail * tenth)),
        tuple(word._replace(start=word.start + later, end=word.end + later) for word in recording.words),
        tuple(u._replace(start=u.start + later, end=u.end + later) for u in recording.utterances),
    )


def _write(folder: Path, name: str, kind: str, recording: Recording, passages: Sequence[Passage]) -> StressFile:
    wav = folder / f"{name}.wav"
    recordings.write_wav(wav, recording.samples)
    recordings.write_words(wav.with_suffix(".words.json"), recording)
    seconds = len(recording.samples) / SAMPLE_RATE
    return StressFile(name, kind, wav, seconds, recording.words, recording.utterances, tuple(passages))


def _entry(file: StressFile) -> dict[str, object]:
    entry = asdict(file)
    return {name: entry[name] for name in ("name", "kind", "seconds", "passages")}


def main() -> None:
    """Read the command line and write the set."""
    parser = argparse.ArgumentParser(description="Make recordings of spoken digits that are hard to transcribe.")
    parser.add_argument("--minutes", type=float, default=DEFAULT_MINUTES, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--digits", type=Path, default=recordings.DEFAULT_FOLDER, metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "out" / "stress", metavar="DIR")
    options = parser.parse_args()
    files = make_set(options.out, options.minutes, options.seed, recordings.load_clips(options.digits))
    for kind in KINDS:
        these = [file for file in files if file.kind == kind.name]
        words, minutes = sum(len(file.words) for file in these), sum(file.seconds for file in these) / 60
        print(f"{kind.name}: {len(these)} recording(s), {minutes:.1f} min, {words} words")


if __name__ == "__main__":
    main()
