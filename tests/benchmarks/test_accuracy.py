"""Scoring of hypotheses and the accuracy report."""

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

from benchmarks import accuracy, recordings
from benchmarks.accuracy import cut_excerpts
from benchmarks.decoding import cut_positions, read_words
from benchmarks.recordings import SpokenWord, load_clips, make_recording
from benchmarks.report import Change, Report, Row, to_json, to_markdown
from benchmarks.scoring import (
    Pair,
    Score,
    TimesAgreement,
    align,
    compare_near_cuts,
    compare_proportions,
    compare_times,
    error_flags,
    lost_or_added_flags,
    normalise,
    normalise_words,
    score,
    share_changed,
)


def spoken(text: str, start: float = 0.0, step: float = 0.5) -> list[SpokenWord]:
    """One word every ``step`` seconds, each 0.4 s long."""
    return [SpokenWord(w, start + step * i, start + step * i + 0.4) for i, w in enumerate(text.split())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Seven,", "seven"),
        ("zero.", "zero"),
        ("0", "zero"),
        ("9.", "nine"),
        ("don't", "don't"),
        ("–.", "–"),
        ("…", "…"),
    ],
)
def test_normalising_leaves_the_bare_word(text: str, expected: str) -> None:
    assert normalise(text) == expected


def test_a_word_of_punctuation_alone_disappears() -> None:
    assert [word.text for word in normalise_words(spoken("One , two ."))] == ["one", "two"]


def test_a_perfect_hypothesis_has_no_errors() -> None:
    assert score(spoken("one two three"), spoken("one two three")) == Score(3, 0, 0, 0)


def test_each_kind_of_error_is_counted() -> None:
    assert score(spoken("one two three four"), spoken("one six three")) == Score(4, 1, 1, 0)
    assert score(spoken("one two"), spoken("one two two")) == Score(2, 0, 0, 1)
    assert score(spoken("one two three four"), spoken("one six three")).error_rate == 0.5


def test_empty_sides_are_scored() -> None:
    assert score([], []) == Score(0, 0, 0, 0)
    assert score(spoken("one two"), []) == Score(2, 0, 2, 0)
    assert score([], spoken("one two")) == Score(0, 0, 0, 2)


def test_the_edits_are_as_few_as_an_independent_implementation_finds() -> None:
    kaldialign = pytest.importorskip("kaldialign")
    rng = random.Random(1)
    for _ in range(200):
        reference, hypothesis = (spoken(" ".join(rng.choices("abc", k=rng.randrange(12)))) for _ in range(2))
        expected = kaldialign.edit_distance([w.text for w in reference], [w.text for w in hypothesis])["total"]
        assert score(reference, hypothesis).errors == expected


def test_an_alignment_has_every_word_once_and_in_order() -> None:
    pairs = align(spoken("a b c d e"), spoken("b x d d e a"))
    assert [pair.reference for pair in pairs if pair.reference is not None] == [0, 1, 2, 3, 4]
    assert [pair.hypothesis for pair in pairs if pair.hypothesis is not None] == [0, 1, 2, 3, 4, 5]


def test_of_equal_words_in_a_row_the_one_that_is_missing_in_time_is_lost() -> None:
    reference = spoken("two two two two")
    for lost in range(4):
        heard = [word for index, word in enumerate(reference) if index != lost]
        assert Pair(lost, None) in align(reference, heard)


def test_a_doubled_word_marks_the_reference_word_beside_it() -> None:
    reference = spoken("one two three four")
    heard = [*reference[:3], SpokenWord("three", 1.3, 1.5), reference[3]]
    assert error_flags(reference, heard).tolist() == [False, False, True, False]


def test_replaced_and_lost_words_are_marked() -> None:
    reference = spoken("one two three four")
    heard = [reference[0], reference[1]._replace(text="ten"), reference[3]]
    assert error_flags(reference, heard).tolist() == [False, True, True, False]
    assert lost_or_added_flags(reference, heard).tolist() == [False, False, True, False]


def test_words_within_a_second_of_a_cut_are_counted_apart() -> None:
    reference = spoken("a b c d e f g h i j", step=1.0)
    wrong = np.array([False, False, False, True, True, False, False, False, False, True])
    difference = compare_near_cuts(reference, wrong, [4.0])
    assert difference.first == (2, 2)  # the middles at 3.2 and 4.2
    assert difference.second == (1, 8)


def test_a_difference_of_proportions_has_the_interval_of_newcombes_paper() -> None:
    difference = compare_proportions((56, 70), (48, 80))  # example (a) there: 0.0524 … 0.3339
    assert difference.low == pytest.approx(0.0524, abs=5e-5)
    assert difference.high == pytest.approx(0.3339, abs=5e-5)


def test_the_p_value_is_fishers() -> None:
    # 3 of 4 against 1 of 4, the tea-tasting lady's: 34/70 two-sided
    assert compare_proportions((3, 4), (1, 4)).p_value == pytest.approx(34 / 70)
    assert compare_proportions((4, 4), (0, 4)).p_value == pytest.approx(2 / 70)
    assert compare_proportions((0, 5), (0, 500)).p_value == pytest.approx(1)


