"""Speech without words is decoded again; what stays empty is reported. With the recognizer that hears beeps."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.errors import RecognitionFailed
from parakeet_cli.settings import BatchSettings, ChunkSettings, CoverageSettings, TranscriptionSettings
from parakeet_cli.transcript import Token, Transcript
from parakeet_cli.transcription.chunking import Chunk, Samples, Span
from parakeet_cli.transcription.coverage import Coverage
from parakeet_cli.transcription.media.inputs import FileMedia
from parakeet_cli.transcription.pipeline import Finished, Recording, Transcriber
from parakeet_cli.transcription.recognizer import UNKNOWN, DecoderState, Frames, Hypothesis, Row
from tests.fakes import WORDS, BeepRecognizer, beeps, silence, write_wav

SPOKEN = [WORDS[(number * 7 + number // 10) % 10] for number in range(400)]
"""160 seconds, 0.4 s a word."""


def transcribed(
    folder: Path,
    recognizer: BeepRecognizer,
    samples: Samples | None = None,
    coverage: CoverageSettings | None = None,
    chunk: float = 30.0,
) -> Transcript:
    recording = Recording(0, FileMedia(write_wav(folder / "talk.wav", beeps(SPOKEN) if samples is None else samples)))
    settings = TranscriptionSettings(
        chunks=ChunkSettings(chunk, 3.0), coverage=coverage or CoverageSettings(), batch=BatchSettings(2)
    )
    (finished,) = (
        event for event in Transcriber(recognizer, settings).transcribe([recording]) if isinstance(event, Finished)
    )
    return finished.transcript


def texts(transcript: Transcript) -> list[str]:
    return [word.text for word in transcript.words]


def test_without_holes_nothing_is_decoded_again(tmp_path: Path) -> None:
    audited, plain = BeepRecognizer(), BeepRecognizer()
    transcript = transcribed(tmp_path, audited)
    assert transcribed(tmp_path, plain, coverage=CoverageSettings(audit=False)) == transcript
    assert texts(transcript) == SPOKEN
    assert transcript.gaps == ()
    assert audited.batches == plain.batches


@pytest.mark.parametrize("chunk", [10.0, 30.0])
@pytest.mark.parametrize(
    "swallowed",
    [
        [(20.0, 22.0)],
        [(0.0, 3.0)],  # from the start
        [(158.0, 161.0)],  # up to the end
        [(28.0, 36.0)],  # over a cut
        [(40.0, 100.0)],  # for chunks on end
        [(5.0, 8.0), (8.4, 11.0), (60.0, 63.0)],  # one word between two holes
    ],
)
def test_swallowed_words_come_back_in_their_places(
    tmp_path: Path, swallowed: Sequence[tuple[float, float]], chunk: float
) -> None:
    transcript = transcribed(tmp_path, BeepRecognizer(swallows=swallowed), chunk=chunk)
    assert texts(transcript) == SPOKEN
    assert transcript.gaps == ()
    starts = [word.start for word in transcript.words]
    assert starts == pytest.approx([0.16 + 0.4 * number for number in range(len(SPOKEN))], abs=0.09)
    assert all(word.start < word.end for word in transcript.words)


def test_a_lost_stretch_between_two_long_silences_is_found(tmp_path: Path) -> None:
    parts = [beeps(["one"] * 10), silence(15), beeps(["two"] * 10), silence(15), beeps(["three"] * 10)]
    transcript = transcribed(tmp_path, BeepRecognizer(swallows=[(19.0, 24.0)]), np.concatenate(parts))
    assert texts(transcript) == ["one"] * 10 + ["two"] * 10 + ["three"] * 10
    assert [round(span.start) for span in transcript.skipped] == [0, 4, 23, 42]


def test_what_stays_empty_is_a_gap_with_its_place_and_reason(tmp_path: Path) -> None:
    transcript = transcribed(tmp_path, BeepRecognizer(deaf=[(60.0, 66.0)]))
    (gap,) = transcript.gaps
    assert (gap.start, gap.end) == pytest.approx((60.1, 66.0), abs=0.5)
    assert gap.reason == "unsure"
    assert len(texts(transcript)) == len(SPOKEN) - 15


def test_a_hole_longer_than_a_window_is_decoded_in_pieces_and_reported_whole(tmp_path: Path) -> None:
    transcript = transcribed(tmp_path, BeepRecognizer(deaf=[(20.0, 100.0)]))
    assert sum(gap.end - gap.start for gap in transcript.gaps) == pytest.approx(80, abs=2)
    assert all(one.end <= other.start for one, other in zip(transcript.gaps, transcript.gaps[1:], strict=False))
    generous = CoverageSettings(spare_seconds=600)
    deaf = BeepRecognizer(deaf=[(20.0, 50.0)], swallows=[(50.0, 100.0)])
    found = transcribed(tmp_path, deaf, coverage=generous)
    assert texts(found) == SPOKEN[:50] + SPOKEN[125:]


def test_no_more_than_the_set_share_is_decoded_again(tmp_path: Path) -> None:
    recognizer = BeepRecognizer(deaf=[(10.0, 150.0)])
    most = CoverageSettings(spare_seconds=40.0, largest_share=0.0)
    transcript = transcribed(tmp_path, recognizer, coverage=most)
    assert sum(recognizer.batches) - 5 <= 40 / 2  # whatever an attempt is, it lasts more than two seconds
    assert sum(gap.end - gap.start for gap in transcript.gaps) == pytest.approx(140, abs=3)


def test_times_of_gaps_and_silence_count_from_the_start_of_the_media(tmp_path: Path) -> None:
    from parakeet_cli.settings import DecodingSettings

    samples = np.concatenate([silence(30), beeps(SPOKEN[:100])])
    recording = Recording(0, FileMedia(write_wav(tmp_path / "talk.wav", samples)))
    settings = TranscriptionSettings(DecodingSettings(start=10.0))
    events = Transcriber(BeepRecognizer(deaf=[(30.0, 40.0)]), settings).transcribe([recording])
    (finished,) = (event for event in events if isinstance(event, Finished))
    assert finished.transcript.gaps[0].start == pytest.approx(40.1, abs=0.3)
    assert finished.transcript.skipped[0].start == 10.0
    assert finished.transcript.skipped[0].end == pytest.approx(30.1, abs=0.1)


class Stammering(BeepRecognizer):
    """Fills the lost stretch with invented words when it is decoded again."""

    def __init__(self, text: str, every: float, logprob: float) -> None:
        super().__init__(deaf=[(60.0, 66.0)])
        self.invention = (text, every, logprob)

    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        decoded = zip(rows, super().decode(rows), strict=True)
        return [self._invent(row, hypothesis, state) for row, (hypothesis, state) in decoded]

    def _invent(self, row: Row, hypothesis: Hypothesis, state: DecoderState) -> tuple[Hypothesis, DecoderState]:
        start = row.frames[0].first_sample / 16_000
        if row.state is not None or not 56 <= start <= 66:
            return hypothesis, state
        text, every, logprob = self.invention
        places = [60.2 + every * number for number in range(round(5.5 / every))]
        return Hypothesis(tuple(Token(text, place, place + 0.08, logprob) for place in places)), state


@pytest.mark.parametrize(
    ("text", "every", "logprob"),
    [
        (" nonsense", 0.5, -3.0),  # nothing that the decoder believes in
        (" la", 0.4, -0.4),  # over and over, half believed
        (" quick", 0.09, -0.01),  # faster than anybody speaks
        (f" {UNKNOWN}", 1.0, -0.01),
    ],
)
def test_implausible_words_do_not_fill_a_hole(tmp_path: Path, text: str, every: float, logprob: float) -> None:
    transcript = transcribed(tmp_path, Stammering(text, every, logprob))
    assert len(transcript.gaps) == 1
    assert not set(texts(transcript)) & {text.strip()}


def held_chord(samples: Samples, start: float, end: float) -> Samples:
    """The same, with music in this stretch."""
    place = slice(round(start * 16_000), round(end * 16_000))
    times = np.arange(place.stop - place.start) / 16_000
    chord = sum(np.sin(2 * np.pi * tone * times) for tone in (220.0, 277.2, 329.6, 440.0))
    changed = samples.copy()
    changed[place] = 0.1 * chord * (0.6 + 0.4 * np.sin(2 * np.pi * 2 * times))
    return changed


@pytest.mark.parametrize(
    ("is_music", "logprob", "comes_in"),
    [(False, -0.4, True), (True, -0.4, False), (True, -0.01, True)],
)
def test_in_music_only_words_that_are_sure_fill_a_hole(
    tmp_path: Path, is_music: bool, logprob: float, comes_in: bool
) -> None:
    samples = held_chord(beeps(SPOKEN), 60.0, 66.0) if is_music else beeps(SPOKEN)
    transcript = transcribed(tmp_path, Stammering(" maybe", 2.0, logprob), samples)
    assert ("maybe" in texts(transcript)) == comes_in
    if not comes_in:
        assert [gap.reason for gap in transcript.gaps] == ["music"]


def test_a_word_that_repeats_its_neighbour_in_the_same_place_is_not_doubled(tmp_path: Path) -> None:
    """The hole's first sound is the end of the word before it."""
    transcript = transcribed(tmp_path, BeepRecognizer(swallows=[(20.0, 23.0)]), beeps(["four"] * 100))
    assert texts(transcript) == ["four"] * 100


