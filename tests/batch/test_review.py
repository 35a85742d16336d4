"""One review list for all runs."""

from pathlib import Path

import pytest

from parakeet_cli.batch.review import ReviewList
from parakeet_cli.errors import OutputUnwritable
from parakeet_cli.output.review import HEADER, review_lines
from parakeet_cli.transcript import Gap, Partial, Segment, Transcript, Word


def transcript_of(word: str) -> Transcript:
    return Transcript((Segment((Word(word, 0.0, 1.0, 0.1),)),), 2.0, None, "tdt")


def test_two_runs_may_write_one_list(tmp_path: Path) -> None:
    first, second = (ReviewList(tmp_path / "again.tsv", 0.7) for _ in range(2))
    first.add("a.wav", transcript_of("alpha"))
    second.add("b.wav", transcript_of("beta"))
    first.add("a.wav", transcript_of("gamma"))
    header, *lines = (tmp_path / "again.tsv").read_text().splitlines()
    assert header == HEADER
    assert [line.split("\t")[5] for line in lines] == ["beta", "gamma"]


def test_another_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputUnwritable, match="no review list"):
        ReviewList(tmp_path / "notes.txt", 0.7)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_findings_are_in_order_of_time_and_safe_for_a_spreadsheet() -> None:
    words = [Word(f"w{n}", float(n), n + 0.5, 0.9 if n != 7 else None) for n in range(12)]
    words[3] = Word("=cmd", 3.0, 3.5, 0.2)
    transcript = Transcript(
        (Segment(tuple(words)),), 12.0, None, "tdt", (Gap(1.6, 1.9, "music"),), partial=Partial(11.0, 12.0, 1)
    )
    rows = [line.split("\t") for line in review_lines("=x.wav", transcript, 0.7)]
    assert [row[3] for row in rows] == ["gap", "word", "partial"]
    assert {row[0] for row in rows} == {"'=x.wav"}
    assert rows[0][6] == "w0 w1 […] w2 =cmd w4 w5 w6"
    assert rows[1][5:] == ["'=cmd", "w0 w1 w2 [=cmd] w4 w5 w6 w7 w8"]
    assert rows[2][1] == "00:00:11.000"


def test_damage_is_told_in_the_time_of_the_media() -> None:
    transcript = Transcript((), 300.0, None, "tdt", partial=Partial(300.0, 900.0, 1))
    (line,) = review_lines("a.mp3", transcript, 0.7, start=600.0)
    assert line.split("\t")[1:3] == ["00:15:00.000", "00:25:00.000"]
    (line,) = review_lines("a.mp3", Transcript((), 9.0, None, "tdt", partial=Partial(9.0, None, 1)), 0.7)
    assert line.split("\t")[1:3] == ["00:00:09.000", "00:00:09.000"]


@pytest.mark.parametrize(
    "names", [("talk 1.mp3", "talk  1.mp3"), ("a\udcff.mp3", "a\udcfe.mp3"), ("=a.mp3", "'=a.mp3")]
)
def test_names_that_look_alike_are_two(tmp_path: Path, names: tuple[str, str]) -> None:
    review = ReviewList(tmp_path / "again.tsv", 0.7)
    for name in (*names, names[0]):
        review.add(name, transcript_of("word"))
    assert len((tmp_path / "again.tsv").read_text().splitlines()) == 1 + 2
