"""Recordings with known words, made from a folder of spoken digits.

A recording is a row of sentences of 1–8 digits, each spoken by one speaker, in noise that never stops. How
the words are spaced is the recording's style: ``few`` (they follow each other closely, a long pause is rare),
``many`` (short pauses at commas, long ones at full stops) or ``mixed`` (the two take turns by the minute).

    python benchmarks/recordings.py --minutes 60 --seed 1 --style mixed OUT.wav

writes OUT.wav (16 kHz, 16 bit, mono) and OUT.words.json.
"""

import argparse
import json
import math
import wave
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcription.chunking import Samples

__all__ = [
    "DEFAULT_FOLDER",
    "DIGITS",
    "NO_PADS",
    "SPEECH_RMS",
    "STYLES",
    "Clips",
    "Pads",
    "Recording",
    "SpokenWord",
    "Utterance",
    "add_noise",
    "levelled",
    "load_clips",
    "make_recording",
    "read_wav",
    "resample",
    "to_utterances",
    "write_wav",
    "write_words",
]

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
STYLES = ("few", "many", "mixed")
DEFAULT_FOLDER = Path(__file__).parent.parent / "tests" / "data" / "digits"

SPEECH_RMS = 0.07
"""Every clip is brought to this level before its jitter, since speakers' own levels differ by 20 dB."""
JITTER_DB = 3.0
FADE_SECONDS = 0.004
"""The clips are trimmed hard; without a fade a click would mark each word."""
EDGE_SECONDS = 0.25
"""Most of the pause that an utterance takes along on each side."""

Clips = Mapping[str, Sequence[Sequence[Samples]]]
"""Speaker → digit 0…9 → takes, each at 16 kHz and ``SPEECH_RMS``."""


class SpokenWord(NamedTuple):
    """A word and where it sounds, in seconds from the start of the recording."""

    text: str
    start: float
    end: float


class Utterance(NamedTuple):
    """A sentence: the stretch of the recording that holds it, in seconds, and its words."""

    start: float
    end: float
    texts: tuple[str, ...]


class Pads(NamedTuple):
    """Seconds of noise before and after a piece of sound, as loud as its quietest tenth."""

    before: float = 0.0
    after: float = 0.0


NO_PADS = Pads()


@dataclass(frozen=True, slots=True)
class Recording:
    """``samples``: 16 kHz mono. Utterances are in order, do not overlap and hold every word once."""

    samples: Samples
    words: tuple[SpokenWord, ...]
    utterances: tuple[Utterance, ...]


def make_recording(seconds: float, seed: int, clips: Clips, style: str = "mixed", snr_db: float = 30.0) -> Recording:
    """Make a recording of exactly ``seconds``; equal arguments make equal samples.

    ``snr_db`` is the ratio of the mean power of the words to that of the noise.
    """
    if style not in STYLES:
        raise ValueError(f"style {style!r} is none of {', '.join(STYLES)}")
    rng = np.random.default_rng(seed)
    samples = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    sentences: list[list[SpokenWord]] = []
    position = round(0.3 * SAMPLE_RATE)
    speakers = sorted(clips)
    while True:
        digits = clips[speakers[int(rng.integers(len(speakers)))]]
        sentence = _speak_sentence(samples, position, digits, rng, style)
        if not sentence:
            break
        sentences.append(sentence)
        end = round(sentence[-1].end * SAMPLE_RATE)
        position = end + round(_sentence_pause(rng, _style_at(end, style)) * SAMPLE_RATE)
    add_noise(samples, sentences, snr_db, rng)
    words = tuple(word for sentence in sentences for word in sentence)
    return Recording(samples, words, to_utterances(sentences, seconds))


def load_clips(folder: Path, takes: range | None = None) -> Clips:
    """Read ``{digit}_{speaker}_{take}.wav`` (8 kHz, 16 bit, mono) from a folder, of all takes or of some."""
    clips: dict[str, list[list[Samples]]] = defaultdict(lambda: [[] for _ in DIGITS])
    for path in sorted(folder.glob("[0-9]_*_*.wav")):
        digit, speaker, take = path.stem.split("_")
        if takes is None or int(take) in takes:
            clips[speaker][int(digit)].append(levelled(resample(_read_pcm(path, 8_000), 8_000)))
    if not clips:
        raise FileNotFoundError(f"no digit recordings such as 7_george_0.wav in {folder}")
    return {speaker: digits for speaker, digits in clips.items() if all(digits)}


def write_wav(path: Path, samples: Samples) -> None:
    """Write 16 kHz mono samples as 16-bit PCM; samples beyond ±1 are clipped."""
    pcm = np.clip(samples * 32768, -32768, 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm.tobytes())


def read_wav(path: Path) -> Samples:
    """Read 16 kHz, 16 bit, mono PCM."""
    return _read_pcm(path, SAMPLE_RATE)


