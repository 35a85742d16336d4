"""What holds of every transcript, however odd: nothing is lost, nothing overlaps, everything reads back."""

import html
import json
import re
import unicodedata
from datetime import timedelta
from itertools import pairwise

import srt
from hypothesis import given, settings
from hypothesis import strategies as st
from webvtt import WebVTT

from parakeet_cli.output.cues import to_cues
from parakeet_cli.output.exact import read_exact, write_exact
from parakeet_cli.output.presets import PRESETS, CueRules
from parakeet_cli.output.writers import formats, read_json
from parakeet_cli.spacing import joined
from parakeet_cli.transcript import Gap, Partial, Segment, Silence, Transcript, Word

ODD = [
    *["-->", "--->", "--", ">", "<b>", "</v>", "<v", "&lt;", "&", "\x1b[31m", "=cmd|' /C calc'!A0", '"', "'", "+1"],
    *["1", "12", "1,000,000", "00:00:01,000", "00:00:01.000-->00:00:02.000", "WEBVTT", "NOTE", "STYLE", "{\\an8}"],
    *["", " ", "\n", "\r\n\r\n2\r\n", "a\tb", "\x00", "\x85", "\u2028", "\ufeff", "\ud800", "\u202e", "e\u0301"],
    *["'=", "日本語", "Привет,", "سلام؟", "🦜", "Dr.", "U.S.", "3.", "5", "end.", "so,", "the", "x" * 60],
]
TEXTS = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(), max_size=12),
    st.text(st.characters(categories=["Cs", "Cc", "Zs", "Po", "Ll"]), max_size=6),
)
STEPS = st.sampled_from([0.0, 0.0, 0.0004, 0.04, 0.08, 0.32, 0.9, 1.7, 9.0, 40_000.0])
NAMES = st.one_of(st.none(), st.sampled_from(["Ann", "A > B & <c>", "\x1b", "-->", "\ud800"]))


@st.composite
def segments(draw: st.DrawFn) -> tuple[Segment, ...]:
    """Up to 40 words in order, from zero to many hours."""
    now, found = draw(STEPS), []
    for texts in draw(st.lists(st.lists(TEXTS, min_size=1, max_size=8), max_size=5)):
        words = []
        speaker = draw(NAMES)
        for text in texts:
            start = now + draw(STEPS)
            now = start + draw(STEPS)
            words.append(Word(text, start, now, draw(st.none() | st.floats(0, 1)), speaker))
        found.append(Segment(tuple(words)))
    return tuple(found)


RULES = st.one_of(
    st.sampled_from(list(PRESETS.values())),
    st.builds(
        CueRules,
        line_width=st.integers(1, 60),
        lines=st.integers(1, 2),
        longest_seconds=st.floats(0.5, 10),
        characters_per_second=st.floats(1, 50),
        gap_seconds=st.floats(0, 1),
        may_touch=st.booleans(),
    ),
)
EXAMPLES = settings(max_examples=150, deadline=None)


def shown(text: str) -> list[str]:
    """The words that a reader of ``text`` sees, by the documented clean-up."""
    kept = "".join(sign for sign in text if sign.isspace() or (unicodedata.category(sign) != "Cc" and sign != "\ufeff"))
    return [re.sub("[\ud800-\udfff]", "\ufffd", word) for word in kept.split()]


def subtitled(found: tuple[Segment, ...]) -> list[str]:
    words = (word for segment in found for word in segment.words)
    return [re.sub("--+>", "->", sign) for word in words for sign in shown(word.text)]


def parted(text: str) -> list[str]:
    """Its words, whatever lines they stood in: no space is left where one of two is written without."""
    return joined(text.split()).split()


def transcript_of(found: tuple[Segment, ...]) -> Transcript:
    return Transcript(found, duration=1.0, language=None, model="tdt")


@EXAMPLES
@given(segments(), RULES)
def test_cues_join_back_to_exactly_the_words(found: tuple[Segment, ...], rules: CueRules) -> None:
    lines = [line for cue in to_cues(found, rules) for line in cue.lines]
    words = [word.text for segment in found for word in segment.words]
    assert "".join(lines).replace(" ", "") == "".join(words).replace(" ", "")
    assert parted(" ".join(lines)) == parted(joined(words))


@EXAMPLES
@given(segments(), RULES)
def test_cues_are_in_order_and_never_overlap(found: tuple[Segment, ...], rules: CueRules) -> None:
    cues = list(to_cues(found, rules))
    assert all(cue.start < cue.end for cue in cues)
    assert all(cue.end <= after.start for cue, after in pairwise(cues))
    assert all(1 <= len(cue.lines) <= rules.lines for cue in cues)


