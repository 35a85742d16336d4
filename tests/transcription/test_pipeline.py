"""The Transcriber with the recognizer that hears beeps."""

import os
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from parakeet_cli.errors import FfmpegMissing
from parakeet_cli.settings import BatchSettings, ChunkSettings, DecodingSettings, TranscriptionSettings
from parakeet_cli.transcript import Transcript
from parakeet_cli.transcription import listening
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.media.audio import AudioTrack, Decoding, MediaFile, MediaInfo, decode
from parakeet_cli.transcription.media.inputs import FileMedia
from parakeet_cli.transcription.pipeline import Event, Failed, Finished, Progress, Recording, Started, Transcriber
from parakeet_cli.transcription.recognizer import DecoderState, Frames, Hypothesis, Row
from tests.fakes import WORDS, BeepRecognizer, beeps, for_ffmpeg, silence, write_wav

SHORT = ChunkSettings(chunk_seconds=1.6, context_seconds=0.32)


def recordings(folder: Path, spoken: Sequence[Sequence[str]]) -> list[Recording]:
    return [
        Recording(number, FileMedia(write_wav(folder / f"{number}.wav", beeps(words))))
        for number, words in enumerate(spoken)
    ]


def settings(
    size: int | None = 4, chunks: ChunkSettings = SHORT, decoding: DecodingSettings | None = None
) -> TranscriptionSettings:
    return TranscriptionSettings(decoding or DecodingSettings(), chunks=chunks, batch=BatchSettings(size))


def transcripts(events: Sequence[Event]) -> dict[int, Transcript]:
    return {event.recording: event.transcript for event in events if isinstance(event, Finished)}


SPOKEN = [
    [WORDS[(number * step + step) % 10] for number in range(count)] for step, count in enumerate([3, 40, 1, 17, 25], 1)
]


@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.usefixtures("aside")
def test_recordings_that_share_batches_keep_their_own_words(tmp_path: Path, size: int) -> None:
    events = list(Transcriber(BeepRecognizer(), settings(size)).transcribe(recordings(tmp_path, SPOKEN)))
    found = transcripts(events)
    assert {number: transcript.text.split() for number, transcript in found.items()} == dict(enumerate(SPOKEN))


def test_a_word_on_a_cut_is_written_once_wherever_the_cut_falls(tmp_path: Path) -> None:
    for shift in range(8):
        samples = np.concatenate([silence(shift * 0.08), beeps(["one", "two", "three", "four", "five"])])
        recording = Recording(0, FileMedia(write_wav(tmp_path / f"{shift}.wav", samples)))
        chunks = ChunkSettings(chunk_seconds=0.4, context_seconds=0.16)
        (event,) = [
            event
            for event in Transcriber(BeepRecognizer(), settings(2, chunks)).transcribe([recording])
            if isinstance(event, Finished)
        ]
        words = event.transcript.words
        assert [word.text for word in words] == ["one", "two", "three", "four", "five"]
        assert [word.start for word in words] == pytest.approx([0.16 + 0.08 * shift + 0.4 * i for i in range(5)])


@pytest.mark.usefixtures("aside")
def test_events_of_a_recording_come_in_order_and_progress_grows(tmp_path: Path) -> None:
    events = list(Transcriber(BeepRecognizer(), settings()).transcribe(recordings(tmp_path, SPOKEN)))
    for number in range(len(SPOKEN)):
        own = [event for event in events if event.recording == number]
        assert isinstance(own[0], Started)
        assert isinstance(own[-1], Finished)
        heard = [event.seconds for event in own if isinstance(event, Progress)]
        assert heard == sorted(heard)
        assert heard[-1] == pytest.approx(own[-1].transcript.duration)
        assert own[0].duration == pytest.approx(heard[-1], abs=0.01)


def test_a_bad_file_fails_alone(tmp_path: Path) -> None:
    batch = recordings(tmp_path, SPOKEN)
    (tmp_path / "1.wav").write_bytes(b"RIFF and then nothing that makes sense")
    events = list(Transcriber(BeepRecognizer(), settings()).transcribe(batch))
    assert [event.recording for event in events if isinstance(event, Failed)] == [1]
    assert sorted(transcripts(events)) == [0, 2, 3, 4]


@pytest.mark.usefixtures("aside")
def test_sound_that_the_recognizer_refuses_fails_its_own_recording_only(tmp_path: Path) -> None:
    spoken = [["one", "two"], ["three", "nine", "three"], ["four"] * 12, ["five"]]
    transcriber = Transcriber(BeepRecognizer(refuses=["nine"]), settings())
    events = list(transcriber.transcribe(recordings(tmp_path, spoken)))
    (failed,) = (event for event in events if isinstance(event, Failed))
    assert (failed.recording, failed.error.code) == (1, "recognition_failed")
    assert {number: found.text.split() for number, found in transcripts(events).items()} == {
        0: ["one", "two"],
        2: ["four"] * 12,
        3: ["five"],
    }


