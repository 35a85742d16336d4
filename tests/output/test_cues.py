"""Segments become cues that people can read."""

import json
import random
from dataclasses import replace
from itertools import count, islice, pairwise
from pathlib import Path

import pytest

from parakeet_cli.output.cues import Cue, to_cues
from parakeet_cli.output.layout import width_of
from parakeet_cli.output.presets import PRESETS, CueRules
from parakeet_cli.punctuation import forbids_break
from parakeet_cli.transcript import Segment, Word

TEXTS: dict[str, str] = json.loads(
    (Path(__file__).parents[1] / "data" / "golden" / "texts.json").read_text(encoding="utf-8")
)
DEFAULT = PRESETS["default"]


def spoken(text: str, start: float = 0.0, pause: float = 0.05) -> list[Word]:
    """Words at some fifteen characters a second."""
    words = []
    for word in text.split():
        words.append(Word(word, start, start + 0.06 * len(word)))
        start = words[-1].end + pause
    return words


def talk(text: str) -> list[Segment]:
    """A text with a talker's pauses: always the same ones."""
    dice = random.Random(5)
    words, now = [], 0.5
    for word in text.split():
        words.append(Word(word, now, now + dice.uniform(0.05, 0.08) * len(word)))
        now = words[-1].end + 0.04
        if len(word) > 3:  # nobody rests after "Dr."
            now += {".": dice.uniform(0.2, 1.5), ",": dice.uniform(0.05, 0.4)}.get(word[-1], 0.0)
    return [Segment(tuple(words))]


def cues_of(words: list[Word], rules: CueRules = DEFAULT) -> list[Cue]:
    return list(to_cues([Segment(tuple(words))], rules))


def lines_of(text: str, rules: CueRules = DEFAULT) -> list[tuple[str, ...]]:
    return [cue.lines for cue in cues_of(spoken(text), rules)]


def test_cues_of_a_real_talk_read_well() -> None:
    text = "You are already naked. There is no reason not to follow your heart. I had a scan at 7.30 in the"
    assert lines_of(text + " morning, and it clearly showed a tumor on my pancreas.") == [
        ("You are already naked.",),
        ("There is no reason", "not to follow your heart."),
        ("I had a scan at 7.30 in the morning, and", "it clearly showed a tumor on my pancreas."),
    ]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", TEXTS)
def test_real_texts_keep_the_rules(name: str, preset: str) -> None:
    rules = PRESETS[preset]
    segments = talk(TEXTS[name])
    cues = list(to_cues(segments, rules))
    assert " ".join(" ".join(cue.lines) for cue in cues) == TEXTS[name]
    assert all(len(cue.lines) <= rules.lines for cue in cues)
    assert all(len(line) <= rules.line_width for cue in cues for line in cue.lines)
    assert all(cue.end - cue.start <= rules.longest_seconds for cue in cues)
    assert all(cue.start < cue.end for cue in cues)
    gaps = [after.start - cue.end for cue, after in pairwise(cues)]
    assert all(gap > rules.gap_seconds - 1e-9 or (rules.may_touch and gap == 0) for gap in gaps)
    if preset != "shorts":
        assert sum(cue.end - cue.start < rules.shortest_dense_seconds - 1e-9 for cue in cues) == 0
        words = TEXTS[name].split()
        ends = [line.split()[-1] for cue in cues for line in cue.lines]
        assert not {a for a, b in pairwise(words) if forbids_break(a, b)} & set(ends)


def test_a_cue_ends_shortly_after_its_last_word_and_not_when_the_next_begins() -> None:
    words = [*spoken("This is the end of a sentence."), *spoken("This is the next.", start=20.0)]
    first, second = cues_of(words)
    assert first.end == pytest.approx(words[6].end + DEFAULT.tail_seconds)
    assert second.start == 20.0


def test_a_cue_lingers_until_it_can_be_read() -> None:
    (cue,) = cues_of(spoken("Incomprehensibilities notwithstanding, antidisestablishmentarians", pause=0.0))
    (hasty,) = cues_of([Word("Incomprehensibilities notwithstanding", 0.0, 0.4)])
    assert hasty.end == pytest.approx(37 / 17)
    assert cue.end >= 64 / 17


def test_a_cue_lingers_no_longer_than_until_the_next_one() -> None:
    words = [Word("Incomprehensibilities notwithstanding!", 0.0, 0.4), Word("Another speaker!", 0.9, 2.0, None, "B")]
    first, second = cues_of(words)
    assert (first.end, second.start) == (0.9, 0.9)


def test_a_short_cue_stays_for_a_second() -> None:
    (cue,) = cues_of([Word("No.", 3.0, 3.1)])
    assert (cue.start, cue.end) == (3.0, 4.0)


