"""The stress set: every kind is what its name says, and its words are where they are said to be."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.decoding import cut_positions
from benchmarks.recordings import DEFAULT_FOLDER, SPEECH_RMS, Clips, Utterance, load_clips, read_wav
from benchmarks.stress_set import DEFAULT_MINUTES, KINDS, LONGEST_ZEROS, StressFile, make_set, read_set
from benchmarks.stress_sound import alternate, make_music, over_telephone
from parakeet_cli.settings import SAMPLE_RATE
from parakeet_cli.transcription.chunking import Samples
from parakeet_cli.transcription.reasons import MUSIC, reason_of

Make = Callable[[str], StressFile]


@pytest.fixture(scope="module")
def clips() -> Clips:
    return load_clips(DEFAULT_FOLDER)


@pytest.fixture(scope="module")
def files(clips: Clips, tmp_path_factory: pytest.TempPathFactory) -> list[StressFile]:
    return make_set(tmp_path_factory.mktemp("set"), 2.2, 3, clips)


@pytest.fixture(scope="module")
def of_kind(files: list[StressFile]) -> Make:
    return lambda kind: next(file for file in files if file.kind == kind)


def pauses(file: StressFile) -> NDArray[np.float64]:
    return np.array([after.start - before.end for before, after in pairwise(file.words)])


def spoken(file: StressFile, samples: Samples) -> NDArray[np.bool_]:
    inside = np.zeros(len(samples), np.bool_)
    for word in file.words:
        inside[round(word.start * SAMPLE_RATE) : round(word.end * SAMPLE_RATE)] = True
    return inside


def level(samples: Samples) -> float:
    """The mean power in dB."""
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


def speech_to_rest(file: StressFile) -> float:
    """The ratio of words to what is between them, in dB, without the part of the rest in the words."""
    samples = read_wav(file.wav)
    inside = spoken(file, samples)
    both, rest = (10 ** (level(samples[part]) / 10) for part in (inside, ~inside))
    return float(10 * np.log10((both - rest) / rest))


def test_every_kind_has_the_same_part_of_the_set(files: list[StressFile]) -> None:
    for kind in KINDS:
        seconds = sum(file.seconds for file in files if file.kind == kind.name)
        assert seconds == pytest.approx(132, abs=8 if kind.name == "zeros" else 1e-9)


def test_the_default_set_has_several_hours() -> None:
    assert DEFAULT_MINUTES * len(KINDS) >= 180


def test_equal_seeds_make_equal_files(clips: Clips, tmp_path: Path) -> None:
    kinds = ["zeros", "noise-5", "music", "repetition"]
    first, again, other = (make_set(tmp_path / str(n), 0.3, seed, clips, kinds) for n, seed in enumerate((1, 1, 2)))
    assert [file.wav.read_bytes() for file in first] == [file.wav.read_bytes() for file in again]
    assert [file.words for file in first] == [file.words for file in again]
    assert [file.words for file in first] != [file.words for file in other]


def test_a_kind_is_the_same_alone_and_among_others(
    clips: Clips, files: list[StressFile], of_kind: Make, tmp_path: Path
) -> None:
    (alone,) = make_set(tmp_path, 2.2, 3, clips, ["music"])
    assert alone.wav.read_bytes() == of_kind("music").wav.read_bytes()


def test_the_set_can_be_read_back(files: list[StressFile]) -> None:
    for made, read in zip(files, read_set(files[0].wav.parent), strict=True):
        assert (made.name, made.kind, made.wav, made.seconds) == (read.name, read.kind, read.wav, read.seconds)
        assert [word.text for word in made.words] == [word.text for word in read.words]
        assert [word.start for word in made.words] == pytest.approx([word.start for word in read.words], abs=1e-4)
        assert [u.texts for u in made.utterances] == [u.texts for u in read.utterances]
        assert made.passages == read.passages


def test_utterances_hold_every_word_once_and_do_not_overlap(files: list[StressFile]) -> None:
    for file in files:
        words = iter(file.words)
        for utterance in file.utterances:
            assert 1 <= len(utterance.texts) <= 8
            for text in utterance.texts:
                word = next(words)
                assert word.text == text
                assert utterance.start <= word.start < word.end <= utterance.end
        assert next(words, None) is None
        edges = [edge for u in file.utterances for edge in (u.start, u.end)]
        assert edges == sorted(edges)
        assert file.words[-1].end <= file.seconds


@pytest.mark.parametrize("kind", ["no-pauses", "pauses", "repetition", "speaker-change", "monologue", "forced-10"])
def test_words_sound_where_they_are_said_to(of_kind: Make, kind: str) -> None:
    assert speech_to_rest(of_kind(kind)) == pytest.approx(30, abs=0.5)


def test_without_pauses_words_follow_each_other_at_once(of_kind: Make) -> None:
    assert pauses(of_kind("no-pauses")).max() <= 0.0301


def test_pauses_are_short_and_long(of_kind: Make) -> None:
    file = of_kind("pauses")
    between = np.array([after.start - before.end for before, after in sentences(file)])
    assert 0.2 <= between.min() < 1
    assert 4 < between.max() <= 5


def sentences(file: StressFile) -> list[tuple[Utterance, Utterance]]:
    """Pairs of neighbouring sentences, from their first to their last word."""
    words = iter(file.words)
    bare = []
    for utterance in file.utterances:
        inside = [next(words) for _ in utterance.texts]
        bare.append(Utterance(inside[0].start, inside[-1].end, utterance.texts))
    return list(pairwise(bare))


def test_zeros_are_exact_and_as_long_as_the_name_says(files: list[StressFile]) -> None:
    for file in (file for file in files if file.kind == "zeros"):
        lead, trail = (int(part) * SAMPLE_RATE // 1000 for part in file.name.split("-")[2:])
        samples = read_wav(file.wav)
        assert not np.any(samples[:lead])
        assert not np.any(samples[len(samples) - trail :])
        sounding = samples[lead : len(samples) - trail]
        assert np.any(sounding[:16])
        assert np.any(sounding[-16:])
        assert file.words[0].start * SAMPLE_RATE >= lead
        assert file.words[-1].end * SAMPLE_RATE <= len(samples) - trail
        assert 2 <= len(file.words) <= 8


def test_by_default_every_pair_of_zeros_is_there(clips: Clips, tmp_path: Path) -> None:
    files = make_set(tmp_path, DEFAULT_MINUTES, 1, clips, ["zeros"])
    assert {tuple(file.name.split("-")[2:]) for file in files} == {
        (f"{lead * 100:04}", f"{trail * 100:04}")
        for lead in range(LONGEST_ZEROS + 1)
        for trail in range(LONGEST_ZEROS + 1)
    }


def test_quiet_passages_are_40_db_below_the_rest(of_kind: Make) -> None:
    inside, outside = passages_and_rest(of_kind("quiet"))
    assert level(inside) - level(outside) == pytest.approx(-40, abs=1.5)


def test_loud_passages_are_clipped_and_the_rest_is_not(of_kind: Make) -> None:
    inside, outside = passages_and_rest(of_kind("clipped"))
    at_the_limit = np.abs(inside) > 0.998
    assert 0.05 < at_the_limit.mean() < 0.6
    assert np.abs(outside).max() < 0.998


def passages_and_rest(file: StressFile) -> tuple[Samples, Samples]:
    samples = read_wav(file.wav)
    times = np.arange(len(samples)) / SAMPLE_RATE
    inside = np.zeros(len(samples), np.bool_)
    for start, end in file.passages:
        inside |= (times >= start) & (times < end)
    words = spoken(file, samples)
    return samples[inside & words], samples[~inside & words]


def test_passages_begin_and_end_between_sentences() -> None:
    utterances = [Utterance(t, t + 1.8, ("one",)) for t in np.arange(0, 100, 2.0)]
    passages = alternate(utterances, 100.0, np.random.default_rng(1))
    edges = [edge for passage in passages for edge in passage]
    assert edges == sorted(edges)
    assert 3 <= len(passages) <= 10
    for start, end in passages:
        assert 4.9 <= end - start <= 22.1 or end == 100.0
        assert start % 2 == pytest.approx(1.9)


@pytest.mark.parametrize("snr", [20, 10, 5])
def test_noise_is_as_loud_as_its_kind_says(of_kind: Make, snr: int) -> None:
    assert speech_to_rest(of_kind(f"noise-{snr}")) == pytest.approx(snr, abs=1.0)


def test_music_is_music_and_lies_under_all_of_the_recording(of_kind: Make) -> None:
    music = make_music(30 * SAMPLE_RATE, np.random.default_rng(1))
    assert reason_of(music[: 5 * SAMPLE_RATE]) == MUSIC
    assert not np.array_equal(music[: 2 * SAMPLE_RATE], music[-2 * SAMPLE_RATE :])
    file = of_kind("music")
    samples = read_wav(file.wav)
    rests = [(a.end, b.start) for a, b in pairwise(file.words) if b.start - a.end > 2]
    for start, end in rests:
        rest = samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
        assert level(rest) - 20 * np.log10(SPEECH_RMS) == pytest.approx(-15, abs=4)
    assert len(rests) > 3


def test_the_telephone_passes_300_to_3400_hz_in_8_bits(of_kind: Make) -> None:
    samples = read_wav(of_kind("telephone").wav)
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    assert power[frequencies > 4100].sum() < 1e-4 * power.sum()
    assert power[frequencies < 200].sum() < 1e-2 * power.sum()
    tone = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)).astype(np.float32)
    line = over_telephone(tone)
    assert line.shape == tone.shape
    error = level(line[1000:-1000] - tone[1000:-1000]) - level(tone)
    assert -45 < error < -30  # mu-law's distortion


def test_a_phrase_is_repeated_ten_times_over_every_cut(of_kind: Make) -> None:
    file = of_kind("repetition")
    cuts = cut_positions(read_wav(file.wav), 30)
    assert len(cuts) >= 3
    for place in (*cuts, 30.0, 60.0, 90.0):
        assert repetitions(file, place) >= 10


def repetitions(file: StressFile, place: float) -> int:
    """How often in a row the utterance at ``place`` is spoken."""
    middles = [(u.start + u.end) / 2 for u in file.utterances]
    first = last = int(np.argmin(np.abs(np.array(middles) - place)))
    texts = [u.texts for u in file.utterances]
    while first > 0 and texts[first - 1] == texts[last]:
        first -= 1
    while last + 1 < len(texts) and texts[last + 1] == texts[first]:
        last += 1
    return last - first + 1


def test_speakers_change_on_every_cut(of_kind: Make) -> None:
    file = of_kind("speaker-change")
    cuts = cut_positions(read_wav(file.wav), 30)
    assert len(cuts) >= 3
    ends = np.array([u.end for u in file.utterances])
    for place in (*cuts, 30.0, 60.0, 90.0):
        assert not any(word.start < place < word.end for word in file.words)
        assert np.abs(ends - place).min() < 0.15  # half of a gap between two words


def test_a_monologue_of_54_seconds_follows_the_end_of_a_sentence(of_kind: Make) -> None:
    file = of_kind("monologue")
    breaks = [0.0, *(b.start for a, b in pairwise(file.words) if b.start - a.end >= 0.4), file.seconds]
    lengths = np.diff(breaks)
    assert 1 <= np.sum((lengths > 53) & (lengths < 56)) <= 2
    assert breaks[int(np.argmax(lengths))] > 0


def test_only_the_kind_of_forced_cuts_asks_for_short_chunks() -> None:
    assert {kind.name: kind.chunk_seconds for kind in KINDS if kind.chunk_seconds != 30} == {"forced-10": 10}
