"""All that is measured, in order: fresh processes that load the model, then a recording through every stage."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from parakeet_cli.display import display
from parakeet_cli.errors import EngineFailed
from parakeet_cli.settings import Dtype, TranscriptionSettings
from parakeet_cli.timing import machine
from parakeet_cli.timing.clock import Stage, Timing
from parakeet_cli.timing.passes import Pass, check_media, go_through
from parakeet_cli.timing.report import Audio, Memory, Model, Report
from parakeet_cli.timing.startup import time_start
from parakeet_cli.transcription.checkpoints import Checkpoint
from parakeet_cli.transcription.loading import load_recognizer
from parakeet_cli.transcription.media.inputs import FileMedia
from parakeet_cli.transcription.media.interruption import Interruption

if TYPE_CHECKING:
    from parakeet_cli.transcription.pytorch.recognizer import TorchRecognizer

__all__ = ["Bench"]


@dataclass(frozen=True, slots=True)
class Bench:
    """``media`` is measured up to ``settings.decoding.end``, ``runs`` times after one run that is told apart.

    ``name`` is what people call the media, safe to show. ``starter`` is the module that a fresh process runs.
    """

    media: FileMedia
    name: str
    is_sample: bool
    checkpoint: Checkpoint
    settings: TranscriptionSettings
    runs: int
    starter: str

    def measure(self, interruption: Interruption) -> Iterator[str | Report]:
        """Yield what comes next, as a phrase for people, and the report last.

        Raises ``InputError`` about the media, ``EngineError``, and ``Interrupted``.
        """
        load_before = machine.load_average()
        check_media(self.media, self.settings, interruption)
        starts: list[dict[Stage, float]] = []
        failure: EngineFailed | None = None
        for number in range(1 + self.runs):
            yield f"a fresh process loads the model, {number + 1} of {1 + self.runs}"
            try:
                starts.append(time_start(self.starter, self.checkpoint, self.settings.recognizer, interruption))
            except EngineFailed as error:
                failure = error
                break
        recognizer = load_recognizer(self.checkpoint, self.settings.recognizer)  # tells better why it cannot
        if failure:
            raise failure
        passes: list[Pass] = []
        for number in range(1 + self.runs):
            yield f"the sound goes through every stage, {number + 1} of {1 + self.runs}"
            passes.append(go_through(self.media, recognizer, self.settings, interruption))
        yield self._report(recognizer, starts, passes, load_before)

    def _report(
        self,
        recognizer: "TorchRecognizer",
        starts: Sequence[Mapping[Stage, float]],
        passes: Sequence[Pass],
        load_before: float,
    ) -> Report:
        from parakeet_cli.transcription.pytorch import devices, measuring

        last = passes[-1]
        is_int8 = self.settings.recognizer.dtype is Dtype.INT8
        return Report(
            machine=machine.describe(),
            torch=measuring.describe(recognizer.device),
            load_averages=(load_before, machine.load_average()),
            model=Model(
                display(recognizer.model),
                recognizer.engine.value,
                str(recognizer.device),
                Dtype.INT8.value if is_int8 else devices.dtype_name(recognizer.dtype),
            ),
            settings=replace(self.settings, batch=replace(self.settings.batch, batch_size=last.batch_size)),
            audio=Audio(self.name, last.audio_seconds, self.is_sample, last.is_partial),
            timings=_timings(starts) | _timings([each.seconds for each in passes]),
            tokens=last.tokens,
            memory=Memory(machine.peak_bytes(), measuring.peak_card_bytes(recognizer.device)),
        )


def _timings(runs: Sequence[Mapping[Stage, float]]) -> dict[Stage, Timing]:
    first, *others = runs
    return {stage: Timing(first[stage], tuple(run[stage] for run in others)) for stage in first}
