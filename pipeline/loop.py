"""This file is where the worker's event loop is chosen."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
new_event_loop: Callable[[], asyncio.AbstractEventLoop] | None = None
try:
    import uvloop
except ImportError:  # There is none for Windows.
    pass
else:
    new_event_loop = uvloop.new_event_loop


def run(work: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, on the loop that costs least."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)
