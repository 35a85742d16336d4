"""Training of the demo checkpoint: its texts, its sound, and a short run from nothing to a ``.nemo``."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import recordings
from models.demo_data import COMMA_SECONDS, FULL_STOP_SECONDS, batches, make_corpus, with_noise
from models.demo_texts import DIGITS, VOCABULARY, make_plan, plan_text, train_pieces
from models.demo_voices import Synthesiser, Voice, find_synthesisers, human_voices
from tests.conftest import skip_for_want_of

quiet_nemo = [
    pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning"),  # NeMo scripts modules on import
    pytest.mark.filterwarnings("ignore:dropout option adds dropout:UserWarning"),  # NeMo's LSTM of one layer
]


def humans() -> list[Voice]:
    return human_voices(recordings.DEFAULT_FOLDER, range(3))


def test_a_plan_is_written_with_capitals_commas_and_full_stops() -> None:
    assert plan_text(((("one", "two"), ("three",)), (("four",),))) == "One two, three. Four."


def test_plans_have_one_to_eight_words_in_one_or_two_sentences() -> None:
    rng = np.random.default_rng(1)
    plans = [make_plan(rng, VOCABULARY) for _ in range(500)]
    counts = {sum(len(phrase) for sentence in plan for phrase in sentence) for plan in plans}
    assert counts == set(range(1, 9))
    assert {len(plan) for plan in plans} == {1, 2}
    assert all(phrase for plan in plans for sentence in plan for phrase in sentence)


def test_the_96_pieces_write_every_word_and_sign(tmp_path: Path) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    train_pieces(tmp_path, seed=1)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    assert pieces.get_piece_size() == 96
    assert len((tmp_path / "vocab.txt").read_text(encoding="utf-8").splitlines()) == 96
    for word in VOCABULARY:
        text = plan_text((((word, word), (word,)),))
        numbers = pieces.encode(text)
        assert pieces.unk_id() not in numbers
        assert pieces.decode(numbers) == text


def test_an_utterance_has_short_pauses_at_commas_and_long_ones_at_full_stops(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, 60, humans(), [], seed=1)
    index = next(i for i, text in enumerate(corpus.texts) if text.count(".") == 2 and "," in text)
    quiet = corpus.utterance(index) == 0
    edges = np.flatnonzero(np.diff(quiet.astype(int)))
    lengths = np.diff(np.concatenate([[-1], edges, [len(quiet) - 1]])) / 16_000
    pauses = [length for length, start in zip(lengths, [0, *(edges + 1)], strict=True) if quiet[start]][1:-1]
    assert sum(FULL_STOP_SECONDS[0] - 0.01 <= pause <= FULL_STOP_SECONDS[1] + 0.01 for pause in pauses) == 1
    commas = sum(COMMA_SECONDS[0] - 0.01 <= pause <= COMMA_SECONDS[1] + 0.01 for pause in pauses)
    assert commas == corpus.texts[index].count(",")


def test_a_corpus_is_made_once_and_again_when_it_should_differ(tmp_path: Path) -> None:
    first = make_corpus(tmp_path, 5, humans(), [], seed=1)
    made = (tmp_path / "corpus.s16").stat().st_mtime_ns
    again = make_corpus(tmp_path, 5, humans(), [], seed=1)
    assert (tmp_path / "corpus.s16").stat().st_mtime_ns == made
    assert again.texts == first.texts
    assert np.array_equal(again.utterance(4), first.utterance(4))
    assert make_corpus(tmp_path, 5, humans(), [], seed=2).texts != first.texts


def test_an_epoch_has_every_utterance_once_with_like_lengths_together() -> None:
    lengths = np.random.default_rng(1).integers(8_000, 160_000, 100)
    epoch = list(batches(lengths, 8, np.random.default_rng(2)))
    assert sorted(np.concatenate(epoch).tolist()) == list(range(100))
    assert max(len(batch) for batch in epoch) == 8
    assert np.mean([lengths[batch].std() for batch in epoch]) < lengths.std() / 3


def test_noise_is_18_to_50_db_below_the_words_and_different_each_time() -> None:
    rng = np.random.default_rng(1)
    silence = np.zeros(16_000, np.float32)
    levels = [20 * np.log10(with_noise(silence, rng).std() / recordings.SPEECH_RMS) for _ in range(200)]
    assert -51 < min(levels) < -45
    assert -23 < max(levels) < -17


@pytest.mark.parametrize("program", ["espeak-ng", "flite"])
def test_every_synthetic_voice_speaks(program: str) -> None:
    found, missing = find_synthesisers()
    if program in missing:
        skip_for_want_of(program)
    rng = np.random.default_rng(1)
    for voice in found:
        if not isinstance(voice, Synthesiser) or voice.program != program:
            continue
        spoken = voice.speak(["seven", "monday"], rng)
        assert 0.5 < len(spoken) / 16_000 < 4
        assert np.sqrt(np.mean(spoken**2)) == pytest.approx(recordings.SPEECH_RMS, rel=0.01)


def test_missing_synthesisers_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert find_synthesisers() == ([], ["espeak-ng", "flite"])


def test_synthetic_voices_know_all_words_and_human_ones_the_digits() -> None:
    assert Synthesiser("flite", "slt").vocabulary is None
    assert {voice.vocabulary for voice in humans()} == {DIGITS}


@pytest.mark.model
class TestTraining:
    """Short runs of the real training; NeMo is imported inside, since that takes many seconds."""

    pytestmark = quiet_nemo

    def test_the_learning_rate_warms_up_and_falls_in_two_cosines(self) -> None:
        from models.train_demo import learning_rate

        rates = [learning_rate(step, 4400) for step in range(1, 4401)]
        assert rates[299] == max(rates) == 2.5e-3
        assert rates[149] == pytest.approx(1.25e-3)
        assert rates[2399] < 1e-7
        assert rates[2400] == pytest.approx(1.5e-3, rel=1e-3)
        assert 0 < rates[4399] < 1e-7
        assert all(learning_rate(step, 3) > 0 for step in (1, 2, 3))

    @pytest.mark.nemo_unpacks
    def test_a_short_run_lowers_the_loss_resumes_where_it_stopped_and_saves_a_nemo_that_loads(
        self, tmp_path: Path
    ) -> None:
        import torch
        from nemo.collections.asr.models import ASRModel

        from models.train_demo import TrainingSettings, train

        torch.set_num_threads(1)  # other tests run beside this one
        settings = TrainingSettings(
            digits=recordings.DEFAULT_FOLDER,
            takes=range(3),
            out=tmp_path / "demo.nemo",
            work=tmp_path / "work",
            steps=24,
            batch_size=4,
            save_every=16,
            human_only=True,
        )
        losses = train(settings)
        assert len(losses) == 24
        assert np.mean(losses[-4:]) < 0.8 * np.mean(losses[:4])

        assert torch.load(settings.work / "last.ckpt", weights_only=True)["step"] == 16
        again = train(replace(settings, out=tmp_path / "again.nemo"))  # from step 17 on
        assert again == losses

        model = ASRModel.restore_from(str(settings.out), map_location="cpu")
        assert "validation_ds" in model.cfg
        assert model.tokenizer.vocab_size == 96
        first, second = model.state_dict(), ASRModel.restore_from(str(tmp_path / "again.nemo")).state_dict()
        assert all(torch.equal(first[name], second[name]) for name in first)
        log = (settings.work / "log.jsonl").read_text(encoding="utf-8").splitlines()
        assert [json.loads(line)["step"] for line in log] == list(range(1, 25))
