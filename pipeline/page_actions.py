"""This file is where Facebook pages are read, connected and acted on, as the signed-in user."""

from pipeline.answers import Asking, Row


class PageActions(Asking):
    """What a person does to pages. Every method may raise FeedError."""

    async def page_cards(self, *, with_counts: bool) -> list[Row]:
        """Every page with its health, its reading and its automations; contacts where asked."""
        return list(await self._call("page_cards", p_with_counts=with_counts))

    async def connect_page(self, facebook_page_id: str, name: str, sealed_token: str) -> str:
        """Connects a page, or takes it up again, or gives it a new token; says its id."""
        found = await self._call(
            "connect_page",
            p_facebook_page_id=facebook_page_id,
            p_name=name,
            p_encrypted_token=sealed_token,
        )
        return str(found)

    async def note_subscription(self, page_id: str, problem: str | None) -> None:
        """Keeps what Facebook said when it was asked to tell of the page's messages."""
        await self._call("note_subscription", p_page_id=page_id, p_error=problem)

    async def set_page_paused(self, page_id: str, paused: bool) -> None:
        """Pauses or resumes a page; Facebook's own pause stays."""
        await self._call("set_page_paused", p_page_id=page_id, p_paused=paused)

    async def try_page_now(self, page_id: str) -> None:
        """Ends Facebook's pause of a page before its time."""
        await self._call("try_page_now", p_page_id=page_id)

    async def set_page_rate(self, page_id: str, sends_per_minute: int) -> None:
        """How many messages of the page go out in a minute."""
        await self._call("set_page_rate", p_page_id=page_id, p_sends_per_minute=sends_per_minute)

    async def disconnect_page(self, page_id: str) -> None:
        """Deletes the page's token; everything else stays."""
        await self._call("disconnect_page", p_page_id=page_id)

    async def request_sync(self, page_id: str) -> None:
        """Has the page's conversations read now."""
        await self._call("request_sync", p_page_id=page_id)
