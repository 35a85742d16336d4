"""Error rates, errors of word times, gaps, and differences between sides."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.evaluation.comparison import FEWEST_FILES, Interval, bootstrap, compare
from parakeet_cli.evaluation.normalization import Normalizer, make_normalize
from parakeet_cli.evaluation.references import Reference
from parakeet_cli.evaluation.report import FileResult, Missing, Report, SideResult, to_json
from parakeet_cli.evaluation.scoring import Errors, Score, TimeErrors, score, total
from parakeet_cli.settings import TranscriptionSettings
from parakeet_cli.transcript import Gap, Segment, Transcript, Word
from parakeet_cli.transcription.media.inputs import FileMedia


def spoken(text: str, shift: float = 0.0) -> tuple[Word, ...]:
    """One word every half second, each 0.4 s long."""
    return tuple(Word(w, 0.5 * i + shift, 0.5 * i + 0.4 + shift) for i, w in enumerate(text.split()))


def heard(words: tuple[Word, ...], gaps: tuple[Gap, ...] = ()) -> Transcript:
    return Transcript((Segment(words),) if words else (), 10.0, "en", "m", gaps)


def said(text: str, words: tuple[Word, ...] = ()) -> Reference:
    return Reference(FileMedia(Path("/a.wav")), text, Path("/a.txt"), words)


def scored(reference: Reference, transcript: Transcript, normalizer: Normalizer = Normalizer.BASIC) -> Score:
    return score(reference, transcript, 2.0, make_normalize(normalizer))


@pytest.mark.parametrize(
    ("reference", "hypothesis", "errors"),
    [
        ("one two three", "One two, three.", (3, 0, 0, 0)),
        ("one two three", "one three", (3, 0, 1, 0)),
        ("one two three", "one two too three", (3, 0, 0, 1)),
        ("one two three", "one six three", (3, 1, 0, 0)),
        ("one two three", "", (3, 0, 3, 0)),
        ("", "one", (0, 0, 0, 1)),
        ("a b c d", "b c x d e", (4, 0, 1, 2)),
    ],
)
def test_the_fewest_edits_are_counted(reference: str, hypothesis: str, errors: tuple[int, int, int, int]) -> None:
    assert scored(said(reference), heard(spoken(hypothesis))).errors == Errors(*errors)


def test_the_english_rules_forgive_other_spellings() -> None:
    reference = said("It's twenty five dollars in grey")
    transcript = heard(spoken("It is $25 in gray."))
    assert scored(reference, transcript, Normalizer.ENGLISH).errors.rate == 0
    assert scored(reference, transcript).errors.rate != 0


def test_without_reference_words_there_is_no_rate() -> None:
    assert scored(said("(noise)"), heard(spoken("one"))).errors.rate is None


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
def test_edits_explain_the_difference_in_length(reference: list[str], hypothesis: list[str]) -> None:
    errors = scored(said(" ".join(reference)), heard(spoken(" ".join(hypothesis))), Normalizer.NONE).errors
    assert errors.words == len(reference)
    assert errors.insertions - errors.deletions == len(hypothesis) - len(reference)
    assert errors.count <= max(len(reference), len(hypothesis))
    assert (errors.count == 0) == (reference == hypothesis)


def test_times_are_compared_where_a_word_is_heard_right() -> None:
    reference = said("one two three four", spoken("one two three four"))
    words = list(spoken("One, two, six four.", shift=0.08))
    words[3] = Word("four.", 1.4, 2.0)
    times = scored(reference, heard(tuple(words))).times
    assert times is not None
    assert times.starts.seconds == pytest.approx((0.08, 0.08, -0.1))
    assert times.ends.seconds == pytest.approx((0.08, 0.08, 0.1))
    assert times.starts.near == pytest.approx(2 / 3)
    assert (times.starts.median, times.starts.bias) == pytest.approx((0.08, 0.08))
    assert times.starts.p90 == pytest.approx(0.096)
    assert (times.words, times.lost) == (4, 0)


def test_words_that_the_english_rules_would_join_keep_their_times() -> None:
    reference = said("one two three", spoken("one two three"))
    found = scored(reference, heard(spoken("one two three", shift=0.04)), Normalizer.ENGLISH)
    assert found.errors == Errors(1, 0, 0, 0)
    assert found.times is not None
    assert found.times.starts.seconds == pytest.approx((0.04,) * 3)


def test_which_of_two_equal_words_was_lost_is_told_by_time() -> None:
    reference = said("no no no", spoken("no no no"))
    times = scored(reference, heard(spoken("no no no")[1:])).times
    assert times is not None
    assert times.starts.seconds == (0, 0)


def test_lost_words_inside_reported_gaps_are_counted_apart() -> None:
    reference = said("one two three four", spoken("one two three four"))
    gaps = (Gap(0.45, 1.0, "noise"), Gap(5.0, 6.0, "music"))
    found = scored(reference, heard(spoken("one two three four")[:1], gaps))
    assert found.times is not None
    assert (found.times.lost, found.times.lost_in_gaps) == (3, 1)
    assert (found.gaps, round(found.gap_seconds, 3)) == (2, 1.55)


def test_without_reference_times_there_are_no_time_errors() -> None:
    assert scored(said("one"), heard(spoken("one"))).times is None
    assert TimeErrors(()).median is None
    assert TimeErrors(()).near is None


def test_a_total_sums_counts_before_it_divides() -> None:
    long = scored(said("one two three four"), heard(spoken("one two three four")))
    short = scored(said("one", spoken("one")), heard(spoken("two")))
    both = total([long, short])
    assert both.errors.rate == pytest.approx(0.2)
    assert both.audio_seconds == 20
    assert both.rtfx == pytest.approx(5)
    assert both.times is not None
    assert both.times.words == 1
    assert total([]).errors.rate is None
    assert total([]).rtfx is None


def files(*counts: int) -> list[Errors]:
    return [Errors(100, count, 0, 0) for count in counts]


def test_the_interval_holds_the_difference_and_is_the_same_each_time() -> None:
    first, second = files(*[10, 20, 5, 8] * 10), files(*[9, 16, 5, 8] * 10)
    difference = compare(first, second)
    assert difference.rate == pytest.approx(-0.0125)
    assert difference.interval is not None
    assert difference.interval.low < -0.0125 < difference.interval.high < 0
    assert difference.interval.improved == 1
    assert compare(first, second) == difference
    back = compare(second, first).interval
    assert back is not None
    assert (back.low, back.high) == pytest.approx((-difference.interval.high, -difference.interval.low))


def test_the_interval_is_as_wide_as_theory_says() -> None:
    """Of equally long files it is that of a mean: ± 1.96 standard errors, for many files."""
    more = np.random.default_rng(3).integers(-10, 11, 400)
    found = bootstrap(np.full(400, 100), more)
    error = more.std() / 100 / np.sqrt(400)
    assert found.low == pytest.approx(more.mean() / 100 - 1.96 * error, abs=error / 10)
    assert found.high == pytest.approx(more.mean() / 100 + 1.96 * error, abs=error / 10)


def test_every_sample_is_drawn_from_all_files_in_blocks_too() -> None:
    more = np.random.default_rng(3).integers(-10, 11, 5000)
    found = bootstrap(np.full(5000, 100), more, samples=1000)
    error = more.std() / 100 / np.sqrt(5000)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_few_files_get_no_interval() -> None:
    few = [3] * (FEWEST_FILES - 1)
    without_words = Errors(0, 0, 0, 1)
    assert compare(files(*few), files(*few)).interval is None
    assert compare([*files(*few), without_words], [*files(*few), without_words]).interval is None
    assert compare(files(*few, 3), files(*few, 3)).interval == Interval(0, 0, 0)
    assert compare([without_words], [without_words]).rate is None


def test_the_report_is_json_of_schema_1() -> None:
    reference, transcript = said("one two", spoken("one two")), heard(spoken("one two", 0.02), (Gap(3, 4.5, "noise"),))
    found = scored(reference, transcript)
    file = FileResult("a.wav", "one two \ud800", transcript, found)
    side = SideResult("A", "demo", TranscriptionSettings(), (file,), total([found]), 3.0)
    difference = compare([found.errors], [found.errors])
    report = Report(Normalizer.BASIC, (side, side), difference, (Missing("b.wav", "Gone.", "not_found"),))
    document = json.loads(to_json(report))
    assert (document["schema"], document["kind"], document["normalizer"]) == (1, "parakeet eval", "basic")
    first = document["sides"][0]
    assert first["settings"]["chunks"]["chunk_seconds"] == 30
    assert "decoding" not in first["settings"]
    assert (first["total"]["wer"], first["total"]["files"]) == (0, 1)
    assert first["files"][0]["reference"] == "one two ?"
    assert first["files"][0]["word_times"] == {
        "words": 2,
        "right": 2,
        "starts": {"median": 0.02, "p90": 0.02, "bias": 0.02, "within_80_ms": 1.0},
        "ends": {"median": 0.02, "p90": 0.02, "bias": 0.02, "within_80_ms": 1.0},
        "lost": 0,
        "lost_in_gaps": 0,
    }
    assert (first["files"][0]["gaps"], first["files"][0]["gap_seconds"]) == (1, 1.5)
    assert (document["comparison"]["wer"], document["comparison"]["low"]) == (0, None)
    assert document["missing"] == [{"name": "b.wav", "reason": "Gone.", "code": "not_found"}]
