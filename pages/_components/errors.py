"""This file is where an error of a callback becomes a sentence on the page."""

import logging
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


def toast(
    message: str, hint: str = "", *, bad: bool = False, action: dict[str, Any] | None = None
) -> None:
    """Shows one short result; screen readers hear it.

    `action` is a button: its `word`, for how many `seconds`, and which `store` gets which `data`.
    """
    told = {"message": message, "hint": hint, "bad": bad, "action": action}
    set_props("toast", {"data": told})
