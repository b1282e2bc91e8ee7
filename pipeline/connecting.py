"""This file is where a token is checked against Facebook before it is stored, sealed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.page_actions import PageActions
from pipeline.ports import GraphError, MessengerError
from pipeline.steps.read_trouble import refused_subscription
from pipeline.steps.verdicts import CHECKPOINT, EXPIRED, PERMISSION, TOKEN, classify
from pipeline.vault import Vault

NEEDED = ("pages_messaging", "pages_manage_metadata", "pages_read_engagement")
LISTING = "pages_show_list"
# Facebook's own names of the task; older answers have the second one.
MAY_WRITE = frozenset({"MESSAGING", "MESSAGE"})
SHORTEST, LONGEST = 10, 2000
SHORT_LIVED_SECONDS = 86_400
KEPT = "Nothing was stored, and what you typed is still here. Try again in a moment."
LONG_LIVED = (
    "Make a long-lived one: open it in Facebook's Access Token Debugger, choose "
    "“Extend Access Token”, and paste the new one."
)


class ConnectError(Exception):
    """The page was not connected; `field` is where the sentence belongs: token, page_id, form."""

    def __init__(self, field: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Known:
    """What Facebook says of a token; `kind` is PAGE, USER or empty, `scopes` None if it is mum."""

    kind: str = ""
    scopes: Sequence[str] | None = None
    expires_at: float = 0


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A page that a token opens."""

    id: str
    name: str
    token: str = field(repr=False)
    may_write: bool = True


@dataclass(frozen=True, slots=True)
class Connected:
    """A page that is connected; `problem` says why Facebook does not tell of its messages."""

    page_id: str
    name: str
    problem: str = ""


class Directory(Protocol):
    """Facebook's word on tokens and pages; every method may raise MessengerError."""

    async def me(self, token: str) -> FoundPage:
        """Whose the token is."""
        ...

    async def known(self, token: str) -> Known:
        """What kind it is, what is granted, when it ends."""
        ...

    async def pages(self, token: str) -> list[FoundPage] | None:
        """The pages of a person, each with a token of its own; None for a page's token."""
        ...

    async def look_into(self, page_id: str, token: str) -> None:
        """Reads one conversation, to see whether it may."""
        ...

    async def subscribe(self, page_id: str, token: str) -> None:
        """Has Facebook tell of the page's messages."""
        ...


class Connector:
    """Connects pages for whoever is signed in; no token is kept, shown or logged here."""

    def __init__(
        self, directory: Directory, vault: Vault, now: Callable[[], float] = time.time
    ) -> None:
        self._directory = directory
        self._vault = vault
        self._now = now

    async def connect(
        self, feed: PageActions, token: str, page_id: str
    ) -> Connected | list[FoundPage]:
        """The connected page, or the pages to choose from. Raises ConnectError and FeedError."""
        bare = plausible(token)
        if page_id and not page_id.isdigit():
            raise ConnectError("page_id", "A page's id has digits only, such as 104200000000001.")
        try:
            found = await self._find(bare, page_id)
            if isinstance(found, list):
                return found
            await self._check(found)
        except MessengerError as error:
            raise told(error) from None
        stored = await feed.connect_page(found.id, found.name, self._vault.seal(found.token))
        problem = await self._subscribe(found)
        await feed.note_subscription(stored, problem or None)
        return Connected(stored, found.name, problem)

    async def _find(self, token: str, page_id: str) -> FoundPage | list[FoundPage]:
        who = await self._directory.me(token)
        known = await self._known(token)
        self._refuse_short_lived(known)
        pages = None if known.kind == "PAGE" else await self._directory.pages(token)
        if pages is None:
            if page_id not in ("", who.id):
                raise ConnectError(
                    "page_id",
                    f"This token is for “{who.name}” ({who.id}), not for {page_id}.",
                    "Take the token of the page you mean, or its id.",
                )
            refuse_missing(known, NEEDED)
            return FoundPage(who.id, who.name, token)
        refuse_missing(known, (LISTING, *NEEDED))
        return chosen_of(pages, page_id)

    async def _known(self, token: str) -> Known:
        """Not every app may ask about every token; then what it opens is tried instead."""
        try:
            return await self._directory.known(token)
        except GraphError as error:
            verdict = classify(error)
            if verdict.pauses_page or verdict in (TOKEN, EXPIRED, CHECKPOINT):
                raise
            return Known()

    def _refuse_short_lived(self, known: Known) -> None:
        left = known.expires_at - self._now()
        if known.expires_at and left < SHORT_LIVED_SECONDS:
            hours = max(round(left / 3600), 0)
            ends = f"in about {hours} h" if hours else "within the hour"
            raise ConnectError("token", f"This token ends {ends}; sending would stop.", LONG_LIVED)

    async def _check(self, page: FoundPage) -> None:
        """The page's own token opens what the worker will need, whatever was said of it."""
        if not page.may_write:
            raise ConnectError(
                "token",
                f"This person may not write messages for “{page.name}”.",
                "A person with the page's messaging task must make the token.",
            )
        owner = await self._directory.me(page.token)
        if owner.id != page.id:
            raise ConnectError("token", "Facebook gave a token of another page.", "Try again.")
        await self._directory.look_into(page.id, page.token)

    async def _subscribe(self, page: FoundPage) -> str:
        try:
            await self._directory.subscribe(page.id, page.token)
        except MessengerError as error:
            return refused_subscription(error)
        return ""


