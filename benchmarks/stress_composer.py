"""Speech laid out word by word: sentences, pauses, turns that end on a given sample, phrases that are repeated."""

from collections.abc import Sequence

import numpy as np

from benchmarks.recordings import DIGITS, JITTER_DB, Clips, Recording, SpokenWord, add_noise, to_utterances
from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcription.chunking import Samples

__all__ = ["Composer", "Range"]

Range = tuple[float, float]
"""Seconds, drawn evenly."""

_MOST_WORDS = 8
"""Of a sentence."""
_LEAST_GAP = round(0.05 * SAMPLE_RATE)
"""Between the words of a turn that ends on a given sample."""
_TURN: Range = (4.0, 8.0)

Spoken = tuple[int, Samples]
"""A digit and its sound."""


class Composer:
    """Speaks into a recording of at most ``seconds``, from its ``position`` on."""

    def __init__(self, seconds: float, clips: Clips, rng: np.random.Generator) -> None:
        self.rng = rng
        self._clips = clips
        self._samples = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
        self._sentences: list[list[SpokenWord]] = []
        self._position = round(rng.uniform(0.1, 0.3) * SAMPLE_RATE)
        self._speaker = ""

    @property
    def seconds(self) -> float:
        """Up to where it has spoken."""
        return self._position / SAMPLE_RATE

    def recording(self, snr_db: float, seconds: float | None = None) -> Recording:
        """What was said, in white noise, cut to ``seconds``."""
        samples = self._samples if seconds is None else self._samples[: round(seconds * SAMPLE_RATE)]
        add_noise(samples, self._sentences, snr_db, self.rng)
        words = tuple(word for sentence in self._sentences for word in sentence)
        return Recording(samples, words, to_utterances(self._sentences, len(samples) / SAMPLE_RATE))

    def pause(self, seconds: float) -> None:
        self._position += round(seconds * SAMPLE_RATE)

    def converse(self, word_gap: Range, sentence_gaps: Sequence[Range]) -> None:
        """Sentences of changing speakers up to the end, each followed by one of the pauses."""
        while self.say_sentence(word_gap):
            self.pause(self.rng.uniform(*sentence_gaps[int(self.rng.integers(len(sentence_gaps)))]))

    def say_sentence(self, word_gap: Range, fewest: int = 1) -> bool:
        """Up to eight words of another speaker; False, and nothing said, where they do not fit."""
        self._change_speaker()
        words = [self._take(int(self.rng.integers(10))) for _ in range(self.rng.integers(fewest, _MOST_WORDS + 1))]
        gaps = [round(self.rng.uniform(*word_gap) * SAMPLE_RATE) for _ in words[1:]]
        return self._say(words, gaps)

    def repeat(self, middle: float, times: int) -> bool:
        """A phrase again and again around ``middle`` (seconds), other speakers up to there; False where it is full."""
        self._change_speaker()
        speaker = self._speaker
        phrase = [int(digit) for digit in self.rng.integers(10, size=self.rng.integers(2, 4))]
        said = [[self._take(digit) for digit in phrase] for _ in range(times)]
        gaps = [round(self.rng.uniform(0.05, 0.2) * SAMPLE_RATE) for _ in range(times * len(phrase))]
        length = sum(len(sound) for words in said for _, sound in words) + sum(gaps)
        start = round(middle * SAMPLE_RATE) - length // 2
        if start + length > len(self._samples):
            return False
        while start / SAMPLE_RATE - self.seconds > _TURN[1]:
            self.speak_until(self.seconds + self.rng.uniform(*_TURN))
        self.speak_until(start / SAMPLE_RATE, speaker)
        for words in said:
            self._say(words, [gaps.pop() for _ in words[1:]])
            self._position += gaps.pop()
        return True

    def speak_until(self, end: float, not_by: str = "") -> bool:
        """One other speaker up to ``end`` (seconds), without a pause; half a gap between words stands at both ends.

        False, and nothing said, where the recording ends before. ``not_by``: a speaker who is to come next.
        """
        room = round(end * SAMPLE_RATE) - self._position
        if self._position + room > len(self._samples):
            return False
        self._change_speaker(not_by)
        words = self._as_many_as_fit(room)
        if words:
            gap = (room - sum(len(sound) for _, sound in words)) // len(words)
            self._position += gap // 2
            for first in range(0, len(words), _MOST_WORDS):
                sentence = words[first : first + _MOST_WORDS]
                self._say(sentence, [gap] * (len(sentence) - 1))
                self._position += gap
        self._position = round(end * SAMPLE_RATE)
        return True

    def _as_many_as_fit(self, room: int) -> list[Spoken]:
        words: list[Spoken] = []
        while True:
            word = self._take(int(self.rng.integers(10)))
            room -= len(word[1]) + _LEAST_GAP
            if room < 0:
                return words
            words.append(word)

    def _change_speaker(self, not_by: str = "") -> None:
        others = [speaker for speaker in sorted(self._clips) if speaker not in (self._speaker, not_by)]
        self._speaker = others[int(self.rng.integers(len(others)))]

    def _take(self, digit: int) -> Spoken:
        takes = self._clips[self._speaker][digit]
        level = np.float32(10 ** (self.rng.uniform(-JITTER_DB, JITTER_DB) / 20))
        return digit, takes[int(self.rng.integers(len(takes)))] * level

    def _say(self, words: Sequence[Spoken], gaps: Sequence[int]) -> bool:
        """A sentence, with ``gaps`` samples between its words; False, and nothing said, where it does not fit."""
        if self._position + sum(len(sound) for _, sound in words) + sum(gaps) > len(self._samples):
            return False
        sentence = []
        for (digit, sound), gap in zip(words, [*gaps, 0], strict=True):
            end = self._position + len(sound)
            self._samples[self._position : end] = sound
            sentence.append(SpokenWord(DIGITS[digit], self._position / SAMPLE_RATE, end / SAMPLE_RATE))
            self._position = end + gap
        self._sentences.append(sentence)
        return True
