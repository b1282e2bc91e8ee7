"""This file is where an error of a callback becomes a sentence on the page."""

import logging
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any

from dash import set_props

from pipeline.feed import FeedError

log = logging.getLogger(__name__)


def show_error(error: Exception) -> Any:
    """Dash calls this for whatever a callback raised; the outputs stay as they are."""
    if isinstance(error, FeedError):
        if error.signed_out:
            set_props("session", {"href": "/login?expired=1"})
        toast(error.message, error.hint, bad=True)
        return
    log.error("callback failed: %s", type(error).__name__, exc_info=error)
    toast("Something went wrong on our side.", "It was written to the log. Try again.", bad=True)


async def or_problem(asked: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    """The answer, or {"problem": [what went wrong, what to do]}; raises where the session ended."""
    try:
        return await asked
    except FeedError as error:
        if error.signed_out:
            raise
        return {"problem": [error.message, error.hint]}


@contextmanager
def pressed(shown: str) -> Iterator[None]:
    """A press that changes something: without an answer it is told whether it was done.

    `shown` says where that can be seen, as a sentence without its full stop.
    """
    try:
        yield
    except FeedError as error:
        if error.away:
            error.hint = unanswered(shown) if error.in_doubt else UNASKED
        raise


UNASKED = "Nothing was changed. Try again in a moment."


def unanswered(shown: str) -> str:
    """What is true of a press that was asked for and not answered."""
    return f"Nobody knows yet whether it was done. {shown}: look there before you press again."


def before_saving_again(error: FeedError) -> str:
    """What to do first, where a form was not saved for sure."""
    if error.signed_out:
        return "Sign in in another tab, then save again."
    if error.in_doubt:
        return "It may have been saved: look at the list in another tab before you save again."
    return UNASKED if error.away else error.hint


@contextmanager
def problems_as_toasts() -> Iterator[None]:
    """What goes wrong inside is told, and the page goes on; raises where the session ended."""
    try:
        yield
    except FeedError as error:
        if error.signed_out:
            raise
        toast(error.message, error.hint, bad=True)


def toast(
    message: str, hint: str = "", *, bad: bool = False, action: dict[str, Any] | None = None
) -> None:
    """Shows one short result; screen readers hear it.

    `action` is a button: its `word`, for how many `seconds`, and which `store` gets which `data`.
    """
    told = {"message": message, "hint": hint, "bad": bad, "action": action}
    set_props("toast", {"data": told})