class Flooded(BeepRecognizer):
    """Gives unknown tokens from the second chunk on, unless it is asked to be exact (or never stops)."""

    def __init__(self, stops: bool) -> None:
        super().__init__()
        self.stops = stops
        self.exact: list[bool] = []

    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        self.exact.append(exactly)
        return super().encode(chunks, exactly=exactly)

    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        if self.exact[-1] and self.stops:
            return super().decode(rows)
        return [
            (Hypothesis(tuple(map(unknown, hypothesis.tokens))), state) for hypothesis, state in super().decode(rows)
        ]


def unknown(token: Token) -> Token:
    return token if token.start < 33 else Token(f" {UNKNOWN}", token.start, token.end, token.logprob)


def test_a_flood_of_unknown_tokens_is_decoded_again_exactly(tmp_path: Path) -> None:
    """Row C22."""
    recognizer = Flooded(stops=True)
    assert texts(transcribed(tmp_path, recognizer)) == SPOKEN
    assert True in recognizer.exact


def test_a_flood_that_does_not_stop_is_a_gap_and_no_text(tmp_path: Path) -> None:
    """Row C22."""
    transcript = transcribed(tmp_path, Flooded(stops=False))
    assert UNKNOWN not in transcript.text
    assert sum(gap.end - gap.start for gap in transcript.gaps) > 120


