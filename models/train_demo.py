"""Train parakeet-tdt-demo.nemo from scratch, on a CPU, from a folder of spoken digits.

    python models/train_demo.py --digits DIR --steps 4400 --out models/parakeet-tdt-demo.nemo

DIR holds ``{digit}_{speaker}_{take}.wav`` of the Free Spoken Digit Dataset; takes 5–49 are used, so that 0–4 stay
for tests. The full training takes about 80 minutes on two cores, besides the synthesis. It can be stopped at any
time: the same command goes on from the last saved step. ``--steps 20 --human-only`` shows that everything works.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nemo.collections.asr.models import EncDecRNNTBPEModel
from nemo.collections.asr.modules import SpectrogramAugmentation
from nemo.utils import logging
from numpy.typing import NDArray
from omegaconf import OmegaConf
from torch import Tensor

from models.demo_data import Corpus, batches, make_corpus, with_noise
from models.demo_texts import train_pieces
from models.demo_voices import find_synthesisers, human_voices
from models.tdt_loss import rnnt_loss, tdt_loss

__all__ = ["TrainingSettings", "learning_rate", "train"]

UTTERANCES = 9_000
"""About 11 hours."""
FULL_STEPS = 4_400


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """``work`` keeps the pieces, the utterances, the last saved step and the log of losses of a run."""

    digits: Path
    out: Path
    work: Path
    takes: range = range(5, 50)
    steps: int = FULL_STEPS
    batch_size: int = 24
    save_every: int = 100
    seed: int = 1
    human_only: bool = False


@dataclass(slots=True)
class Run:
    """A training under way; ``step`` is the number of steps done."""

    model: Any
    optimizer: torch.optim.Optimizer
    step: int = 0


def train(settings: TrainingSettings) -> list[float]:
    """Train, save the ``.nemo`` archive to ``settings.out``, and return the loss a token of every step."""
    settings.work.mkdir(parents=True, exist_ok=True)
    train_pieces(settings.work / "pieces", settings.seed)
    corpus = _corpus(settings)
    hours = corpus.starts[-1] / 16_000 / 3600
    print(f"{len(corpus)} utterances, {hours:.2f} hours", flush=True)
    run = _resume(settings, _new_run(settings))
    losses = _logged_losses(settings, run.step)
    augmentation = SpectrogramAugmentation(freq_masks=2, freq_width=15, time_masks=4, time_width=0.05)
    started = time.monotonic()
    for indices in _remaining_batches(corpus, settings, run.step):
        losses.append(_take_step(run, corpus, indices, augmentation, settings))
        _log(settings, run.step, losses[-1], time.monotonic() - started)
        if run.step % settings.save_every == 0:
            _save_step(settings, run)
    _save_archive(run.model, settings.out)
    return losses


def learning_rate(step: int, steps: int) -> float:
    """The rate of step 1, 2, … ``steps``: warm-up to 2.5e-3, a cosine to zero, and a second one from 1.5e-3.

    In a full training of 4,400 steps the warm-up takes 300 and the first cosine ends at 2,400; others scale.
    """
    warm_up = max(1, round(steps * 300 / FULL_STEPS))
    first = max(warm_up + 1, round(steps * 2_400 / FULL_STEPS))
    if step <= warm_up:
        return 2.5e-3 * step / warm_up
    if step <= first:
        return 2.5e-3 * _cosine((step - warm_up) / (first - warm_up + 1))
    return 1.5e-3 * _cosine((step - first) / (steps - first + 1))


def _cosine(progress: float) -> float:
    return (1 + math.cos(math.pi * progress)) / 2


def _corpus(settings: TrainingSettings) -> Corpus:
    humans = human_voices(settings.digits, settings.takes)
    synthesisers, missing = ([], []) if settings.human_only else find_synthesisers()
    if missing:
        print(f"Not installed: {', '.join(missing)}; their voices are left out.", file=sys.stderr)
    if not synthesisers and not settings.human_only:
        sys.exit("No synthetic voices: install espeak-ng and flite, or train with --human-only.")
    print(f"{len(humans)} human voices, {len(synthesisers)} synthetic ones", flush=True)
    count = min(UTTERANCES, settings.steps * settings.batch_size)
    return make_corpus(settings.work, count, humans, synthesisers, settings.seed)


def _new_run(settings: TrainingSettings) -> Run:
    logging.setLevel(logging.ERROR)
    torch.manual_seed(settings.seed)
    config = OmegaConf.load(Path(__file__).with_name("demo_model.yaml"))
    config.tokenizer.dir = str(settings.work / "pieces")
    model = EncDecRNNTBPEModel(cfg=config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0, betas=(0.9, 0.98), weight_decay=1e-3)
    return Run(model, optimizer)


def _take_step(
    run: Run, corpus: Corpus, indices: NDArray[np.int64], augmentation: Any, settings: TrainingSettings
) -> float:
    """Learn from one batch; return its loss a token before that."""
    rng = np.random.default_rng([settings.seed, 3, run.step])
    torch.manual_seed(int(rng.integers(2**31)))
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate(run.step + 1, settings.steps)
    loss = _loss(run.model, corpus, indices, augmentation, rng)
    run.optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), 5.0)
    run.optimizer.step()
    run.step += 1
    return float(loss.detach())


def _loss(
    model: Any, corpus: Corpus, indices: NDArray[np.int64], augmentation: Any, rng: np.random.Generator
) -> Tensor:
    """The loss a token of a batch; now and then that of a plain transducer (omega of the TDT paper)."""
    signal, lengths = _padded([torch.from_numpy(with_noise(corpus.utterance(i), rng)) for i in indices])
    targets, target_lengths = _padded([torch.tensor(model.tokenizer.text_to_ids(corpus.texts[i])) for i in indices])
    features, feature_lengths = model.preprocessor(input_signal=signal, length=lengths)
    features = augmentation(input_spec=features, length=feature_lengths)
    encoded, frames = model.encoder(audio_signal=features, length=feature_lengths)
    predicted, _, _ = model.decoder(targets=targets, target_length=target_lengths)
    logits = model.joint(encoder_outputs=encoded, decoder_outputs=predicted)
    loss = model.cfg.loss.tdt_kwargs
    durations = list(loss.durations)
    if rng.random() < loss.omega:
        total = rnnt_loss(logits[..., : -len(durations)], targets, frames, target_lengths)
    else:
        total = tdt_loss(logits, targets, frames, target_lengths, durations, loss.sigma)
    return total.sum() / target_lengths.sum()


def _padded(rows: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows of different lengths as one tensor with zeros behind, and the lengths."""
    lengths = torch.tensor([len(row) for row in rows])
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths


