"""This file is where Prometheus reads numbers: this process's own, and the sums of everybody."""

import asyncio
import hmac
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.channel import Channels
from api.refusals import refusal, unauthorized
from pipeline.clients import user_client
from pipeline.feed import Feed, FeedError
from pipeline.readings import MOMENTS
from pipeline.settings import Settings

Row = dict[str, Any]
PREFIX = "stagelight_"
# Durations are counted in buckets of a fifth (sql/parts/800_views.sql); these edges are told.
EDGES = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400)
# paused: by their owner; waiting: Facebook asked us to; the next two are stopped by Facebook.
PAGE_STATES = ("active", "paused", "waiting", "token_invalid", "restricted", "disconnected")
SMALLEST, GROWTH = 0.01, 1.2
# Who asked for a view within this time is looking at it.
WATCHING_SECONDS = 5.0
# A scraper gives up after ten seconds, and then knows not even that the database is away.
ASK_SECONDS = 2.5


class Requests:
    """How many requests of which kind were answered with which status."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, int]] = Counter()

    def note(self, path: str, status: int) -> None:
        """One more."""
        self.counts[kind_of(path), status] += 1


def kind_of(path: str) -> str:
    """Few kinds, whatever is asked for."""
    for start, kind in (("/_dash-update", "callback"), ("/api/", "api"), ("/assets/", "asset")):
        if path.startswith(start):
            return kind
    return "asset" if path.startswith("/_dash") else "page"


class Metrics:
    """GET /metrics for the holder of METRICS_TOKEN."""

    def __init__(
        self, settings: Settings, http: httpx.AsyncClient, channels: Channels, requests: Requests
    ) -> None:
        self._token = settings.metrics_token
        self._feed: Callable[[], Feed] = lambda: Feed(user_client(settings, http, ""))
        self._channels = channels
        self._requests = requests

    @property
    def routes(self) -> list[Route]:
        """What the server adds to its own."""
        return [Route("/metrics", self.tell, methods=["GET"])]

    async def tell(self, request: Request) -> Response:
        """Prometheus' text format; without the database, what this process knows itself."""
        if not self._token:
            return refusal(404, "Set METRICS_TOKEN to have metrics.")
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(shown.strip().encode(), self._token.encode())
        if scheme.lower() != "bearer" or not right:
            return unauthorized("Show METRICS_TOKEN as a bearer token.")
        try:
            async with asyncio.timeout(ASK_SECONDS):
                sums = await self._feed().metrics(self._token)
        except (FeedError, TimeoutError):
            sums = None
        lines = [*self._own(), *(told_by_database(sums) if sums else [])]
        lines += family("database_up", "gauge", {"": int(sums is not None)})
        return PlainTextResponse(
            "\n".join(lines) + "\n", media_type="text/plain; version=0.0.4; charset=utf-8"
        )

    def _own(self) -> Iterator[str]:
        yield from family(
            "http_requests_total",
            "counter",
            {
                f'kind="{kind}",status="{status}"': number
                for (kind, status), number in sorted(self._requests.counts.items())
            },
        )
        yield from family("streams", "gauge", {"": self._channels.streams()})
        watched = MOMENTS.taken_within(WATCHING_SECONDS)
        yield from family("watched_views", "gauge", {"": len(watched)})
        yield from family("viewers", "gauge", {"": sum(watched)})
        oldest = self._channels.oldest_reading()
        streamed = time.time() - oldest if oldest else 0.0
        age = max(streamed, MOMENTS.oldest_age())
        yield from family("snapshot_age_seconds", "gauge", {"": age})


def told_by_database(sums: Row) -> Iterator[str]:
    """Sums over all owners, as public.metrics answers them."""
    stages = sums["stages"] or {}
    contacts = {f'stage="{stage}"': row["contacts"] for stage, row in stages.items()}
    ages = {
        f'stage="{stage}"': row["oldest_seconds"]
        for stage, row in stages.items()
        if row["oldest_seconds"] is not None
    }
    yield from family("contacts", "gauge", contacts)
    yield from family("queue_age_seconds", "gauge", ages)
    yield from family("contacts_lost", "gauge", {"": sums["lost"]})
    pages = dict.fromkeys(PAGE_STATES, 0)
    pages |= sums["pages"] or {}
    yield from family("pages", "gauge", {f'state="{name}"': n for name, n in pages.items()})
    yield from family("workers", "gauge", {"": sums["workers"]})
    yield from family("receivers", "gauge", {"": sums["receivers"]})
    totals = sums["totals"] or []
    moves: Counter[str] = Counter()
    for stage, _, entered, _, _ in totals:
        moves[f'stage="{stage}"'] += entered
    yield from family("stage_transitions_total", "counter", moves)
    yield from histogram("stage_seconds", totals)


def histogram(name: str, totals: list[list[Any]]) -> Iterator[str]:
    """How long contacts had stayed in a stage when they left it."""
    yield f"# TYPE {PREFIX}{name} histogram"
    for stage in sorted({row[0] for row in totals}):
        rows = [row for row in totals if row[0] == stage]
        label, count = f'stage="{stage}"', sum(row[3] for row in rows)
        for edge in EDGES:
            # A bucket that reaches over the edge is counted beyond it.
            below = sum(row[3] for row in rows if end_of(row[1]) <= edge)
            yield f'{PREFIX}{name}_bucket{{{label},le="{edge:g}"}} {below}'
        yield f'{PREFIX}{name}_bucket{{{label},le="+Inf"}} {count}'
        yield f"{PREFIX}{name}_sum{{{label}}} {sum(row[4] for row in rows):.3f}"
        yield f"{PREFIX}{name}_count{{{label}}} {count}"


def end_of(bucket: int) -> float:
    """The longest duration in a bucket, in seconds."""
    return SMALLEST * math.pow(GROWTH, bucket)


def family(name: str, kind: str, values: dict[str, Any]) -> Iterator[str]:
    """One metric; the keys are its labels as they are written."""
    yield f"# TYPE {PREFIX}{name} {kind}"
    for labels, value in values.items():
        number = f"{value:.3f}" if isinstance(value, float) else value
        yield f"{PREFIX}{name}{{{labels}}} {number}" if labels else f"{PREFIX}{name} {number}"
