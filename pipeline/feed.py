"""This file is where pages read and act: everything a signed-in person may do, decided by RLS."""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import httpx
from postgrest.exceptions import APIError
from supabase import AsyncClient

from pipeline.answers import FeedError, answer, is_uuid
from pipeline.audit_reads import AuditReads
from pipeline.bulk_actions import BulkActions
from pipeline.contact_actions import ContactActions
from pipeline.figures_reads import FiguresReads
from pipeline.history_reads import HistoryReads
from pipeline.page_actions import PageActions
from pipeline.preferences import Preferences
from pipeline.rule_actions import RuleActions
from pipeline.system_reads import SystemReads

Row = dict[str, Any]

__all__ = ["Feed", "FeedError", "signed_in"]

RULE_COLUMNS = (
    "id,name,enabled,include_tags,include_mode,exclude_tags,wait_minutes,max_follow_ups,"
    "daily_limit,active_days,active_from,active_until,time_zone,run_24_7,review_before_send,"
    "stop_on_reply,page_id"
)
MAY_RUN = "The run may have been started; look at the monitor before you press again."
PAGE_COLUMNS = {
    "page_name": "name",
    "page_status": "status",
    "page_reason": "status_reason",
    "paused_until": "paused_until",
    "page_paused_at": "paused_at",
    "page_disconnected_at": "disconnected_at",
    "warning": "warning",
    "warned_at": "warned_at",
}
NO_PAGE = dict.fromkeys(PAGE_COLUMNS)


class Feed(
    RuleActions,
    ContactActions,
    BulkActions,
    HistoryReads,
    PageActions,
    FiguresReads,
    AuditReads,
    Preferences,
    SystemReads,
):
    """What one signed-in person sees and does. Every method may raise FeedError."""

    def __init__(self, client: AsyncClient, email: str = "", person: str = "") -> None:
        super().__init__(client)
        self.email = email
        # Names whose rows these are; what is read for one person is never shown to another.
        self.person = person

    async def automations(self) -> list[Row]:
        """Every rule with its page's name and its numbers of today, by name."""
        rules, stats, pages, quotas = await asyncio.gather(
            self._read("ai_automation_rules", RULE_COLUMNS),
            self._read("automation_live_stats", "*"),
            self.pages(),
            self._call("ai_quota_waits"),
        )
        numbers = {row["rule_id"]: row for row in stats}
        about = {
            page["id"]: {ours: page[column] for ours, column in PAGE_COLUMNS.items()}
            for page in pages
        }
        waits = {rule_id: {"ai_quota_until": ends_at} for rule_id, ends_at in quotas.items()}
        return [
            {
                **numbers.get(rule["id"], {}),
                **rule,
                **about.get(rule["page_id"], NO_PAGE),
                **waits.get(rule["id"], {}),
            }
            for rule in sorted(rules, key=lambda rule: str(rule["name"]).casefold())
        ]

    async def pages(self) -> list[Row]:
        """The connected Facebook pages, by name."""
        found = await self._read(
            "facebook_pages",
            "id,name,facebook_page_id,status,status_reason,paused_until,paused_at,disconnected_at,"
            "warning,warned_at",
        )
        return sorted(found, key=lambda page: str(page["name"]).casefold())

    async def contacts_by_page(self) -> dict[str, int]:
        """How many contacts each page has."""
        found: dict[str, int] = {}
        for page in await self.pages():
            query = self._client.table("contacts").select("id", count="exact", head=True)  # type: ignore[arg-type]
            counted = await answer(query.eq("page_id", page["id"]))
            found[page["id"]] = int(counted.count or 0)
        return found

    async def snapshot(
        self, rule_id: str, stage: str = "", search: str = "", page: tuple[int, int] = (100, 0)
    ) -> Row | None:
        """All that the monitor shows, of one moment; None when there is no such rule for you.

        `page` is how many contacts of the list, after how many. A search may say cause:code.
        """
        if not is_uuid(rule_id):
            return None
        answer = await self._call(
            "monitor_snapshot",
            p_rule_id=rule_id,
            p_stage=stage or None,
            p_search=search or None,
            p_limit=page[0],
            p_offset=page[1],
        )
        return dict(answer) if answer else None

    async def request_run(self, rule_id: str) -> Row:
        """Queues what matches now; says how many."""
        try:
            return dict(await self._call("request_run", p_rule_id=rule_id))
        except FeedError as error:
            if error.in_doubt:
                raise FeedError("The database did not answer in time.", MAY_RUN) from None
            raise

    async def set_rule_enabled(self, rule_id: str, enabled: bool) -> Row:
        """Switches a rule on or off."""
        return dict(await self._call("set_rule_enabled", p_rule_id=rule_id, p_enabled=enabled))

    async def retry_contacts(self, state_ids: Sequence[int]) -> Row:
        """Queues failed or skipped contacts again."""
        return dict(await self._call("retry_contacts", p_state_ids=list(state_ids)))

    async def cancel_contacts(self, state_ids: Sequence[int]) -> Row:
        """Stops contacts that are in flight."""
        return dict(await self._call("cancel_contacts", p_state_ids=list(state_ids)))

    async def timeline(self, state_id: int) -> Row | None:
        """Stages, tries and messages of one contact; None when it is not yours."""
        answer = await self._call("contact_timeline", p_state_id=state_id)
        return dict(answer) if answer else None

    async def approve_message(self, state_id: int, text: str = "") -> Row:
        """Lets a message go out, with `text` in its place if given; says whether, and why not."""
        answer = await self._call("approve_message", p_state_id=state_id, p_text=text or None)
        return dict(answer)

    async def reject_message(self, state_id: int, reason: str = "") -> None:
        """Takes a message out that waits for review."""
        await self._call("reject_message", p_state_id=state_id, p_reason=reason or None)

    async def dry_run(self, rule_id: str) -> Row:
        """Who would get a message now, and why the others would not."""
        return dict(await self._call("dry_run", p_rule_id=rule_id))

    async def import_contacts(self, page_id: str, rows: Sequence[Row]) -> Row:
        """Adds or updates at most 1000 contacts of one page."""
        answer = await self._call("import_contacts", p_page_id=page_id, p_contacts=list(rows))
        return dict(answer)

    async def check_import(self, page_id: str, rows: Sequence[Row]) -> Row:
        """What `import_contacts` would do with the same rows; nothing is written."""
        answer = await self._call("check_import", p_page_id=page_id, p_contacts=list(rows))
        return dict(answer)

    async def is_ready(self) -> str:
        """Empty when the database answers with our tables, else the reason why not."""
        try:
            await self._client.rpc("schema_version").execute()
        except APIError as error:
            return _unready(error)
        except httpx.HTTPError:
            return "Supabase does not answer."
        return ""


signed_in: ContextVar[Feed] = ContextVar("signed_in")


def _unready(error: APIError) -> str:
    if error.code in ("PGRST202", "42883"):
        return "The migration is missing: apply sql/add-automation-monitoring.sql."
    if str(error.code) == "401":
        return "Supabase refuses SUPABASE_PUBLISHABLE_KEY."
    return f"Supabase answers with an error ({error.code})."