def write_words(path: Path, recording: Recording) -> None:
    """Write the words and utterances of a recording as JSON, with times to a tenth of a millisecond."""
    content = {
        "words": [{"text": w.text, "start": round(w.start, 4), "end": round(w.end, 4)} for w in recording.words],
        "utterances": [
            {"start": round(u.start, 4), "end": round(u.end, 4), "texts": list(u.texts)} for u in recording.utterances
        ],
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def resample(samples: NDArray[np.float32], rate: int) -> Samples:
    """Bring samples of any whole rate to 16 kHz through their spectrum, so that nothing is mirrored."""
    common = math.gcd(rate, SAMPLE_RATE)
    up, down = SAMPLE_RATE // common, rate // common
    margin = -(-64 // down) * down  # the transform is periodic; zeros keep the end from ringing into the start
    padded = np.pad(samples.astype(np.float64), (margin, margin + -len(samples) % down))
    length = len(padded) // down * up
    spectrum = np.fft.rfft(padded)
    if length > len(padded) and len(padded) % 2 == 0:
        spectrum[-1] /= 2  # it stood for both signs of the old Nyquist frequency, which are now apart
    resampled = np.fft.irfft(spectrum, length) * (up / down)
    start = margin // down * up
    return resampled[start : start + round(len(samples) * up / down)].astype(np.float32)


def levelled(clip: Samples) -> Samples:
    """Bring a clip to ``SPEECH_RMS``, without offset and with soft edges."""
    fade = round(FADE_SECONDS * SAMPLE_RATE)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    clip = (clip - clip.mean()).astype(np.float32)
    clip[:fade] *= ramp
    clip[-fade:] *= ramp[::-1]
    return (clip * np.float32(SPEECH_RMS / np.sqrt(np.mean(clip**2)))).astype(np.float32)


def add_noise(
    samples: Samples, sentences: Sequence[Sequence[SpokenWord]], snr_db: float, rng: np.random.Generator
) -> None:
    """Add white noise, ``snr_db`` below the mean power of the words, in place."""
    spoken = sum(word.end - word.start for sentence in sentences for word in sentence) * SAMPLE_RATE
    energy = float(np.sum(samples**2, dtype=np.float64))
    power = energy / spoken if spoken else SPEECH_RMS**2
    level = np.float32(np.sqrt(power) * 10 ** (-snr_db / 20))
    for start in range(0, len(samples), SAMPLE_RATE):  # by the second: an hour at once would double the memory
        block = samples[start : start + SAMPLE_RATE]
        block += level * rng.standard_normal(len(block), np.float32)


def to_utterances(sentences: Sequence[Sequence[SpokenWord]], seconds: float) -> tuple[Utterance, ...]:
    """Give each sentence half of the pauses around it, but no more than ``EDGE_SECONDS`` of them."""
    utterances: list[Utterance] = []
    for index, sentence in enumerate(sentences):
        start, end = sentence[0].start, sentence[-1].end
        before = (sentences[index - 1][-1].end + start) / 2 if index else 0.0
        after = (end + sentences[index + 1][0].start) / 2 if index + 1 < len(sentences) else seconds
        utterances.append(
            Utterance(
                max(before, start - EDGE_SECONDS),
                min(after, end + EDGE_SECONDS),
                tuple(word.text for word in sentence),
            )
        )
    return tuple(utterances)


def _speak_sentence(
    samples: Samples,
    position: int,
    digits: Sequence[Sequence[Samples]],
    rng: np.random.Generator,
    style: str,
) -> list[SpokenWord]:
    """Write 1–8 words into ``samples`` from ``position`` on; fewer, even none, where the recording ends."""
    sentence: list[SpokenWord] = []
    for _ in range(rng.integers(1, 9)):
        digit = int(rng.integers(len(DIGITS)))
        clip = digits[digit][int(rng.integers(len(digits[digit])))]
        level = np.float32(10 ** (rng.uniform(-JITTER_DB, JITTER_DB) / 20))
        end = position + len(clip)
        if end > len(samples):
            break
        samples[position:end] = clip * level
        sentence.append(SpokenWord(DIGITS[digit], position / SAMPLE_RATE, end / SAMPLE_RATE))
        position = end + round(_word_pause(rng, _style_at(end, style)) * SAMPLE_RATE)
    return sentence


def _style_at(position: int, style: str) -> str:
    if style != "mixed":
        return style
    return STYLES[position // (60 * SAMPLE_RATE) % 2]


def _word_pause(rng: np.random.Generator, style: str) -> float:
    if style == "many" and rng.random() < 0.3:
        return rng.uniform(0.2, 0.4)
    return rng.uniform(0.05, 0.2)


def _sentence_pause(rng: np.random.Generator, style: str) -> float:
    if style == "many":
        return rng.uniform(0.5, 1.1)
    if rng.random() < 0.08:
        return rng.uniform(0.5, 2.5)
    return rng.uniform(0.05, 0.2)


def _read_pcm(path: Path, rate: int) -> Samples:
    with wave.open(str(path), "rb") as file:
        if (file.getframerate(), file.getsampwidth(), file.getnchannels()) != (rate, 2, 1):
            raise ValueError(f"{path} is not {rate} Hz, 16 bit, mono")
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return pcm.astype(np.float32) / np.float32(32768)


def main() -> None:
    """Read the command line and write a recording and its words."""
    parser = argparse.ArgumentParser(description="Make a recording of spoken digits with known words.")
    parser.add_argument("out", type=Path, metavar="OUT.wav")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--style", choices=STYLES, default="mixed")
    parser.add_argument("--snr", type=float, default=30.0, metavar="DB")
    parser.add_argument("--digits", type=Path, default=DEFAULT_FOLDER, metavar="DIR")
    options = parser.parse_args()
    clips = load_clips(options.digits)
    recording = make_recording(options.minutes * 60, options.seed, clips, options.style, options.snr)
    write_wav(options.out, recording.samples)
    write_words(options.out.with_suffix(".words.json"), recording)
    print(f"{options.out}: {len(recording.words)} words in {len(recording.utterances)} sentences")


if __name__ == "__main__":
    main()
