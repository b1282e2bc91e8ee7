"""This file is where tokens are known: whose they are, which pages they open, what is granted."""

import time
from dataclasses import dataclass, field
from typing import Any

PAGE_SCOPES = ("pages_messaging", "pages_manage_metadata", "pages_read_engagement")
USER_SCOPES = (*PAGE_SCOPES, "pages_show_list")
# What `make run` offers a newcomer (docs/operating.md, The sandbox).
PAGES = {
    "104200000000001": "Bella's Bakery",
    "104200000000002": "Harbour Coffee",
    "104200000000003": "مقهى الزيتون",
    "104200000000004": "Garden Room",
}
USER_TOKEN = "sandbox-user-token"  # noqa: S105 - only the sandbox accepts it
BAKERY_TOKEN = "sandbox-page-token"  # noqa: S105
PAGE_TOKEN = "sandbox-page-"  # noqa: S105 - with the page's id behind it
# An agency with so many pages that they come in several answers.
AGENCY_TOKEN = "sandbox-agency-token"  # noqa: S105
AGENCY_PAGES = 120
WITHOUT = "-without-"
ENDING = "-ending"


@dataclass(frozen=True, slots=True)
class Holder:
    """What a token stands for: a page, or a person with pages."""

    kind: str
    id: str
    name: str
    scopes: tuple[str, ...]
    expires_at: int = 0
    pages: dict[str, str] = field(default_factory=dict)


def holder_of(token: str) -> Holder | None:
    """Who holds the token; None for one that Facebook never gave.

    `-without-<scope>` at its end takes a permission away, `-ending` lets it end in an hour.
    """
    bare, _, missing = token.partition(WITHOUT)
    expires_at = int(time.time()) + 3600 if bare.endswith(ENDING) else 0
    bare = bare.removesuffix(ENDING)
    if bare == USER_TOKEN:
        return Holder(
            "USER", "9001", "Sam Sandbox", _granted(USER_SCOPES, missing), expires_at, PAGES
        )
    if bare == AGENCY_TOKEN:
        pages = {f"2042{number:011}": f"Agency page {number}" for number in range(AGENCY_PAGES)}
        return Holder(
            "USER", "9002", "Ada Agency", _granted(USER_SCOPES, missing), expires_at, pages
        )
    page_id = "104200000000001" if bare == BAKERY_TOKEN else bare.removeprefix(PAGE_TOKEN)
    if not page_id.isdigit():
        return None
    name = PAGES.get(page_id, f"Sandbox page {page_id}")
    return Holder("PAGE", page_id, name, _granted(PAGE_SCOPES, missing), expires_at)


def _granted(scopes: tuple[str, ...], missing: str) -> tuple[str, ...]:
    return tuple(scope for scope in scopes if scope != missing)


def debugged(holder: Holder | None) -> dict[str, Any]:
    """What debug_token says."""
    if holder is None:
        invalid = {"code": 190, "message": "Invalid OAuth access token."}
        return {"data": {"is_valid": False, "scopes": [], "error": invalid}}
    return {
        "data": {
            "app_id": "1",
            "application": "Stagelight sandbox",
            "type": holder.kind,
            "is_valid": True,
            "expires_at": holder.expires_at,
            "scopes": list(holder.scopes),
            **({"profile_id": holder.id} if holder.kind == "PAGE" else {"user_id": holder.id}),
        }
    }


def accounts(holder: Holder) -> list[dict[str, Any]]:
    """The pages of a person, as /me/accounts tells them; of the last one they may not write."""
    rows = [
        {
            "id": page_id,
            "name": name,
            "category": "Local business",
            "access_token": f"{PAGE_TOKEN}{page_id}",
            "tasks": ["ANALYZE", "MESSAGING", "MODERATE", "CREATE_CONTENT", "MANAGE"],
        }
        for page_id, name in holder.pages.items()
    ]
    if rows:
        rows[-1]["tasks"] = ["ANALYZE"]
    return rows