class FailingAgain(BeepRecognizer):
    """Cannot encode a hole."""

    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        if any(not chunk.restarts and chunk.span.heard_from == chunk.span.owned_from for chunk in chunks):
            raise RecognitionFailed("This hole is refused.")
        return super().encode(chunks, exactly=exactly)


def test_a_hole_that_cannot_be_encoded_is_a_gap_and_no_failure(tmp_path: Path) -> None:
    transcript = transcribed(tmp_path, FailingAgain(swallows=[(60.0, 66.0)]))
    assert len(transcript.gaps) == 1


def test_without_the_audit_tokens_are_settled_as_they_come() -> None:
    """Or each savepoint of a day would hold all of its tokens."""
    from tests.fakes import cut

    coverage = Coverage(CoverageSettings(audit=False))
    first, second = cut(beeps(SPOKEN), 0, ChunkSettings(60, 1))[:2]
    coverage.tokens += [Token(" one", 1.0, 1.2, 0.0), Token(" two", 60.9, 61.3, 0.0)]
    coverage.add(first)
    coverage.settle([])
    assert coverage.settled_tokens == 1
    coverage.add(second)
    coverage.settle([])
    assert coverage.settled_tokens == 2


def test_an_hour_leaves_no_more_behind_than_a_minute(tmp_path: Path) -> None:
    """Sound that is settled is forgotten."""
    from parakeet_cli.transcription.coverage import Coverage
    from tests.fakes import cut

    coverage = Coverage(CoverageSettings())
    samples = beeps(SPOKEN)
    most = 0
    for chunk in cut(samples, 0, ChunkSettings(10, 1)):
        seconds = [position / 16_000 for position in range(chunk.span.owned_from, chunk.span.owned_until, 6_400)]
        coverage.tokens += [Token(" one", second, second + 0.24, 0.0) for second in seconds]
        coverage.add(chunk)
        assert coverage.holes() == []
        coverage.settle([])
        most = max(most, sum(part.buffer.end - part.buffer.start for part in coverage._parts))
    assert most < 20 * 16_000