@pytest.mark.usefixtures("aside")
def test_a_refusal_in_the_middle_of_a_long_recording_ends_it_once(tmp_path: Path) -> None:
    spoken = [["four"] * 20 + ["nine"] + ["four"] * 20, ["five"] * 3]
    transcriber = Transcriber(BeepRecognizer(refuses=["nine"]), settings(2))
    events = list(transcriber.transcribe(recordings(tmp_path, spoken)))
    assert [event.recording for event in events if isinstance(event, Failed)] == [0]
    assert list(transcripts(events)) == [1]


@pytest.mark.usefixtures("aside")
def test_a_recording_that_failed_in_the_recognizer_does_not_fail_again_in_the_decoder(tmp_path: Path) -> None:
    """The decoder finds it too long when the recognizer has refused its first chunk."""
    (recording,) = recordings(tmp_path, [["nine"] + ["four"] * 199])
    transcriber = Transcriber(BeepRecognizer(refuses=["nine"]), settings(1, decoding=DecodingSettings(max_duration=79)))
    events = list(transcriber.transcribe([recording]))
    assert [event.error.code for event in events if isinstance(event, Failed)] == ["recognition_failed"]


def test_a_recording_that_failed_may_change_while_the_others_go_on(tmp_path: Path) -> None:
    batch = recordings(tmp_path, [["nine"] + ["four"] * 150, ["five"]])
    failed = []
    for event in Transcriber(BeepRecognizer(refuses=["nine"]), settings(1)).transcribe(batch):
        if isinstance(event, Failed):
            failed.append(event.error.code)
            os.utime(tmp_path / "0.wav", (1, 1))
    assert failed == ["recognition_failed"]


@pytest.mark.usefixtures("aside")
def test_the_rest_of_a_recording_that_failed_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decodings: list[Decoding] = []

    def watched(file: MediaFile, info: MediaInfo, track: AudioTrack, decoding: DecodingSettings) -> Decoding:
        decodings.append(decode(file, info, track, decoding))
        return decodings[-1]

    monkeypatch.setattr(listening, "decode", watched)
    batch = recordings(tmp_path, [["nine"] + ["four"] * 300, ["five"] * 3])
    events = list(Transcriber(BeepRecognizer(refuses=["nine"]), settings(1)).transcribe(batch))
    assert list(transcripts(events)) == [1]
    whole, failed = sorted(decodings, key=lambda decoding: decoding.expected_seconds or 0.0)
    assert failed.seconds < 70  # of 120; levels are compared over windows to come
    assert whole.seconds == pytest.approx(1.36)


def test_the_recognizer_chooses_the_batch_size_for_the_window_and_the_user_overrides_it(tmp_path: Path) -> None:
    class Choosing(BeepRecognizer):
        windows: ClassVar[list[float]] = []

        def chunks_a_batch(self, window_seconds: float) -> int:
            self.windows.append(window_seconds)
            return 2

    batch = recordings(tmp_path, [["one"] * 40])
    sizes = []
    for size in (None, 3):
        recognizer = Choosing()
        list(Transcriber(recognizer, settings(size)).transcribe(batch))
        sizes.append(max(recognizer.batches))
    assert sizes == [2, 3]
    assert Choosing.windows == [pytest.approx(1.6 + 2 * 0.32)]


def test_long_chunks_are_decoded_a_few_ahead_only(tmp_path: Path) -> None:
    """With a window of ten minutes two chunks lie ready, whatever the batch size: 39 MB each."""
    opened: list[int] = []
    long_chunks = ChunkSettings(chunk_seconds=600, context_seconds=3)
    batch = recordings(tmp_path, [["one"]] * 40)

    def asked_for() -> Iterator[Recording]:
        for recording in batch:
            opened.append(recording.number)
            yield recording

    events = Transcriber(BeepRecognizer(), settings(16, long_chunks)).transcribe(asked_for())
    next(iter(events))
    time.sleep(2)  # the decoder goes as far ahead as it may
    assert len(opened) <= 3
    assert isinstance(events, Generator)
    events.close()


@pytest.mark.usefixtures("aside")
def test_an_engine_error_ends_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = recordings(tmp_path, SPOKEN)
    for_ffmpeg(tmp_path / "1.wav")
    monkeypatch.setenv("PARAKEET_FFMPEG", str(tmp_path / "no-such-ffmpeg"))
    with pytest.raises(FfmpegMissing):
        list(Transcriber(BeepRecognizer(), settings()).transcribe(batch))