def test_the_p_value_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for first, second in (((3, 161), (14, 677)), ((11, 94), (30, 1500)), ((0, 60), (80, 5000))):
        table = [[count, total - count] for count, total in (first, second)]
        assert compare_proportions(first, second).p_value == pytest.approx(stats.fisher_exact(table)[1])


def test_a_difference_without_words_on_one_side_says_nothing() -> None:
    difference = compare_proportions((0, 0), (3, 100))
    assert difference.p_value == pytest.approx(1)
    assert (difference.low, difference.high) == (-1, 1)


def test_the_share_of_changed_words_counts_edits() -> None:
    assert share_changed(spoken("one two three four"), spoken("one two five four")) == 0.25


def test_times_agree_within_one_frame() -> None:
    before = spoken("one two three four")
    after = [word._replace(start=word.start + 0.08) for word in before]
    after[2] = before[2]._replace(start=before[2].start - 0.16)
    after[3] = before[3]._replace(end=before[3].end + 0.16, text="Four.")
    assert compare_times(before, after) == TimesAgreement(words=4, starts=3, ends=3, both=2)
    assert compare_times(before, after, written_alike=True) == TimesAgreement(3, 2, 3, 2)
    assert compare_times(before, []) == TimesAgreement(0, 0, 0, 0)


def test_cuts_lie_where_the_pipeline_makes_them() -> None:
    samples = np.random.default_rng(0).standard_normal(16_000 * 63, np.float32) * np.float32(0.1)
    cuts = cut_positions(samples, 10)
    assert cuts[0] == pytest.approx(12.0)  # the first chunk owns its missing context too
    assert np.diff(cuts) == pytest.approx(10)
    assert cut_positions(samples, 60) == []


def test_a_transcript_is_read_from_its_json(tmp_path: Path) -> None:
    words = [{"text": "One,", "start": 0.1, "end": 0.4, "confidence": 0.9}]
    segments = [{"words": words}, {"words": [{"text": "two.", "start": 0.5, "end": 0.9, "confidence": None}]}]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"schema": 1, "segments": segments}), encoding="utf-8")
    assert read_words(path) == [SpokenWord("One,", 0.1, 0.4), SpokenWord("two.", 0.5, 0.9)]
    path.write_text(json.dumps({"schema": 2, "segments": []}), encoding="utf-8")
    with pytest.raises(ValueError, match="schema 2"):
        read_words(path)


def test_excerpts_hold_every_word_of_the_recording_once() -> None:
    recording = make_recording(100, 5, load_clips(recordings.DEFAULT_FOLDER))
    excerpts = cut_excerpts(recording, 30)
    assert all(len(excerpt.samples) <= 30 * 16_000 for excerpt in excerpts)
    assert [w.text for e in excerpts for w in e.words] == [w.text for w in recording.words]
    assert [u.texts for e in excerpts for u in e.utterances] == [u.texts for u in recording.utterances]
    for excerpt in excerpts:
        assert excerpt.words[0].start >= 0
        assert excerpt.words[-1].end <= len(excerpt.samples) / 16_000


def test_the_report_gives_counts_intervals_and_its_command() -> None:
    near_cuts = compare_proportions((1, 100), (10, 1000))
    rows = (
        Row("utterance by utterance", Score(1100, 9, 1, 0)),
        Row(
            "parakeet, chunks of 10 s", Score(1100, 9, 1, 1), near_cuts, near_cuts, TimesAgreement(1000, 999, 998, 997)
        ),
    )
    changes = (Change("fp32 → bf16", 0.01, 0.02),)
    report = Report("python benchmarks/accuracy.py", 3600, 480, rows, rows, changes)
    text = to_markdown(report)
    assert "python benchmarks/accuracy.py" in text
    assert "| parakeet, chunks of 10 s | 1100 | 1.00% | +0.09 points | 9, 1, 1 | 1 of 100 | 10 of 1000 |" in text
    assert "| parakeet, chunks of 10 s | 1000 | 99.90% | 99.80% | 99.70% |" in text
    assert "| fp32 → bf16 | 1.00% | 2.00% |" in text
    plain = json.loads(json.dumps(to_json(report)))
    assert plain["whole"][1]["score"]["error_rate"] == pytest.approx(0.01)
    assert math.isclose(plain["whole"][1]["near_cuts"]["high"], near_cuts.high)


@pytest.mark.model
@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # NeMo scripts modules on import
@pytest.mark.filterwarnings("ignore:dropout option adds dropout:UserWarning")  # NeMo's LSTM of one layer
@pytest.mark.nemo_unpacks
def test_nemo_hears_the_digits_of_an_utterance_with_its_times_in_the_recording() -> None:
    from benchmarks.nemo_reference import NemoReference

    recording = make_recording(20, 1, load_clips(recordings.DEFAULT_FOLDER), "many")
    model = NemoReference(Path(accuracy.__file__).parent.parent / "models" / "parakeet-tdt-demo.nemo")
    heard = normalise_words(model.decode_utterances(recording.samples, recording.utterances))
    assert score(recording.words, heard).error_rate < 0.15
    delays = [h.start - r.start for r, h in zip(recording.words, heard, strict=False)]
    assert np.median(delays) == pytest.approx(0.1, abs=0.1)
    whole = normalise_words(model.decode([recording.samples])[0])
    assert score(recording.words, whole).error_rate < 0.15
