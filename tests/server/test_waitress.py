"""The internals of waitress that ``gate`` and ``parser`` build on; a new version that changes them fails here first."""

import inspect
from importlib.metadata import version

from waitress import channel, parser, receiver, server, task, wasyncore
from waitress.adjustments import Adjustments


def test_the_version_is_the_one_that_was_read() -> None:
    assert version("waitress") == "3.0.2"


def test_the_server_asks_its_hooks() -> None:
    assert "self.maintenance(now)" in inspect.getsource(server.BaseWSGIServer.readable)
    assert "self.channel_class(self, conn, addr, self.adj, map=self._map)" in inspect.getsource(
        server.BaseWSGIServer.handle_accept
    )
    assert list(inspect.signature(server.TcpWSGIServer.__init__).parameters)[1:9] == [
        "application",
        "map",
        "_start",
        "_sock",
        "dispatcher",
        "adj",
        "sockinfo",
        "bind_socket",
    ]
    assert list(inspect.signature(server.BaseWSGIServer.add_task).parameters) == ["self", "task"]
    assert list(inspect.signature(wasyncore.loop).parameters) == ["timeout", "use_poll", "map", "count"]


def test_a_channel_makes_its_parser_and_hands_over_under_a_lock() -> None:
    received = inspect.getsource(channel.HTTPChannel.received)
    assert "with self.requests_lock:" in received
    assert "self.request = self.parser_class(self.adj)" in received
    assert "n = self.request.received(data)" in received
    assert "if n >= len(data):" in received
    service = inspect.getsource(channel.HTTPChannel.service)
    assert "if request.error:" in service
    assert "self.error_task_class(self, request)" in service
    assert service.count("request.close()") == 2
    assert "self.close_when_flushed = True" in service
    assert "self.requests.pop(0)\n\n                if self.connected and self.requests:\n" in service
    writing = inspect.getsource(channel.HTTPChannel.handle_write)
    assert writing.rstrip().endswith("if self.will_close:\n            self.handle_close()")
    assert "self.outbuf_lock.notify()" in inspect.getsource(channel.HTTPChannel.handle_close)


def test_a_parser_stops_between_headers_and_body() -> None:
    body = inspect.getsource(parser.HTTPRequestParser.received)
    assert body.index("self.parse_header(header_plus)") < body.index("self.headers_finished = True")
    assert "return consumed" in body
    made = parser.HTTPRequestParser(Adjustments())
    consumed = made.received(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
    assert (consumed, made.headers_finished, made.completed) == (47, True, False)
    assert (made.command, made.path, made.version, made.content_length) == ("POST", "/", "1.1", 3)
    assert made.headers == {"HOST": "a", "CONTENT_LENGTH": "3"}
    made.close()


def test_a_chunked_body_tells_how_much_there_is() -> None:
    made = parser.HTTPRequestParser(Adjustments())
    made.received(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    made.received(b"3\r\nabc\r\n5")
    assert isinstance(made.body_rcv, receiver.ChunkedReceiver)
    assert (len(made.body_rcv), made.body_rcv.control_line, made.body_rcv.trailer) == (3, b"5", b"")
    made.close()


def test_an_error_task_writes_what_it_is_given() -> None:
    execute = inspect.getsource(task.ErrorTask.execute)
    for line in ("self.response_headers.extend(headers)", "self.set_close_on_finish()", "self.write(body)"):
        assert line in execute
    assert 'environ["waitress.client_disconnected"]' in inspect.getsource(task.WSGITask.get_environment)