def _remaining_batches(corpus: Corpus, settings: TrainingSettings, done: int) -> Iterator[NDArray[np.int64]]:
    """The batches of steps ``done`` and later; the same ones whether or not the run was interrupted."""
    step = epoch = 0
    while step < settings.steps:
        rng = np.random.default_rng([settings.seed, 2, epoch])
        for indices in batches(corpus.lengths, settings.batch_size, rng):
            if done <= step < settings.steps:
                yield indices
            step += 1
        epoch += 1


def _save_step(settings: TrainingSettings, run: Run) -> None:
    partial = settings.work / "last.ckpt.partial"
    state = {"model": run.model.state_dict(), "optimizer": run.optimizer.state_dict(), "step": run.step}
    torch.save({**state, "steps": settings.steps, "seed": settings.seed}, partial)
    partial.replace(settings.work / "last.ckpt")


def _resume(settings: TrainingSettings, run: Run) -> Run:
    path = settings.work / "last.ckpt"
    if not path.exists():
        return run
    state = torch.load(path, weights_only=True)
    if (state["steps"], state["seed"]) != (settings.steps, settings.seed):
        sys.exit(f"{path} is of a training with other settings; remove {settings.work} or choose another --work.")
    run.model.load_state_dict(state["model"])
    run.optimizer.load_state_dict(state["optimizer"])
    run.step = state["step"]
    print(f"Going on from step {run.step}", flush=True)
    return run


def _save_archive(model: Any, out: Path) -> None:
    """Write the ``.nemo`` archive; only a complete one gets the name."""
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f"partial-{out.name}")
    model.eval()
    model.save_to(str(partial))
    partial.replace(out)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB", flush=True)


def _log(settings: TrainingSettings, step: int, loss: float, seconds: float) -> None:
    with (settings.work / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": step, "loss": loss}) + "\n")
    if step % 20 == 0 or step == settings.steps:
        rate = learning_rate(step, settings.steps)
        print(f"step {step} of {settings.steps}: loss {loss:.3f}, rate {rate:.1e}, {seconds:.0f} s", flush=True)


def _logged_losses(settings: TrainingSettings, done: int) -> list[float]:
    """The losses of the first ``done`` steps; what an interrupted run logged after its last save is dropped."""
    path = settings.work / "log.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()[:done] if done else []
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return [float(json.loads(line)["loss"]) for line in lines]


def _takes(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description="Train the demo checkpoint from scratch.")
    parser.add_argument("--digits", type=Path, required=True, metavar="DIR", help="recordings of digits")
    parser.add_argument("--takes", type=_takes, default=range(5, 50), metavar="A-B", help="default: 5-49")
    parser.add_argument("--steps", type=int, default=FULL_STEPS)
    parser.add_argument("--batch-size", type=int, default=24)
    parser.add_argument("--save-every", type=int, default=100, metavar="STEPS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--human-only", action="store_true", help="no synthetic voices")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.nemo")
    parser.add_argument("--work", type=Path, metavar="DIR", help="default: FILE.training beside FILE.nemo")
    options = vars(parser.parse_args())
    options["work"] = options["work"] or options["out"].with_suffix(".training")
    train(TrainingSettings(**options))


if __name__ == "__main__":
    main()
