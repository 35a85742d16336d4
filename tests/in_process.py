"""An engine in the tests' own process: the real Transcriber, with the recognizer that hears beeps."""

import queue
import threading
from collections.abc import Callable, Iterator
from itertools import count

from parakeet_cli.settings import TranscriptionSettings
from parakeet_cli.transcription.engine import Ended, Ready, Saved, Tell
from parakeet_cli.transcription.events import Recording
from parakeet_cli.transcription.pipeline import Transcriber
from parakeet_cli.transcription.recognizer import Recognizer
from parakeet_cli.transcription.savepoints import Savepoint
from tests.fakes import BeepRecognizer

__all__ = ["InProcessEngine"]


class InProcessEngine:
    """One recording after the other; what is cancelled is dropped before it begins."""

    def __init__(
        self,
        tell: Tell,
        recognizer: Callable[[], Recognizer] = BeepRecognizer,
        settings: TranscriptionSettings | None = None,
    ) -> None:
        self._tell = tell
        self._recognizer = recognizer
        self._settings = settings or TranscriptionSettings()
        self._asked: queue.SimpleQueue[Recording | None] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._savepoints: dict[int, Savepoint] = {}
        threading.Thread(target=self._run, daemon=True, name="in-process engine").start()

    def transcribe(self, recording: Recording, savepoint: Savepoint | None = None) -> None:
        if savepoint:
            self._savepoints[recording.number] = savepoint
        self._asked.put(recording)

    def flush(self) -> None:
        """Nothing waits for others here."""

    def cancel(self, number: int) -> None:
        self._cancelled.add(number)

    def close(self) -> None:
        self._asked.put(None)

    def load(self, recording: int) -> Savepoint | None:
        """For the Transcriber, as ``save``."""
        return self._savepoints.pop(recording, None)

    def save(self, recording: int, savepoint: Savepoint) -> None:
        self._tell(Saved(recording, savepoint))

    def _run(self) -> None:
        recognizer = self._recognizer()
        self._tell(Ready(recognizer.model, recognizer.language, "cpu"))
        for recording in self._recordings():
            for event in Transcriber(recognizer, self._settings, savepoints=self).transcribe([recording]):
                self._tell(event)
        self._tell(Ended())

    def _recordings(self) -> Iterator[Recording]:
        for _ in count():
            if (recording := self._asked.get()) is None:
                return
            if recording.number not in self._cancelled:
                yield recording
