"""The file of a request: written once, to an unnamed file of ours. Its name is text for people, never a path."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, BinaryIO, Self, cast

from flask import Request
from werkzeug.datastructures import FileStorage, Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser, MultiPartParser

from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.http_errors import no_disk
from parakeet_cli.server.services import services
from parakeet_cli.server.spool import DISK_FULL, NO_ROOM, unnamed_file
from parakeet_cli.settings import UploadSettings
from parakeet_cli.transcription.media.download import write_all
from parakeet_cli.transcription.media.inputs import DescriptorMedia

__all__ = ["Prefix", "Upload", "UploadRequest", "prefix_upload", "too_large", "uploaded_file"]

Prefix = Callable[[int], bytes]
"""What is put before an upload of so many bytes; its length is the same for any number."""

_MOST_FILES = 8
"""File parts of one form; each holds a descriptor."""
_LONGEST_NAME = 200
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Upload:
    """An open file that belongs to whoever asked for it, who closes it when the work on it is over.

    ``name`` is what the client calls it, any text up to 200 characters; ``size`` is in bytes, without the prefix.
    """

    file: BinaryIO
    name: str
    size: int

    @property
    def media(self) -> DescriptorMedia:
        return DescriptorMedia(self.file.fileno(), self.name)

    def close(self) -> None:
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class UploadRequest(Request):
    """A request whose files go to the spool, and whose malformed forms are errors, not empty forms."""

    prefix: Prefix | None = None
    taken: FileStorage | None = None

    def make_form_data_parser(self) -> FormDataParser:
        return _FormParser(services().settings.uploads, self._get_file_stream, self.parameter_storage_class)

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        with _DiskErrors():
            file = SpoolFile(unnamed_file(), services().settings.uploads.max_bytes, self.prefix)
        return cast("IO[bytes]", file)

    def close(self) -> None:
        """Flask calls it at the end of the view; what was taken out may be needed longer."""
        for file in self.__dict__.get("files", {}).values():
            if file is not self.taken:
                file.close()


def uploaded_file(request: Request, name: str = "file") -> Upload:
    """Take the file of this field out of the request.

    Raises ``ApiError`` about the field: 400 if there is no file or text in its place, 415 if the body is no form; and
    what parsing the form raises: 400 ``invalid_multipart``, 413, 507.
    """
    assert isinstance(request, UploadRequest)
    file = request.files.get(name)
    if file is None:
        raise _no_file(request, name)
    request.taken = file
    stream = cast("SpoolFile", file.stream)
    stream.fill_prefix()
    return Upload(stream.file, (file.filename or "upload")[:_LONGEST_NAME], stream.size)


def prefix_upload(request: Request, prefix: Prefix) -> None:
    """Have the prefix written before the bytes of what is uploaded; to be called before the form is looked at."""
    assert isinstance(request, UploadRequest)
    request.prefix = prefix


def too_large(limit: int) -> ApiError:
    """``limit`` in bytes."""
    return ApiError(
        413,
        f"The file is larger than the {limit} bytes that this server takes; send its sound alone.",
        param="file",
    )


class SpoolFile:
    """What Werkzeug writes a part to."""

    def __init__(self, file: BinaryIO, limit: int, prefix: Prefix | None) -> None:
        self.file = file
        self.size = 0
        self._limit = limit
        self._prefix = prefix
        self._start = len(prefix(0)) if prefix else 0
        file.seek(self._start)

    def write(self, data: bytes) -> int:
        if self.size + len(data) > self._limit:
            self.close()
            raise too_large(self._limit)
        with _DiskErrors():
            write_all(self.file, data)
        self.size += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self.file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        return self.file.read(size)

    def fill_prefix(self) -> None:
        if self._prefix:
            with _DiskErrors():
                os.pwrite(self.file.fileno(), self._prefix(self.size), 0)

    def close(self) -> None:
        self.file.close()


class _FormParser(FormDataParser):
    """``stream_factory`` makes the files; counts how much of the form is held in memory."""

    def __init__(self, settings: UploadSettings, stream_factory: Any, cls: Any) -> None:
        super().__init__(
            stream_factory, settings.field_bytes, None, cls, silent=False, max_form_parts=settings.form_parts
        )
        self._settings = settings

    def parse(self, stream: IO[bytes], *arguments: Any, **named: Any) -> Any:
        try:
            return super().parse(stream, *arguments, **named)
        except ValueError as error:
            raise ApiError(
                400,
                "The body is no well-formed multipart/form-data: it ends early, its boundary is missing or not "
                "that of the header, or a part's header is malformed.",
                param="file",
                code="invalid_multipart",
            ) from error
        except RequestEntityTooLarge as error:
            raise ApiError(
                413,
                f"The form has more than {self._settings.form_parts} parts, or fields of more than "
                f"{self._settings.field_bytes} bytes; a file needs a filename.",
                code="form_too_large",
            ) from error

    def _parse_multipart(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str]
    ) -> Any:
        if not (boundary := options.get("boundary", "").encode("ascii")):
            raise ValueError("no boundary")
        source = _Source(stream, self._settings.form_bytes)
        files: list[SpoolFile] = []

        def make_file(**about: Any) -> SpoolFile:
            if len(files) == _MOST_FILES:
                raise ApiError(
                    413, f"A form may have {_MOST_FILES} files at most; send one.", param="file", code="form_too_large"
                )
            files.append(self.stream_factory(**about))  # type: ignore[arg-type]
            source.files = files
            return files[-1]

        parser = _PartParser(
            cast("Any", make_file), self.max_form_memory_size, self.cls, max_form_parts=self.max_form_parts
        )
        try:
            form, parsed = parser.parse(cast("IO[bytes]", source), boundary, content_length)
        except BaseException:
            for file in files:
                file.close()
            raise
        return stream, form, parsed


class _PartParser(MultiPartParser):
    def get_part_charset(self, headers: Headers) -> str:
        """Called with each field that is no file: a line break in a file's name makes it one, with half a header."""
        quotes = headers["Content-Disposition"].replace(r"\"", "").count('"')
        if quotes % 2 or not all(_TOKEN.fullmatch(name) for name, _ in headers):
            raise ValueError("a malformed header")
        return super().get_part_charset(headers)


class _Source:
    """The body, as long as no more than ``limit`` bytes of it went elsewhere than into files."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._read = 0
        self.files: list[SpoolFile] = []

    def read(self, size: int) -> bytes:
        if self._read - sum(file.size for file in self.files) > self._limit:
            raise RequestEntityTooLarge
        data = self._stream.read(size)
        self._read += len(data)
        return data


class _DiskErrors:
    """A full disk becomes 507, which clients may try again."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise no_disk(NO_ROOM) from error


def _no_file(request: Request, name: str) -> ApiError:
    if request.mimetype not in ("multipart/form-data", "application/x-www-form-urlencoded", ""):
        return ApiError(415, "This kind of body is not understood; send the file as multipart/form-data.", param=name)
    if name in request.form:
        return ApiError(
            400,
            f"Expected “{name}” to be a file, got text: send it as a part with a filename (curl: -F {name}=@talk.mp3).",
            param=name,
            code="invalid_value",
        )
    return ApiError(
        400,
        f"There is no file in the request; send it as the part “{name}” of a form (multipart/form-data).",
        param=name,
        code="missing_required_parameter",
    )
