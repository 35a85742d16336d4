"""Greedy decoding of encoder frames with the decoder's state carried from call to call.

Transducers go through NeMo's label-looping computer (arXiv:2406.06220), called directly: it takes and returns the
state of a batch, which is split and merged so that a batch may hold any recordings.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch

from parakeet_cli.transcription.pytorch.decoding import BatchJumps, Emission, Jumps, unspoken

__all__ = ["CtcDecoder", "TransducerDecoder"]

_DEFAULT_MAX_SYMBOLS = 10


class TransducerDecoder:
    """TDT where the joint network has outputs for durations, RNN-T where it has none."""

    def __init__(self, model: Any, pieces: Sequence[str], skip_confidence: float) -> None:
        from nemo.collections.asr.parts.submodules.transducer_decoding import (
            GreedyBatchedRNNTLabelLoopingComputer,
            GreedyBatchedTDTLabelLoopingComputer,
        )

        self._vocabulary = int(model.joint.num_classes_with_blank) - int(model.joint.num_extra_outputs)
        self._blank = self._vocabulary - 1
        greedy = model.cfg.decoding.get("greedy") or {}
        common: dict[str, Any] = {
            "decoder": model.decoder,
            "joint": model.joint,
            "blank_index": self._blank,
            "max_symbols_per_step": greedy.get("max_symbols") or _DEFAULT_MAX_SYMBOLS,
            "preserve_step_confidence": True,
            "confidence_method_cfg": {"name": "max_prob", "alpha": 1.0},
            "allow_cuda_graphs": False,
        }
        durations = _durations(model)
        self._computer: Any
        if durations:
            if skip_confidence:
                jumps = Jumps(tuple(durations), skip_confidence, unspoken(pieces, self._blank))
                common["joint"] = _SureJoint(model.joint, self._blank, jumps)
            self._computer = GreedyBatchedTDTLabelLoopingComputer(
                durations=durations,
                include_duration=True,
                # All steps are recorded, and blanks left out here: NeMo 3.0.0 stores with the token of one row the
                # duration of a later step where other rows of the batch still look for their token.
                exclude_blank_from_confidence=False,
                **common,
            )
        else:
            self._computer = GreedyBatchedRNNTLabelLoopingComputer(exclude_blank_from_confidence=True, **common)

    def decode(self, encoded: Sequence[torch.Tensor], states: Sequence[Any]) -> list[tuple[list[Emission], Any]]:
        merged = None
        if any(state is not None for state in states):
            merged = self._computer.merge_to_batched_state(list(states))
        padded, lengths = _padded(encoded)
        hypotheses, after = self._computer(x=padded, out_len=lengths, prev_batched_state=merged)
        decoded_before = [0] * len(states) if merged is None else merged.decoded_lengths.tolist()
        counts = hypotheses.current_lengths.tolist()
        rows = []
        for row, state in enumerate(self._computer.split_batched_state(after)):
            emissions = self._emissions(hypotheses, row, counts[row], decoded_before[row])
            rows.append((emissions, state))
        return rows

    def plain(self, state: Any) -> Any:
        return {
            "predictor_state": [part.clone() for part in state.predictor_state],
            "predictor_output": state.predictor_output.clone(),
            "label": state.label.clone(),
            "decoded_length": state.decoded_length.clone(),
            "time_jump": None if state.time_jump is None else state.time_jump.clone(),
        }

    def restored(self, plain: Any) -> Any:
        from nemo.collections.asr.parts.submodules.transducer_decoding.label_looping_base import LabelLoopingStateItem

        return LabelLoopingStateItem(**plain | {"predictor_state": tuple(plain["predictor_state"])})

    def _emissions(self, hypotheses: Any, row: int, count: int, decoded_before: int) -> list[Emission]:
        token_ids = hypotheses.transcript[row, :count].tolist()
        frames = hypotheses.timestamps[row, :count].tolist()
        confidence = hypotheses.step_confidence[row, :count].tolist()
        lengths = [1] * count
        if hypotheses.token_durations is not None:
            lengths = hypotheses.token_durations[row, :count].tolist()
        return [
            Emission(token_id, frame - decoded_before, length, self._logprob(value))
            for token_id, frame, length, value in zip(token_ids, frames, lengths, confidence, strict=True)
            if token_id != self._blank
        ]

    def _logprob(self, confidence: float) -> float:
        """Undo NeMo's scaling of ``max_prob``, (V·p − 1)/(V − 1), which maps an even distribution to 0."""
        probability = (confidence * (self._vocabulary - 1) + 1) / self._vocabulary
        return min(math.log(max(probability, 1e-30)), 0.0)


class _SureJoint:
    """NeMo's joint network, but that of durations it leaves a blank none but the one that ``Jumps`` chooses.

    The computer takes the likeliest duration in the middle of its loop; this is where another can be given to it.
    """

    def __init__(self, joint: Any, blank: int, jumps: Jumps) -> None:
        self._joint = joint
        self._blank = blank
        self._jumps = BatchJumps(jumps, next(joint.parameters()).device)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._joint, name)

    def joint_after_projection(self, frames: torch.Tensor, predicted: torch.Tensor) -> torch.Tensor:
        """[rows, 1, 1, labels and durations], as the network's."""
        logits: torch.Tensor = self._joint.joint_after_projection(frames, predicted)
        rows = logits.flatten(end_dim=-2)
        scores, chances = rows[:, : self._blank + 1], rows[:, self._blank + 1 :]
        is_blank = (scores.argmax(dim=1) == self._blank).unsqueeze(1)
        jumps = self._jumps.after_blank(scores.log_softmax(dim=1), chances)
        rows[:, self._blank + 1 :] = torch.where(is_blank, self._jumps.alone(jumps), chances)
        return rows.reshape(logits.shape)


class CtcDecoder:
    """Best path: the likeliest label a frame, repeats and blanks removed. The state is the last frame's label."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._blank = int(model.decoder.num_classes_with_blank) - 1

    def decode(self, encoded: Sequence[torch.Tensor], states: Sequence[Any]) -> list[tuple[list[Emission], Any]]:
        padded, lengths = _padded(encoded)
        logprobs = self._model.decoder(encoder_output=padded.transpose(1, 2))
        best, labels = logprobs.max(dim=-1)
        return [
            self._collapse(labels[row, :length].tolist(), best[row, :length].tolist(), states[row])
            for row, length in enumerate(lengths.tolist())
        ]

    def plain(self, state: Any) -> Any:
        return state

    def restored(self, plain: Any) -> Any:
        return plain

    def _collapse(self, labels: list[int], best: list[float], state: Any) -> tuple[list[Emission], Any]:
        previous = self._blank if state is None else state
        emissions: list[Emission] = []
        for frame, (label, logprob) in enumerate(zip(labels, best, strict=True)):
            if label != self._blank:
                if label != previous:
                    emissions.append(Emission(label, frame, 1, logprob))
                elif emissions:
                    first = emissions[-1]
                    emissions[-1] = Emission(label, first.frame, frame - first.frame + 1, max(first.logprob, logprob))
            previous = label
        return emissions, previous


def _padded(encoded: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """[rows, frames, width] of the longest, and the [rows] frames of each."""
    lengths = torch.tensor([len(frames) for frames in encoded], device=encoded[0].device)
    return torch.nn.utils.rnn.pad_sequence(list(encoded), batch_first=True), lengths


def _durations(model: Any) -> list[int]:
    if not int(model.joint.num_extra_outputs):
        return []
    defaults = model.cfg.get("model_defaults") or {}
    return [int(value) for value in model.cfg.decoding.get("durations") or defaults["tdt_durations"]]
