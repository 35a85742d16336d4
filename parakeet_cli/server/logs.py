"""What the server writes to stderr: a line for each request and for each thing worth telling, as text or as JSON.

Never a transcript, a key, the whole id of a job, or a query; names and paths are escaped.
"""

import json
import logging
import re
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from parakeet_cli.display import display
from parakeet_cli.server.tasks import Answered

__all__ = ["log_request", "set_up_logs", "tell"]

_LOG = logging.getLogger("parakeet_cli.server.requests")
_LONGEST = 200
"""Characters of a path."""
_JOB_ID = re.compile(r"(job_[\w-]{4})[\w-]+")
"""Whoever knows all of it may read the transcript."""


def set_up_logs(*, as_json: bool) -> None:
    """Of the whole process, which is a server's."""
    logging.raiseExceptions = False  # a reader of stderr that has left is no reason to talk about it
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if as_json else _TextLines())
    logging.getLogger().handlers = [handler]
    _LOG.setLevel(logging.INFO)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a full queue is told by metrics and by 503


def log_request(answered: Answered) -> None:
    facts: dict[str, Any] = asdict(answered)
    facts["path"] = display(_JOB_ID.sub(r"\1***", answered.path)[:_LONGEST])
    facts["seconds"] = round(answered.seconds, 3)
    del facts["route"]
    line = "{client} {method} {path} {status} {seconds:.3f}s {received}B {request_id}".format_map(facts)
    _LOG.info("%s", line, extra={"event": "request", "facts": facts})


def tell(event: str, message: str, **facts: object) -> None:
    """Something that whoever runs the server wants to know."""
    _LOG.info("%s", message, extra={"event": event, "facts": {"message": message, **facts}})


class _TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = display(record.getMessage())
        if record.levelno > logging.INFO:
            text = f"{record.levelname.lower()}: {text}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return f"{_time(record)} {text}"


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event = getattr(record, "event", record.levelname.lower())
        facts = getattr(record, "facts", {"message": display(record.getMessage())})
        line = {"event": event, "time": _time(record), **facts}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False).encode(errors="backslashreplace").decode()


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
