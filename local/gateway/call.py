"""This file is where a REST request's method, headers and body become one Call."""

import json
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from starlette.requests import Request

from local.gateway.catalog import Catalog
from local.gateway.config import Config
from local.gateway.errors import ApiError, not_implemented
from local.gateway.media import Media, choose_media
from local.gateway.tokens import Claims

READS = ("GET", "HEAD")
CHOICES = {
    "resolution": {"merge-duplicates", "ignore-duplicates"},
    "missing": {"default", "null"},
    "return": {"representation", "minimal", "headers-only"},
    "count": {"exact", "planned", "estimated"},
    "tx": {"commit", "rollback"},
    "handling": {"strict", "lenient"},
}
LATER = {("return", "headers-only"), ("count", "planned"), ("count", "estimated")}


@dataclass(frozen=True, slots=True)
class Call:
    """One request, understood and identified, before anything is known of its table or function."""

    method: str
    path: str
    name: str
    schema: str
    claims: Claims
    preferences: Mapping[str, str]
    invalid_preferences: tuple[str, ...]
    media: Media
    parameters: tuple[tuple[str, str | None], ...]
    body: bytes
    headers: Mapping[str, str]
    cookies: Mapping[str, str]

    @property
    def role(self) -> str:
        return str(self.claims["role"])

    @property
    def reads(self) -> bool:
        return self.method in READS

    @property
    def counts(self) -> bool:
        return "count" in self.preferences

    @property
    def wants_rows(self) -> bool:
        return self.preferences.get("return") == "representation"

    @property
    def max_affected(self) -> int | None:
        """How many rows a write may touch; it counts with handling=strict only, as in PostgREST."""
        if self.preferences.get("handling") != "strict":
            return None
        text = self.preferences.get("max-affected", "")
        return int(text.replace(" ", "")) if text else None

    @property
    def location(self) -> str:
        """The path and the query string in one order, whatever order they were asked in."""
        given: dict[str, list[str]] = {}
        for name, text in sorted(self.parameters, key=lambda pair: pair[0]):
            given.setdefault(_doubly(name), []).append(_doubly(text or ""))
        query = "&".join(f"{name}={','.join(texts)}" for name, texts in given.items())
        path = f"/{self.name}".encode().decode("latin-1")
        return f"{path}?{query}" if query else path

    def refuse_invalid_preferences(self) -> None:
        """Raises ApiError 400 for what means nothing, when the caller is strict about it."""
        if self.invalid_preferences and self.preferences.get("handling") == "strict":
            details = "Invalid preferences: " + ", ".join(self.invalid_preferences)
            message = "Invalid preferences given with handling=strict"
            raise ApiError(400, "PGRST122", message, details)

    def settings(
        self, config: Config, catalog: Catalog, lifted: Mapping[str, str]
    ) -> dict[str, str]:
        """What the transaction is told, all of it LOCAL, in PostgREST's order (PreQuery.hs)."""
        path = dict.fromkeys((self.schema, *config.extra_search_path))
        quoted = ('"' + name.replace('"', '""') + '"' for name in path)
        headers = {name: value for name, value in self.headers.items() if name != "cookie"}
        zone = self.preferences.get("timezone")
        return {
            "search_path": ", ".join(quoted),
            **catalog.role_settings.get(self.role, {}),
            "role": self.role,
            "request.jwt.claims": json.dumps(self.claims),
            "request.method": self.method,
            "request.path": self.path,
            "request.headers": json.dumps(headers),
            "request.cookies": json.dumps(self.cookies),
            **({} if zone is None else {"timezone": zone}),
            **lifted,
        }


async def read_call(
    request: Request, config: Config, claims: Claims, media_types: frozenset[str], zones: Set[str]
) -> Call:
    """The Call in a request; raises ApiError for what is not understood or not implemented.

    The database may answer in `media_types` of its own, and knows these time `zones`.
    """
    if "range" in request.headers:
        raise not_implemented("the Range header; use limit and offset")
    path = request.scope["path"].removeprefix("/rest/v1")
    preferences, invalid = _preferences(request.headers.getlist("prefer"), zones)
    return Call(
        method=request.method,
        path=path,
        name=request.path_params.get("name", ""),
        schema=_schema(request, config),
        claims=claims,
        preferences=preferences,
        invalid_preferences=tuple(invalid),
        media=choose_media(request.headers.get("accept", "*/*"), media_types),
        parameters=_parameters(request.scope["query_string"]),
        body=await read_body(request, config.body_limit),
        headers=request.headers,
        cookies=request.cookies,
    )


def _parameters(query: bytes) -> tuple[tuple[str, str | None], ...]:
    """Names and values; without an equals sign there is none."""
    pairs = (part.partition("=") for part in re.split("[&;]", query.decode("latin-1")) if part)
    return tuple(
        (_decoded(name), _decoded(text) if equals else None) for name, equals, text in pairs
    )


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode()


def _doubly(text: str) -> str:
    # PostgREST's library takes each byte for a letter.
    return quote(text.encode().decode("latin-1"), safe="")


async def read_body(request: Request, limit: int) -> bytes:
    """The body, or ApiError 413 as soon as it is longer than `limit`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise ApiError(413, "PGRST102", "Request body too large")
    return bytes(body)


def _schema(request: Request, config: Config) -> str:
    header = "accept-profile" if request.method in READS else "content-profile"
    schema = request.headers.get(header, config.schemas[0])
    if schema not in config.schemas:
        hint = "Only the following schemas are exposed: " + ", ".join(config.schemas)
        raise ApiError(406, "PGRST106", f"Invalid schema: {schema}", hint=hint)
    return schema


def _preferences(headers: Sequence[str], zones: Set[str]) -> tuple[dict[str, str], list[str]]:
    """The first of each kind, and those that mean nothing."""
    found: dict[str, str] = {}
    invalid: list[str] = []
    for text in ",".join(headers).split(",") if headers else ():
        name, _, value = text.strip().partition("=")
        if (name, value) in LATER:
            raise not_implemented(f"Prefer: {name}={value}")
        if _is_valid(name, value, zones):
            found.setdefault(name, value)
        elif not text.strip().startswith("max-affected="):
            invalid.append(text.strip())
    return found, invalid


def _is_valid(name: str, value: str, zones: Set[str]) -> bool:
    if name == "max-affected":
        return re.fullmatch(r"\s*-?\s*\d{1,18}\s*", value, re.ASCII) is not None
    return value in zones if name == "timezone" else value in CHOICES.get(name, ())