@pytest.mark.parametrize(
    ("preset", "next_start", "end"),
    [
        ("default", 1.35, 1.35),
        ("default", 1.42, 1.3),
        ("netflix", 1.35, 1.35 - 2 / 24),
        ("bbc", 1.32, 1.28),
        ("shorts", 1.31, 1.3),
    ],
)
def test_the_gap_to_the_next_cue_is_long_enough_or_none(preset: str, next_start: float, end: float) -> None:
    words = [Word("Yes, I do.", 0.0, 1.0), Word("Another speaker!", next_start, 3.0, speaker="B")]
    assert cues_of(words, PRESETS[preset])[0].end == pytest.approx(end)


def test_lines_are_balanced_and_the_lower_one_is_longer_when_it_must_be() -> None:
    (lines,) = lines_of("Everything that happens happens because somebody wanted it")
    assert len(lines) == 2
    assert abs(len(lines[0]) - len(lines[1])) <= 10
    (lines,) = lines_of("Interesting anniversaries notwithstanding everything")
    assert len(lines[0]) <= len(lines[1])


def test_what_fits_on_one_line_stays_there() -> None:
    assert lines_of("Everything that happens, happens") == [("Everything that happens, happens",)]


def test_numbers_names_and_abbreviations_stay_together() -> None:
    text = "The population of this town reached 10 000 when Dr. J. R. R. Tolkien counted 3. 5 times in the U.S. Army."
    joined = "\n".join("\n".join(lines) for lines in lines_of(text))
    for whole in ("10 000", "Dr. J. R. R. Tolkien", "3. 5"):
        assert whole in joined


def test_short_sentences_share_a_cue_and_long_ones_do_not() -> None:
    assert lines_of("Yes. No. I see.") == [("Yes. No. I see.",)]
    long = "Everybody who has been there knows it. Nobody who has been there says it."
    assert len(lines_of(long)) == 2


def test_no_cue_reaches_over_a_silence() -> None:
    words = [*spoken("And then"), *spoken("nothing happened.", start=2.5)]
    assert [cue.lines for cue in cues_of(words)] == [("And then",), ("nothing happened.",)]


def test_a_cue_has_one_speaker() -> None:
    words = [Word("Yes.", 0.0, 0.3, speaker="A"), Word("No.", 0.3, 0.6, speaker="B"), Word("Oh.", 0.6, 0.9)]
    assert [(cue.lines, cue.speaker) for cue in cues_of(words)] == [(("Yes.",), "A"), (("No.",), "B"), (("Oh.",), None)]


def test_a_word_wider_than_a_line_stands_alone_and_is_not_lost() -> None:
    endless = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
    assert lines_of(f"the {endless} is old") == [("the",), (endless,), ("is old",)]


def test_wide_characters_take_two_columns() -> None:
    assert width_of("日本語") == 6
    assert width_of("e\u0301a\u200b") == 2
    lines = lines_of(" ".join(["日本語日本語"] * 12))
    assert all(width_of(line) <= 42 for cue in lines for line in cue)


def test_japanese_lines_are_full_and_have_no_spaces() -> None:
    text = "今日 は 会議 を 始め ます。 まず 最初 に、 先月 の 売上 に つい て 報告 し ます。 増え まし た。"
    said = text.replace(" ", "")
    cues = cues_of(spoken(text * 3))
    assert "".join(line for cue in cues for line in cue.lines) == said * 3
    lines = [line for cue in cues for line in cue.lines]
    assert all(" " not in line and width_of(line) <= DEFAULT.line_width for line in lines)
    assert max(map(width_of, lines)) > 0.7 * DEFAULT.line_width
    assert all(line[0] not in "。、" for line in lines)


def test_words_at_one_time_make_cues_one_after_another() -> None:
    words = [Word(f"word{index}", 5.0, 5.0) for index in range(60)]
    cues = cues_of(words)
    assert " ".join(line for cue in cues for line in cue.lines) == " ".join(word.text for word in words)
    assert all(cue.start < cue.end <= after.start for cue, after in pairwise(cues))


def test_no_segments_are_no_cues() -> None:
    assert list(to_cues([], DEFAULT)) == []


def test_an_endless_recording_streams_through() -> None:
    endless = (Segment(tuple(spoken("All of it is said again.", start=3.0 * index))) for index in count())
    assert len(list(islice(to_cues(endless, DEFAULT), 200))) == 200


def test_a_silent_talker_makes_no_cue_longer_than_allowed() -> None:
    (cue,) = cues_of([Word("Aaah!", 0.0, 60.0)])
    assert cue.end == DEFAULT.longest_seconds


def test_one_line_a_cue_is_a_rule_that_can_be_set() -> None:
    rules = replace(DEFAULT, lines=1)
    assert all(len(cue.lines) == 1 for cue in to_cues(talk(TEXTS["death"]), rules))
