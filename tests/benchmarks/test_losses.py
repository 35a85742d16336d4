"""What counts as lost silently, and as doubled."""

import pytest

from benchmarks.losses import Findings, compare
from benchmarks.recordings import SpokenWord


def spoken(text: str, start: float = 0.0) -> list[SpokenWord]:
    """One word every half second, each 0.4 s long; ``-`` is a word's place left empty."""
    words = [SpokenWord(w, start + 0.5 * i, start + 0.5 * i + 0.4) for i, w in enumerate(text.split())]
    return [word for word in words if word.text != "-"]


def findings(
    said: str, heard: str, by_utterance: str | None = None, gaps: list[tuple[float, float]] | None = None
) -> Findings:
    return compare(spoken(said), spoken(heard), spoken(by_utterance or said), gaps or [])


def test_a_word_that_only_this_way_loses_is_lost_silently() -> None:
    (loss,) = findings("one two three four", "one two - four").silent
    assert (loss.word, loss.start, loss.context) == ("three", 1.0, "one two [three] four")


def test_a_word_inside_a_reported_gap_is_not_lost_silently() -> None:
    found = findings("one two three four", "one - - four", gaps=[(0.5, 1.4)])
    assert not found.silent
    assert [loss.word for loss in found.reported] == ["two", "three"]


def test_a_gap_elsewhere_excuses_nothing() -> None:
    assert len(findings("one two three four", "one - three four", gaps=[(1.3, 2.0)]).silent) == 1


def test_a_word_that_is_lost_or_replaced_utterance_by_utterance_is_the_checkpoints_own_error() -> None:
    assert not findings("one two three four", "one two - four", "one two - four").silent
    assert not findings("one two three four", "one two - four", "one two six four").silent
    assert len(findings("one two three four", "one - three four", "one two - four").silent) == 1


def test_of_equal_words_in_a_row_either_may_be_the_one_that_both_lose() -> None:
    assert not findings("six two two two six", "six two - two six", "six two two - six").silent
    assert len(findings("six two four two six", "six - four two six", "six two four - six").silent) == 1


def test_a_loss_is_firm_where_every_shifted_decoding_has_the_word() -> None:
    said, heard = spoken("one two three four five"), spoken("one - three - five")
    found = compare(said, heard, said, (), [spoken("one two three - five"), spoken("one two nine four five")])
    assert [loss.word for loss in found.silent] == ["two", "four"]
    assert [loss.word for loss in found.firm] == ["two"]


def test_a_replaced_word_is_an_error_but_not_lost() -> None:
    found = findings("one two three", "one six three")
    assert (found.score.substitutions, found.silent) == (1, ())


def test_nothing_heard_loses_every_word() -> None:
    found = compare(spoken("one two three"), [], spoken("one two three"))
    assert [loss.word for loss in found.silent] == ["one", "two", "three"]


def test_a_word_that_is_heard_twice_is_doubled() -> None:
    heard = [*spoken("one two three"), SpokenWord("three", 1.41, 1.45), SpokenWord("four", 1.5, 1.9)]
    found = compare(spoken("one two three four"), heard, spoken("one two three four"))
    assert [(word.word, word.context) for word in found.doubled] == [("three", "one two three [three] four")]


def test_a_phrase_that_is_heard_twice_is_doubled() -> None:
    said = spoken("one two three four five six")
    heard = [*said[:4], *(word._replace(start=1.95, end=1.97) for word in said[1:4]), *said[4:]]
    assert len(compare(said, heard, said).doubled) == 3


def test_an_added_word_unlike_its_neighbours_is_not_doubled() -> None:
    heard = [*spoken("one two three"), SpokenWord("nine", 1.41, 1.45), SpokenWord("four", 1.5, 1.9)]
    found = compare(spoken("one two three four"), heard, spoken("one two three four"))
    assert (found.score.insertions, found.doubled) == (1, ())


@pytest.mark.parametrize(("later", "doubled"), [(0.1, 0), (30.0, 1)])
def test_a_word_doubled_utterance_by_utterance_too_is_the_checkpoints_own_error(later: float, doubled: int) -> None:
    said = spoken("one two three four")
    twice = [*said[:3], SpokenWord("three", 1.41, 1.45), said[3]]
    elsewhere = [*said, SpokenWord("three", 1.41 + later, 1.45 + later)]
    assert len(compare(said, twice, sorted(elsewhere, key=lambda word: word.start)).doubled) == doubled


def test_repetition_that_was_said_is_not_doubling() -> None:
    found = findings("two two two two", "two two two two")
    assert (found.doubled, found.silent) == ((), ())