@EXAMPLES
@given(segments(), RULES)
def test_subrip_reads_back(found: tuple[Segment, ...], rules: CueRules) -> None:
    text = formats(rules)["srt"].write(transcript_of(found))
    read = list(srt.parse(text.encode().decode()))
    assert parted(" ".join(subtitle.content for subtitle in read)) == parted(joined(subtitled(found)))
    assert [subtitle.index for subtitle in read] == list(range(1, len(read) + 1))
    assert len(read) == text.count("-->")
    assert all(subtitle.start < subtitle.end for subtitle in read)
    assert all(subtitle.end <= after.start for subtitle, after in pairwise(read))
    assert timedelta(0) <= min((subtitle.start for subtitle in read), default=timedelta(0))


@EXAMPLES
@given(segments(), RULES)
def test_webvtt_reads_back(found: tuple[Segment, ...], rules: CueRules) -> None:
    text = formats(rules)["vtt"].write(transcript_of(found))
    read = WebVTT.from_string(text.encode().decode()).captions
    assert parted(html.unescape(" ".join(caption.text for caption in read))) == parted(joined(subtitled(found)))
    assert len(read) == text.count("-->")
    times = [time.in_milliseconds() for caption in read for time in (caption.start_time, caption.end_time)]
    assert times == sorted(times)
    assert all(start < end for start, end in zip(times[::2], times[1::2], strict=True))


@EXAMPLES
@given(segments())
def test_tsv_reads_back(found: tuple[Segment, ...]) -> None:
    text = formats(PRESETS["default"])["tsv"].write(transcript_of(found))
    header, *rows = [row.split("\t") for row in text.encode().decode().removesuffix("\n").split("\n")]
    assert header == ["start", "end", "text"]
    assert not any(cell.startswith(("=", "+", "-", "@", '"')) for _, _, cell in rows)
    written = [re.sub("^'(?='*[-=+@\"])", "", cell).split() for _, _, cell in rows]
    assert written == [words for segment in found if (words := shown(segment.text))]
    times = [int(time) for start, end, _ in rows for time in (start, end)]
    assert times == sorted(times)


@EXAMPLES
@given(segments())
def test_plain_text_reads_back(found: tuple[Segment, ...]) -> None:
    text = formats(PRESETS["default"])["txt"].write(transcript_of(found))
    lines = text.encode().decode().split("\n")[:-1]
    assert [line.split() for line in lines] == [words for segment in found if (words := shown(segment.text))]


@EXAMPLES
@given(
    found=segments(),
    language=st.none() | st.sampled_from(["en", "de"]),
    rtfx=st.none() | st.floats(),
    gaps=st.lists(st.builds(Gap, st.just(1.0), st.just(2.5), st.text(max_size=5)), max_size=2).map(tuple),
    skipped=st.lists(st.builds(Silence, st.just(10.0), st.floats(10.0, 99.0).map(lambda x: round(x, 3)))).map(tuple),
    partial=st.none() | st.builds(Partial, st.floats(0, 1e6), st.none() | st.floats(0, 1e6), st.integers(0, 99)),
)
def test_json_reads_back_equal(
    found: tuple[Segment, ...],
    language: str | None,
    rtfx: float | None,
    gaps: tuple[Gap, ...],
    skipped: tuple[Silence, ...],
    partial: Partial | None,
) -> None:
    transcript = Transcript(found, 3600.125, language, "tdt", gaps, skipped, partial)
    text = formats(PRESETS["default"])["json"].write(transcript, rtfx)
    read = read_json(text.encode().decode())
    assert (read.language, read.gaps, read.skipped) == (language, gaps, skipped)
    assert (read.partial, read.duration) == (partial, 3600.125)
    assert len(read.segments) == len(found)
    for before, after in zip(transcript.words, read.words, strict=True):
        assert after.text == re.sub("[\ud800-\udfff]", "\ufffd", before.text)
        assert after.confidence == before.confidence
        assert abs(after.start - before.start) <= 0.0005 + 1e-9
        assert abs(after.end - before.end) <= 0.0005 + 1e-9
    assert formats(PRESETS["default"])["json"].write(read, rtfx) == text
    assert json.loads(text)["schema"] == 1


@EXAMPLES
@given(segments(), RULES, st.floats(0, 1e5))
def test_an_exact_transcript_gives_the_same_files_to_the_byte(
    found: tuple[Segment, ...], rules: CueRules, moment: float
) -> None:
    made = Transcript(
        found,
        duration=moment + 1 / 3,
        language="en",
        model="tdt",
        gaps=(Gap(moment, moment + 1.0625e-4, "music"),),
        skipped=(Silence(0.0, moment),),
        partial=Partial(moment, None, 3),
    )
    read = read_exact(write_exact(made).encode().decode())
    for writer in formats(rules).values():
        assert writer.write(read, 2.5).encode() == writer.write(made, 2.5).encode()
    assert (read.duration, read.gaps, read.skipped, read.partial) == (
        made.duration,
        made.gaps,
        made.skipped,
        made.partial,
    )
