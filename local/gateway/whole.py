"""This file is where a connection is closed that keeps a request's head or body waiting."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

SECONDS = 20.0
LARGEST_HEAD = 128 << 10


class WholeRequests(HttpToolsProtocol):
    """uvicorn's protocol, which by itself waits for ever and for any length."""

    seconds = SECONDS
    _timer: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head += len(data)
        super().data_received(data)
        if self._timer is not None and self._head > LARGEST_HEAD:
            self.send_400_response("Request head too large.")

    def on_message_begin(self) -> None:
        if self._timer is None:
            self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        # From here on `read_body` counts.
        self._head = -(1 << 62)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._head = 0
        self._wait_no_more()
        super().on_message_complete()

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self.seconds, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