@pytest.mark.parametrize("lost", [(18.9, 20.7), (2.9, 4.3), (34.0, 35.9)])
def test_words_lost_at_the_edge_of_a_stretch_come_back(tmp_path: Path, lost: tuple[float, float]) -> None:
    """Their hole is shorter than 1.5 s only because the silence beyond was left out."""
    parts = [beeps(SPOKEN[:10]), silence(15), beeps(SPOKEN[:4]), silence(14), beeps(SPOKEN[:10])]
    transcript = transcribed(tmp_path, BeepRecognizer(swallows=[lost]), np.concatenate(parts))
    assert texts(transcript) == SPOKEN[:10] + SPOKEN[:4] + SPOKEN[:10]


def test_a_hole_over_a_cut_is_found_without_context(tmp_path: Path) -> None:
    recording = Recording(0, FileMedia(write_wav(tmp_path / "talk.wav", beeps(SPOKEN))))
    settings = TranscriptionSettings(chunks=ChunkSettings(30.0, 0.0), batch=BatchSettings(2))
    events = Transcriber(BeepRecognizer(deaf=[(58.7, 61.3)]), settings).transcribe([recording])
    (finished,) = (event for event in events if isinstance(event, Finished))
    assert len(finished.transcript.gaps) == 1


def test_the_batch_size_changes_no_gap_and_no_repair(tmp_path: Path) -> None:
    recording = Recording(0, FileMedia(write_wav(tmp_path / "talk.wav", beeps(SPOKEN))))
    found = []
    for size in (1, 2, 4, 8):
        settings = TranscriptionSettings(batch=BatchSettings(size))
        events = Transcriber(BeepRecognizer(deaf=[(12, 152)]), settings).transcribe([recording])
        found += [event.transcript for event in events if isinstance(event, Finished)]
    assert len(found[0].gaps) >= 1
    assert all(transcript == found[0] for transcript in found)


class Stopping(BeepRecognizer):
    """Puts a full stop where it is deaf."""

    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        return [(_with_stop(hypothesis), state) for hypothesis, state in super().decode(rows)]


def _with_stop(hypothesis: Hypothesis) -> Hypothesis:
    before = [token for token in hypothesis.tokens if token.start < 61.4]
    after = hypothesis.tokens[len(before) :]
    return Hypothesis((*before, Token(".", 61.4, 61.4, -0.01), *after)) if before and after else hypothesis


def test_a_lone_full_stop_covers_no_speech(tmp_path: Path) -> None:
    assert len(transcribed(tmp_path, Stopping(deaf=[(60.0, 62.8)])).gaps) == 1


class RefusingOne(BeepRecognizer):
    """Swallows from 8 to 12 s of both recordings, and cannot encode the hole of the second."""

    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        holes = [chunk for chunk in chunks if not chunk.restarts and chunk.span.heard_from == chunk.span.owned_from]
        if any(chunk.recording == 1 for chunk in holes):
            raise RecognitionFailed("This hole is refused.")
        return super().encode(chunks, exactly=exactly)

    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        whole = super().decode(rows)
        if all(row.frames[0].first_sample > 16_000 for row in rows):
            return whole  # a hole that is decoded again
        return [(Hypothesis(tuple(t for t in heard.tokens if not 8 <= t.start < 12)), state) for heard, state in whole]