def plausible(token: str) -> str:
    """The token without white space around it. Raises ConnectError for what cannot be one."""
    bare = token.strip()
    if not bare:
        raise ConnectError("token", "Paste a token.")
    fits = SHORTEST <= len(bare) <= LONGEST and bare.isascii() and bare.isprintable()
    if not fits or " " in bare:
        raise ConnectError(
            "token", "This is not a token of Facebook's.", "Copy it whole, without other words."
        )
    return bare


def refuse_missing(known: Known, needed: Sequence[str]) -> None:
    """Raises ConnectError naming every permission that was not granted."""
    if known.scopes is None:
        return
    missing = [scope for scope in needed if scope not in known.scopes]
    if missing:
        word, them = ("permission", "it") if len(missing) == 1 else ("permissions", "them")
        raise ConnectError(
            "token",
            f"The token lacks the {word} {', '.join(missing)}.",
            f"Grant {them} to the app when the token is made, then paste the new one.",
        )


def chosen_of(pages: list[FoundPage], page_id: str) -> FoundPage | list[FoundPage]:
    """The page with this id; without one, all to choose from. Raises ConnectError."""
    if not pages:
        raise ConnectError(
            "token",
            "This person has no page that the app may see.",
            "Choose the page when Facebook asks what the app may see, then paste the new token.",
        )
    if not page_id:
        return pages
    chosen = next((page for page in pages if page.id == page_id), None)
    if chosen is None:
        raise ConnectError(
            "page_id",
            f"This person has no page {page_id} that the app may see.",
            "Leave the id empty to choose from the pages there are.",
        )
    return chosen


def told(error: MessengerError) -> ConnectError:
    """What went wrong at Facebook, as a sentence beside the field."""
    if not isinstance(error, GraphError):
        return ConnectError("form", str(error), KEPT)
    verdict = classify(error)
    if "appsecret_proof" in error.message:
        return ConnectError(
            "token",
            "This token belongs to another app.",
            "Make it with the app whose secret is FACEBOOK_APP_SECRET.",
        )
    sentences = {
        TOKEN: (
            "token",
            "Facebook does not accept this token.",
            "Copy it whole, or make a new one.",
        ),
        EXPIRED: ("token", "This token has expired.", LONG_LIVED),
        CHECKPOINT: ("token", CHECKPOINT.message, "Log in on facebook.com, then make a new token."),
        PERMISSION: (
            "token",
            "The token may not read this page's conversations.",
            f"It needs {', '.join(NEEDED)}.",
        ),
    }
    if verdict.pauses_page:
        return ConnectError("form", "Facebook asks us to wait.", KEPT)
    if verdict in sentences:
        return ConnectError(*sentences[verdict])
    return ConnectError("form", f"Facebook could not check the token (error {error.code}).", KEPT)
