"""Drives the ``openai`` package that it finds: one order a line on standard input, one answer a line on its output.

``clients.py`` writes the orders and reads the answers; ``node/client.mjs`` does the same for Node. The calls are those
that a user writes; what went over the wire is noted beside them.
"""

import asyncio
import io
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai

Order = dict[str, Any]


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        answer = asyncio.run(_in_parallel(order["parallel"])) if "parallel" in order else _answer(order)
        print(json.dumps(answer), flush=True)  # noqa: T201


class Wire:
    """The exchanges of one call."""

    def __init__(self) -> None:
        self.responses: list[Any] = []

    def see(self, response: Any) -> None:
        self.responses.append(response)

    async def see_later(self, response: Any) -> None:
        self.responses.append(response)

    def noted(self) -> Order:
        if not self.responses:
            return {"attempts": 0, "status": None, "headers": {}, "raw": ""}
        last = self.responses[-1]
        raw = last.content.decode() if last.is_stream_consumed and hasattr(last, "_content") else ""
        return {
            "attempts": len(self.responses),
            "status": last.status_code,
            "headers": dict(last.headers),
            "raw": raw,
        }


def _answer(order: Order) -> Order:
    wire = Wire()
    http_client = openai.DefaultHttpxClient(event_hooks={"response": [wire.see]})
    with openai.OpenAI(http_client=http_client, **_options(order)) as client:
        try:
            found = _call(client, order)
            if order["arguments"].get("stream") is True:
                events = _events(found, order.get("take"))
                return wire.noted() | events
            return wire.noted() | _value(found)
        except openai.OpenAIError as error:
            return wire.noted() | _error(error)


async def _in_parallel(orders: list[Order]) -> list[Order]:
    return await asyncio.gather(*map(_answer_later, orders))


async def _answer_later(order: Order) -> Order:
    wire = Wire()
    http_client = openai.DefaultAsyncHttpxClient(event_hooks={"response": [wire.see_later]})
    async with openai.AsyncOpenAI(http_client=http_client, **_options(order)) as client:
        try:
            found = await _call(client, order)
            return wire.noted() | _value(found)
        except openai.OpenAIError as error:
            return wire.noted() | _error(error)


def _options(order: Order) -> Order:
    return {"max_retries": 0, "_strict_response_validation": True, **order["client"]}


def _call(client: Any, order: Order) -> Any:
    match order["call"]:
        case "models":
            return client.models.list()
        case "model":
            return client.models.retrieve(order["name"])
        case "transcribe":
            create = client.audio.transcriptions.create
        case "translate":
            create = client.audio.translations.create
    extra = {"extra_body": order["extra"]} if order["extra"] else {}
    return create(file=_file(order["file"]), **order["arguments"], **extra)


def _file(file: Order) -> Any:
    path = Path(file["path"])
    match file["how"]:
        case "as documented":
            return path.open("rb")
        case "path":
            return path
        case "bytes":
            return path.read_bytes()
        case "stream":
            return io.BytesIO(path.read_bytes())
        case "named":
            return (file["name"], path.read_bytes(), *([file["type"]] if file.get("type") else []))
    raise ValueError(file["how"])


def _value(found: Any) -> Order:
    if isinstance(found, str):
        return {"type": "str", "value": found}
    if hasattr(found, "data") and isinstance(found.data, list):
        return {"type": type(found).__name__, "value": [model.model_dump(mode="json") for model in found.data]}
    return {"type": type(found).__name__, "value": found.model_dump(mode="json"), "request_id": found._request_id}


def _events(stream: Iterator[Any], take: int | None) -> Order:
    begin, events = time.monotonic(), []
    try:
        for event in stream:
            value = event.model_dump(mode="json", exclude_unset=True)
            events.append({"type": type(event).__name__, "at": time.monotonic() - begin, "value": value})
            if len(events) == take:
                stream.close()  # type: ignore[attr-defined]
                break
    except openai.OpenAIError as error:
        return {"events": events} | _error(error)
    return {"events": events}


def _error(error: openai.OpenAIError) -> Order:
    names = ("message", "param", "code", "type", "request_id", "body")
    fields = {name: getattr(error, name, None) for name in names}
    return {"error": {"name": type(error).__name__, "cause": repr(error.__cause__), **fields}}


if __name__ == "__main__":
    main()
