"""Every error that parakeet raises on purpose.

::

    ParakeetError
    ├── InputError               about this input: the caller can fix it; the batch goes on
    │   ├── MediaNotFound        no such file, folder, list or pattern
    │   ├── UnreadableMedia      permission, not a regular file, a broken link
    │   ├── VanishedMedia        was there when the batch was planned, is gone now
    │   ├── ChangedMedia         changed while it was read
    │   ├── EmptyMedia           zero bytes
    │   ├── NotMedia             ffmpeg finds no media in it
    │   ├── NoAudioStream        a video without sound
    │   ├── NoSuchTrack          the asked track is not there
    │   ├── AudioTooShort        under 80 ms
    │   ├── AudioTooLong         over the limit that was set
    │   ├── DecodeTimeout        ffmpeg made no progress
    │   ├── DecodeKilled         ffmpeg was killed from outside
    │   ├── DownloadFailed       a media URL could not be fetched
    │   ├── OutputExists         the output is there and is not ours
    │   ├── InvalidTranscript    a JSON file that is not one of our transcripts
    │   ├── InvalidReference     a text or a line of a manifest that cannot be compared with
    │   └── RecognitionFailed    the recognizer failed on this input only
    └── EngineError              about this machine: no input would succeed; the batch stops
        ├── RunActive            another run works on the same outputs
        ├── ModelError           the checkpoint: absent, damaged, not trusted, not supported
        │   ├── ModelNotFound
        │   ├── ModelCorrupt
        │   ├── ModelUntrusted
        │   └── ModelUnsupported
        ├── FfmpegMissing
        ├── OutputUnwritable     the output folder cannot be written
        │   └── DiskFull
        ├── DeviceUnavailable    the asked device is not here
        ├── AddressUnavailable   the server cannot listen there
        ├── ServerUnreachable    the server that was to do the work does not answer
        ├── ServerRefused        it answers, and does not do it for us: a wrong key, or it is another program
        ├── EngineFailed         out of memory, or a card failed
        └── Overloaded           a server has no room for more, or is about to stop; later it may

``code`` is stable and meant for programs; the message is one sentence: what is wrong, then what to do.
``exit_code`` is the process's exit status when the error ends it (``docs/cli.md`` lists them).
"""

from typing import ClassVar


class ParakeetError(Exception):
    """Root of every error raised on purpose; the message is one sentence for the user."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1


class InputError(ParakeetError):
    """One input cannot be transcribed; others still can."""

    code = "input_error"
    exit_code = 3


class MediaNotFound(InputError, FileNotFoundError):
    code = "not_found"


class UnreadableMedia(InputError, PermissionError):
    code = "unreadable"


class VanishedMedia(InputError, FileNotFoundError):
    code = "vanished"


class ChangedMedia(InputError):
    code = "changed_during_read"


class EmptyMedia(InputError, ValueError):
    code = "empty_file"


class NotMedia(InputError, ValueError):
    code = "not_media"


class NoAudioStream(InputError, ValueError):
    code = "no_audio_stream"


class NoSuchTrack(InputError, LookupError):
    code = "no_such_track"


class AudioTooShort(InputError, ValueError):
    code = "audio_too_short"


class AudioTooLong(InputError, ValueError):
    code = "audio_too_long"


class DecodeTimeout(InputError, TimeoutError):
    code = "decode_timeout"


class DecodeKilled(InputError):
    code = "decode_killed"


class DownloadFailed(InputError, ConnectionError):
    code = "download_failed"


class OutputExists(InputError, FileExistsError):
    code = "output_exists"


class InvalidTranscript(InputError, ValueError):
    code = "invalid_transcript"


class InvalidReference(InputError, ValueError):
    code = "invalid_reference"


class RecognitionFailed(InputError, RuntimeError):
    code = "recognition_failed"


class EngineError(ParakeetError):
    """Something about this machine or installation; no input would succeed."""

    code = "engine_error"
    exit_code = 5


class RunActive(EngineError):
    code = "run_active"
    exit_code = 1


class ModelError(EngineError):
    code = "model_error"


class ModelNotFound(ModelError, FileNotFoundError):
    code = "model_not_found"


class ModelCorrupt(ModelError, ValueError):
    code = "model_corrupt"


class ModelUntrusted(ModelError, PermissionError):
    code = "model_untrusted"


class ModelUnsupported(ModelError, NotImplementedError):
    code = "model_unsupported"


class FfmpegMissing(EngineError, FileNotFoundError):
    code = "ffmpeg_missing"
    exit_code = 6


class OutputUnwritable(EngineError, OSError):
    code = "output_unwritable"
    exit_code = 7


class DiskFull(OutputUnwritable):
    code = "disk_full"


class DeviceUnavailable(EngineError, RuntimeError):
    code = "device_unavailable"
    exit_code = 8


class AddressUnavailable(EngineError, OSError):
    code = "address_unavailable"
    exit_code = 9


class ServerUnreachable(EngineError, ConnectionError):
    code = "server_unreachable"
    exit_code = 10


class ServerRefused(EngineError, PermissionError):
    code = "server_refused"
    exit_code = 10


class EngineFailed(EngineError, RuntimeError):
    code = "engine_failed"


class Overloaded(EngineError):
    """``retry_after`` is in seconds."""

    code = "server_is_overloaded"

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after
