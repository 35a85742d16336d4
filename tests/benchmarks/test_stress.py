"""The benchmark on the stress set: its report, and a short run of every way."""

import json
from pathlib import Path

import pytest

from benchmarks import stress
from benchmarks.losses import compare
from benchmarks.recordings import DEFAULT_FOLDER, SpokenWord, load_clips, read_wav
from benchmarks.scoring import normalise_words, score
from benchmarks.stress import BY_UTTERANCE, OURS, SHIFTED, Decodings, Heard, Nemo, judge, read_gaps
from benchmarks.stress_report import Report, Result, to_json, to_markdown
from benchmarks.stress_set import StressFile, make_set

CHECKPOINT = Path(stress.__file__).parent.parent / "models" / "parakeet-tdt-demo.nemo"


def spoken(text: str) -> list[SpokenWord]:
    """One word every half second; ``-`` is a word's place left empty."""
    words = [SpokenWord(w, 0.5 * i, 0.5 * i + 0.4) for i, w in enumerate(text.split())]
    return [word for word in words if word.text != "-"]


def test_the_report_has_a_row_for_each_kind_and_a_column_for_each_way() -> None:
    said = spoken("one two three four")
    heard = {
        BY_UTTERANCE: compare(said, said, said),
        "shifted": compare(said, spoken("one two three -"), said),
        "parakeet": compare(said, spoken("one - three four"), said, [(0.4, 1.0)]),
        "other": compare(said, spoken("one - nine -"), said, (), [spoken("one two three -")]),
    }
    results = tuple(Result(way, kind, f"{kind}-1", heard[way]) for kind in ("quiet", "music") for way in heard)
    report = Report("python benchmarks/stress.py", 7200, results, {"parakeet": 61.4}, (BY_UTTERANCE, "shifted"))
    text = to_markdown(report)
    assert "2.00 hours" in text
    assert "| kind | words | parakeet | other |" in text
    assert "| quiet | 4 | 0 / 0 (1) | 2 / 0 |" in text
    assert "| **all** | 8 | 0 / 0 (2) | 4 / 0 |" in text
    assert "| kind | words | shifted | parakeet | other |" in text
    assert "| music | 4 | 1, 1 | 0, 0 | 2, 1 |" in text
    assert "| music | 4 | 0, 0, 0 (0.00%) | 0, 1, 0 (25.00%) | 0, 1, 0 (25.00%) | 1, 2, 0 (75.00%) |" in text
    assert "parakeet 61 s" in text
    plain = json.loads(json.dumps(to_json(report)))
    assert [(loss["way"], loss["file"], loss["word"]) for loss in plain["firm"]] == [
        ("shifted", "quiet-1", "four"),
        ("other", "quiet-1", "two"),
        ("shifted", "music-1", "four"),
        ("other", "music-1", "two"),
    ]
    assert [loss["context"] for loss in plain["reported"]] == ["one [two] three four"] * 2
    assert plain["totals"][2]["score"] == {"words": 4, "substitutions": 0, "deletions": 1, "insertions": 0}


def test_every_way_is_judged_by_what_it_heard_in_each_file(tmp_path: Path) -> None:
    words = tuple(spoken("one two three"))
    files = [StressFile(name, "quiet", tmp_path / f"{name}.wav", 60.0, words, ()) for name in ("a", "b")]
    heard = {
        BY_UTTERANCE: [Heard(spoken("One two, three."), []), Heard(spoken("One - three."), [])],
        "way": [Heard(spoken("One, - three"), []), Heard(spoken("One - three"), [])],
    }
    report = judge(files, heard, {}, "command")
    silent = [(r.name, loss.word) for r in report.results for loss in r.findings.silent]
    assert (report.seconds, silent) == (120.0, [("a", "two")])


def test_a_shifted_decoding_is_held_against_the_others(tmp_path: Path) -> None:
    file = StressFile("a", "quiet", tmp_path / "a.wav", 60.0, tuple(spoken("one two three four")), ())
    first, second = list(SHIFTED)[:2]
    heard = {BY_UTTERANCE: "one two three four", first: "one two three -", second: "one - three -", "way": "one - - -"}
    report = judge([file], {way: [Heard(spoken(words), [])] for way, words in heard.items()}, {}, "command")
    firm = {r.way: [loss.word for loss in r.findings.firm] for r in report.results}
    assert firm == {BY_UTTERANCE: [], first: [], second: ["two"], "way": ["three"]}


def test_gaps_are_read_from_a_transcript(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"gaps": [{"start": 1.5, "end": 4.25, "reason": "music"}]}), encoding="utf-8")
    assert read_gaps(path) == [(1.5, 4.25)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[StressFile]:
    return make_set(tmp_path_factory.mktemp("set"), 0.25, 1, load_clips(DEFAULT_FOLDER), ["pauses", "forced-10"])


@pytest.mark.model
@pytest.mark.nemo_unpacks
def test_every_way_of_others_hears_the_words(files: list[StressFile], tmp_path: Path) -> None:
    nemo = Nemo(CHECKPOINT)
    decodings = Decodings(files, nemo, "demo", tmp_path)
    for way in nemo.ways():
        for file, (words, gaps) in zip(files, decodings.heard(way), strict=True):
            assert not gaps
            assert score(file.words, normalise_words(words)).error_rate < 0.35, way
    again = Decodings(files, Nemo(Path(CHECKPOINT)), "demo", tmp_path)
    assert again.heard(BY_UTTERANCE) == decodings.heard(BY_UTTERANCE)
    assert not again.seconds  # read, not decoded


@pytest.mark.model
@pytest.mark.nemo_unpacks
def test_nemos_transcribe_leaves_no_dropout_for_who_decodes_next(files: list[StressFile]) -> None:
    model = Nemo(CHECKPOINT).model
    samples = read_wav(files[0].wav)
    before = model.decode([samples])
    model.transcribe([samples])
    assert model.decode([samples]) == before


@pytest.mark.model
def test_ours_runs_as_a_user_runs_it(files: list[StressFile], tmp_path: Path) -> None:
    decodings = Decodings(files[:1], Nemo(CHECKPOINT), "demo", tmp_path)
    ((words, gaps),) = decodings.heard("parakeet")
    assert score(files[0].words, normalise_words(words)).error_rate < 0.2
    assert not gaps
    assert set(OURS) > set(decodings.seconds)
