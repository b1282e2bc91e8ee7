"""This file is where the connection to a provider is made, and its answers are kept to a size."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx

from pipeline.settings import LOOPBACK
from pipeline.tls import trust_for

# Twenty messages of a hundred conversations are a fifth of it.
LARGEST_ANSWER_BYTES = 16 * 2**20


class AnswerTooLargeError(httpx.ReadError):
    """More came than any answer has, or it came packed, so that nobody knows how much it is."""


def provider_http(url: str, limits: httpx.Limits | None = None) -> httpx.AsyncClient:
    """The client for a provider; no proxy stands between this machine and itself.

    Every answer beyond LARGEST_ANSWER_BYTES raises AnswerTooLargeError, before it fills the memory.
    """
    return httpx.AsyncClient(
        limits=limits or httpx.Limits(),
        trust_env=urlsplit(url).hostname not in LOOPBACK,
        verify=trust_for(url),
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [_cap]},
    )


async def _cap(response: httpx.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise AnswerTooLargeError("The answer is packed.", request=response.request)
    if isinstance(response.stream, httpx.AsyncByteStream):
        response.stream = _Capped(response.stream)


class _Capped(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        room = LARGEST_ANSWER_BYTES
        async for part in self._stream:
            room -= len(part)
            if room < 0:
                raise AnswerTooLargeError("The answer is too large.")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()
