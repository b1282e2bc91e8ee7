"""This file is where automations are looked at ahead, kept and deleted, as the signed-in user."""

import asyncio
from typing import Any

from pipeline.answers import Asking, FeedError, Row, answer, is_uuid

SETTINGS = (
    "name,page_id,include_tags,include_mode,exclude_tags,wait_minutes,max_follow_ups,daily_limit,"
    "active_days,active_from,active_until,time_zone,run_24_7,prompt,language,model,"
    "review_before_send,stop_on_reply,run_every_minutes,run_at"
)
# ready_to_send in the order of the monitor: what its index begins with.
READY = 2
GONE = "This automation does not exist."


class RuleActions(Asking):
    """What a person does to automations. Every method may raise FeedError."""

    async def rule_exists(self, rule_id: str) -> bool:
        """Whether there is such an automation for this person."""
        if not is_uuid(rule_id):
            return False
        query = self._client.table("ai_automation_rules").select("id").eq("id", rule_id)
        return bool((await answer(query)).data)

    async def rule(self, rule_id: str) -> Row | None:
        """Every setting of one automation; None when it is not yours."""
        if not is_uuid(rule_id):
            return None
        query = self._client.table("ai_automation_rules").select(
            f"id,enabled,updated_at,{SETTINGS}"
        )
        rows = (await answer(query.eq("id", rule_id))).data
        return dict(rows[0]) if rows else None

    async def create_rule(self, settings: Row) -> Row:
        """A new automation, switched off; says its id."""
        query = self._client.table("ai_automation_rules").insert(settings)
        return dict((await answer(query)).data[0])

    async def change_rule(self, rule_id: str, settings: Row, seen_at: str) -> Row | None:
        """Changes it unless it was changed since `seen_at`: then None, and nothing is written."""
        changes = {name: value for name, value in settings.items() if name != "page_id"}
        query = self._client.table("ai_automation_rules").update(changes)
        rows = (await answer(query.eq("id", rule_id).eq("updated_at", seen_at))).data
        return dict(rows[0]) if rows else None

    async def preview_rule(
        self, settings: Row, reason: str = "", search: str = "", limit: int = 25, offset: int = 0
    ) -> Row:
        """What it would do now if it were on; `settings` over those of the automation `id`."""
        found = await self._call(
            "preview_rule",
            p_rule=settings,
            p_reason=reason or None,
            p_search=search or None,
            p_limit=limit,
            p_offset=offset,
        )
        return dict(found)

    async def run_preview(self, rule_id: str) -> Row:
        """How many contacts "Run now" would queue."""
        return _there(await self._call("run_preview", p_rule_id=rule_id))

    async def deletion_preview(self, rule_id: str) -> Row:
        """What goes with an automation when it is deleted."""
        return _there(await self._call("deletion_preview", p_rule_id=rule_id))

    async def delete_rule(self, rule_id: str) -> Row:
        """Deletes it; for a minute `restore_rule` takes it back."""
        return dict(await self._call("delete_rule", p_rule_id=rule_id))

    async def restore_rule(self, rule_id: str) -> Row:
        """Takes a deletion back."""
        return dict(await self._call("restore_rule", p_rule_id=rule_id))

    async def page_tags(self, page_id: str) -> list[Row]:
        """The tags of a page's contacts, the most used first."""
        return list(await self._call("page_tags", p_page_id=page_id))

    async def request_preview(self, contact_id: str, settings: Row) -> str:
        """Asks a worker for a test message; says the id under which it will be found."""
        answered = await self._call("request_preview", p_contact_id=contact_id, p_rule=settings)
        return str(answered["id"])

    async def read_preview(self, preview_id: str) -> Row | None:
        """A test message as far as it is; None when there is none."""
        query = self._client.table("ai_automation_previews").select(
            "id,taken_at,finished_at,message,ai_model,tokens_in,tokens_out,generation_time_ms,"
            "error_message,error_hint"
        )
        rows = (await answer(query.eq("id", preview_id))).data
        return dict(rows[0]) if rows else None

    async def to_review(self, rule_id: str) -> int:
        """How many messages of an automation wait for a person."""
        query = self._client.table("ai_automation_contact_states").select(
            "id",
            count="exact",  # type: ignore[arg-type]
            head=True,
        )
        query = query.eq("rule_id", rule_id).eq("stage_rank", READY).is_("approved_at", "null")
        return int((await answer(query)).count or 0)

    async def count_reviews(self, rules: list[Row]) -> None:
        """Puts `to_review` into the rules, asked only of those where messages can wait."""
        asked = [rule for rule in rules if rule["review_before_send"] and rule.get("ready_to_send")]
        waiting = await asyncio.gather(*[self.to_review(rule["id"]) for rule in asked])
        for rule, messages in zip(asked, waiting, strict=True):
            rule["to_review"] = messages

    async def worker_health(self) -> Row:
        """How many workers are alive, and when the last one was heard of."""
        return dict(await self._call("worker_health"))


def _there(found: Any) -> Row:
    if not found:
        raise FeedError(GONE)
    return dict(found)