def test_one_hole_that_is_refused_costs_the_others_nothing(tmp_path: Path) -> None:
    recordings = [
        Recording(number, FileMedia(write_wav(tmp_path / f"{number}.wav", beeps(SPOKEN[:60])))) for number in (0, 1)
    ]
    events = Transcriber(RefusingOne(), TranscriptionSettings()).transcribe(recordings)
    found = {event.recording: event.transcript for event in events if isinstance(event, Finished)}
    assert texts(found[0]) == SPOKEN[:60]
    assert len(found[1].gaps) == 1


def test_without_the_audit_a_flood_keeps_the_words_among_it(tmp_path: Path) -> None:
    transcript = transcribed(tmp_path, Flooded(stops=False), coverage=CoverageSettings(audit=False))
    assert transcript.text.split()[:80] == SPOKEN[:80]
    assert UNKNOWN in transcript.text


class Spelling(BeepRecognizer):
    """Writes words as a space, or a mark that opens, and the rest, as some vocabularies write some words.

    The space comes with the word, or already at the end of the word before.
    """

    def __init__(self, lead: str, swallows: Sequence[tuple[float, float]], *, early: bool = False) -> None:
        super().__init__(swallows=swallows)
        self._lead = lead
        self._early = early

    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        return [(Hypothesis(tuple(self._spelled(heard.tokens))), state) for heard, state in super().decode(rows)]

    def _spelled(self, tokens: Sequence[Token]) -> list[Token]:
        spelled: list[Token] = []
        for token in tokens:
            place = spelled[-1].end if self._early and spelled else token.start
            spelled += [replace(token, text=self._lead, start=place, end=place), replace(token, text=token.text[1:])]
        return spelled


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("lead", [" ", " “"])
@pytest.mark.parametrize("swallowed", [(20.0, 24.0), (27.0, 33.0), (28.0, 31.6)])
def test_found_words_are_no_part_of_the_word_after_them(
    tmp_path: Path, swallowed: tuple[float, float], lead: str, early: bool
) -> None:
    """The chunk ends at 30 s."""
    transcript = transcribed(tmp_path, Spelling(lead, [swallowed], early=early))
    assert [text.strip("“") for text in texts(transcript)] == SPOKEN
    assert transcript.gaps == ()
    plain = transcribed(tmp_path, BeepRecognizer())
    late = [abs(word.start - own.start) for word, own in zip(transcript.words, plain.words, strict=True)]
    assert max(late) < (0.5 if early else 0.1)


class Divided(BeepRecognizer):
    """Writes one word in two parts, with seconds between them that it swallows."""

    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        return [(Hypothesis(tuple(map(_without_space, heard.tokens))), state) for heard, state in super().decode(rows)]


def _without_space(token: Token) -> Token:
    return replace(token, text=token.text.strip()) if 24.0 <= token.start < 24.4 else token


def test_words_that_are_found_inside_a_word_stay_words(tmp_path: Path) -> None:
    assert texts(transcribed(tmp_path, Divided(swallows=[(20.0, 24.0)]))) == SPOKEN


@pytest.mark.parametrize("cut", [32.0, 36.0])
def test_where_a_chunk_is_cut_makes_no_hole_of_the_end_of_a_word(cut: float) -> None:
    """Its sound lasts half a second longer than the decoder says; then comes a pause."""
    coverage = Coverage(CoverageSettings())
    words = [(" one", 30.4, 31.0), (" two", 33.0, 33.4)]
    found = []
    for start, end in ((28.0, cut), (cut, 40.0)):
        coverage.tokens += [Token(text, first, last, -0.01) for text, first, last in words if start <= first < end]
        coverage.add(_heard(start, end, [(30.4, 31.5), (33.0, 33.5)], ends=end == 40.0))
        found += coverage.holes()
        coverage.settle([])
    assert found == []


def _heard(start: float, end: float, speech: Sequence[tuple[float, float]], ends: bool) -> Chunk:
    first, last = round(start * 16_000), round(end * 16_000)
    spoken = [(max(first, round(a * 16_000)), min(last, round(b * 16_000))) for a, b in speech]
    return Chunk(
        np.zeros(last - first, np.float32),
        Span(first, first, last, last),
        0,
        tuple((a, b) for a, b in spoken if a < b),
        ends_stretch=ends,
    )