@pytest.mark.usefixtures("aside")
def test_excerpts_of_one_media_share_batches_and_keep_the_times_of_the_whole(tmp_path: Path) -> None:
    media = FileMedia(write_wav(tmp_path / "a.wav", beeps(["one", "two", "three", "four", "five"])))
    excerpts = [Recording(0, media, start=0.8, end=1.36), Recording(1, media, end=0.48), Recording(2, media, start=1.6)]
    recognizer = BeepRecognizer()
    found = transcripts(list(Transcriber(recognizer, settings()).transcribe(excerpts)))
    assert {number: [(word.text, round(word.start, 3)) for word in found[number].words] for number in found} == {
        0: [("three", 0.96)],
        1: [("one", 0.16)],
        2: [("five", 1.76)],
    }
    assert found[0].duration == pytest.approx(0.56)
    assert recognizer.batches == [3]


def test_times_of_an_excerpt_count_from_the_start_of_the_media(tmp_path: Path) -> None:
    (recording,) = recordings(tmp_path, [["one", "two", "three", "four"]])
    events = list(
        Transcriber(BeepRecognizer(), settings(decoding=DecodingSettings(start=0.8, end=1.36))).transcribe([recording])
    )
    (word,) = transcripts(events)[0].words
    assert word.text == "three"
    assert (word.start, word.end) == pytest.approx((0.96, 1.2))


def test_no_word_ends_after_its_recording(tmp_path: Path) -> None:
    class Overreaching(BeepRecognizer):
        """As a TDT decoder may: the last token's duration reaches past the end."""

        def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
            return [
                (Hypothesis(tuple(replace(token, end=token.end + 9) for token in hypothesis.tokens)), state)
                for hypothesis, state in super().decode(rows)
            ]

    events = list(Transcriber(Overreaching(), settings()).transcribe(recordings(tmp_path, [["one", "two"]])))
    transcript = transcripts(events)[0]
    assert transcript.words[-1].end == transcript.duration
    assert transcript.words[0].end <= transcript.words[1].start


def test_recordings_are_opened_as_they_are_needed(tmp_path: Path) -> None:
    """A batch of thousands must not be decoded into memory ahead of the recognizer."""
    opened: list[int] = []
    batch = recordings(tmp_path, [["one"]] * 60)

    def asked_for() -> Iterator[Recording]:
        for recording in batch:
            opened.append(recording.number)
            yield recording

    finished = 0
    for event in Transcriber(BeepRecognizer(), settings(2)).transcribe(asked_for()):
        if isinstance(event, Finished):
            finished += 1
            assert len(opened) <= finished + 30
    assert finished == 60


@pytest.mark.usefixtures("aside")
def test_leaving_early_stops_the_decoding(tmp_path: Path) -> None:
    threads = threading.active_count()
    events = Transcriber(BeepRecognizer(), settings(1)).transcribe(recordings(tmp_path, [["one"] * 200] * 3))
    assert isinstance(events, Generator)
    next(event for event in events if isinstance(event, Progress))
    events.close()
    del events  # and with them the transcriber, whose thread of encoding ends by itself
    for _ in range(100):
        if threading.active_count() == threads:
            return
        time.sleep(0.05)
    raise AssertionError([thread.name for thread in threading.enumerate()])


def test_a_batch_mixes_chunks_of_different_recordings(tmp_path: Path) -> None:
    class Watching(BeepRecognizer):
        mixed = 0

        def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
            self.mixed += len({chunk.recording for chunk in chunks}) > 1
            return super().encode(chunks, exactly=exactly)

    recognizer = Watching()
    list(Transcriber(recognizer, settings(4)).transcribe(recordings(tmp_path, [["one"]] * 12)))
    assert recognizer.mixed == 3


def test_ten_minutes_are_encoded_with_a_seventh_of_context_and_nothing_more(tmp_path: Path) -> None:
    class Counting(BeepRecognizer):
        seconds = 0.0

        def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
            self.seconds += len(chunks) * max(len(chunk.samples) for chunk in chunks) / 16_000
            return super().encode(chunks, exactly=exactly)

    recognizer = Counting()
    spoken = [WORDS[number % 10] for number in range(1500)]
    (transcript,) = transcripts(
        list(Transcriber(recognizer, settings(None, ChunkSettings())).transcribe(recordings(tmp_path, [spoken])))
    ).values()
    assert transcript.text.split() == spoken
    assert 600 < recognizer.seconds < 1.14 * 600.16
