"""What the demo checkpoint's voices say: plans of sentences, their text, and the pieces it is written in.

A plan is a tuple of sentences, a sentence a tuple of phrases, a phrase a tuple of words; between phrases stands a
comma and a short pause, after sentences a full stop and a long one.
"""

from pathlib import Path

import numpy as np
import sentencepiece

from benchmarks.recordings import DIGITS

__all__ = ["DIGITS", "VOCABULARY", "Plan", "draw_words", "make_plan", "plan_text", "train_pieces"]

Plan = tuple[tuple[tuple[str, ...], ...], ...]

VOCABULARY = (
    *DIGITS,
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
    *("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred", "thousand"),
    *("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo", "lima"),
    *("mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango", "uniform", "victor", "whiskey"),
    *("xray", "yankee", "zulu"),
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "today", "tomorrow"),
    *("red", "green", "blue", "yellow", "black", "white", "orange", "purple", "brown"),
    *("yes", "no", "stop", "start", "go", "left", "right", "up", "down", "open", "close", "please"),
)
"""Numbers to a thousand, the NATO alphabet, days, colours and a few commands."""

PIECES = 96

DIGITS_SHARE = 0.5
"""Of the synthetic utterances: digits alone, so that these get whole-word pieces and are learnt first."""


def draw_words(rng: np.random.Generator) -> tuple[str, ...]:
    """Choose what an utterance of a voice that knows all words is made of: the digits or everything."""
    return DIGITS if rng.random() < DIGITS_SHARE else VOCABULARY


def make_plan(rng: np.random.Generator, words: tuple[str, ...]) -> Plan:
    """Draw 1–8 words in one or two sentences; after a word inside a sentence a comma follows now and then."""
    count = int(rng.integers(1, 9))
    chosen = [words[index] for index in rng.integers(len(words), size=count)]
    first = int(rng.integers(1, count)) if count > 1 and rng.random() < 0.4 else count
    return tuple(_phrases(rng, part) for part in (chosen[:first], chosen[first:]) if part)


def plan_text(plan: Plan) -> str:
    """Write a plan: capitals at the start of sentences, commas between phrases, full stops at the end."""
    return " ".join(_sentence_text(sentence) for sentence in plan)


def train_pieces(folder: Path, seed: int) -> None:
    """Train SentencePiece BPE on generated text; leave in ``folder`` what NeMo's BPE models read."""
    rng = np.random.default_rng([seed, 0])
    folder.mkdir(parents=True, exist_ok=True)
    texts = (plan_text(make_plan(rng, DIGITS if index % 3 == 0 else draw_words(rng))) for index in range(20_000))
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=texts,
        model_prefix=str(folder / "tokenizer"),
        model_type="bpe",
        vocab_size=PIECES,
        character_coverage=1.0,
        bos_id=-1,
        eos_id=-1,
        minloglevel=2,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    names = [pieces.id_to_piece(number) for number in range(pieces.get_piece_size())]
    (folder / "vocab.txt").write_text("\n".join(names) + "\n", encoding="utf-8")


def _phrases(rng: np.random.Generator, words: list[str]) -> tuple[tuple[str, ...], ...]:
    phrases: list[tuple[str, ...]] = []
    start = 0
    for index in range(1, len(words) + 1):
        if index == len(words) or rng.random() < 0.2:
            phrases.append(tuple(words[start:index]))
            start = index
    return tuple(phrases)


def _sentence_text(sentence: tuple[tuple[str, ...], ...]) -> str:
    text = ", ".join(" ".join(phrase) for phrase in sentence)
    return text[0].upper() + text[1:] + "."
