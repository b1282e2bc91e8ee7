"""This file is where a request is judged before anything acts on it: origin, shape, way back."""

import json
from collections.abc import Mapping
from math import isfinite
from types import NoneType
from typing import Any
from urllib.parse import urlsplit

HOME = "/"
# What a browser can have under these names; a missing value is None.
KINDS: dict[str, tuple[type, ...]] = {
    "n_clicks": (int, NoneType),
    "n_intervals": (int, NoneType),
    "pathname": (str,),
    "search": (str,),
    "href": (str, NoneType),
    "hash": (str, NoneType),
    "is_open": (bool, NoneType),
    "filename": (str, list, NoneType),
    "contents": (str, list, NoneType),
}
BEGINNINGS = {"pathname": "/", "search": "?"}
Callbacks = Mapping[str, Mapping[str, Any]]


def is_cross_site(headers: Mapping[str, str]) -> bool:
    """Whether another site's page made the browser send this (cookies would come along)."""
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != headers.get("host")


def safe_next(path: str | None) -> str:
    """Where to go after sign-in: a path of this site, else the start page."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")):
        return HOME
    parts = urlsplit(path)
    unsafe = "\\" in path or any(ord(letter) < 33 or ord(letter) == 127 for letter in path)
    return HOME if parts.scheme or parts.netloc or unsafe else path


def is_callback_body(body: bytes, callbacks: Callbacks) -> bool:
    """Whether Dash can make sense of this callback request; what it cannot would be a 500.

    `callbacks` is Dash's own map; what is sent must name the inputs and state written there.
    """
    request = _read(body)
    if not isinstance(request, dict) or not isinstance(request.get("output"), str):
        return False
    known = callbacks.get(request["output"])
    if known is None or not isinstance(request.get("inputs"), list):
        return False
    changed = request.get("changedPropIds", [])
    return (
        _names(request["inputs"]) == _known(known["inputs"])
        and _names(request.get("state", [])) == _known(known["state"])
        and isinstance(changed, list)
        and all(isinstance(name, str) for name in changed)
        and _has_outputs(request)
    )


def _read(body: bytes) -> Any:
    """JSON as its standard has it, and as it can be written again; None for anything else."""
    try:
        request = json.loads(body, parse_constant=_refuse, parse_float=_finite)
        if b"\\u" in body:
            # Half of a surrogate pair has no UTF-8.
            json.dumps(request, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return request


def _refuse(name: str) -> float:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    return number if isfinite(number) else _refuse(text)


def _known(properties: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(each["id"], each["property"]) for each in properties]


def _names(properties: Any) -> list[tuple[str, str]] | None:
    if not isinstance(properties, list):
        return None
    if not all(_is_property(value) for value in properties):
        return None
    return [(value["id"], value["property"]) for value in properties]


def _is_property(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("id"), str)
        and isinstance(value.get("property"), str)
        and isinstance(value.get("value"), KINDS.get(value["property"], object))
        and _is_of_an_address(value["property"], value.get("value"))
    )


def _is_of_an_address(name: str, value: Any) -> bool:
    """Browsers begin these so, and write what cannot be printed as %00."""
    if name not in BEGINNINGS:
        return True
    begins = value.startswith(BEGINNINGS[name]) or (name == "search" and value == "")
    return begins and not any(ord(letter) < 32 or ord(letter) == 127 for letter in value)


def _has_outputs(request: dict[str, Any]) -> bool:
    outputs = request.get("outputs")
    named = _names(outputs if isinstance(outputs, list) else [outputs])
    expected: list[str] = request["output"].strip(".").split("...")
    return named is not None and [f"{name}.{prop}" for name, prop in named] == expected
