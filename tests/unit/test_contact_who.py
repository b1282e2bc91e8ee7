"""This file is where the owner is told what opts a contact out, and how to undo it."""

from typing import Any

import pytest

from pages._components.contact_who import who
from tests.builders import ago

NOTHING = ("last_inbound_at", "last_outbound_at", "time_zone", "opted_out_at", "opted_out_by")


@pytest.mark.parametrize(
    ("by", "said", "act"),
    [
        (None, "A sentence with the word in it, such as “stop please”", "'opt_out'"),
        ("owner", "You opted this contact out", "'lift_opt_out'"),
        ("contact", "by writing START", None),
    ],
)
def test_which_words_count_is_said_where_the_owner_can_opt_out(
    by: str | None, said: str, act: str | None
) -> None:
    at = ago(hours=1).isoformat()
    own = {"page": "Harbour", "sender_id": "7", "created_at": at, "tags": [], "states": []}
    out = {"opted_out_at": at, "opted_out_by": by} if by else {}
    contact: dict[str, Any] = {**dict.fromkeys(NOTHING), **own, **out}

    shown = str(who(contact)[2].to_plotly_json())

    assert said in shown
    assert ("data-contact-act" in shown) == (act is not None)
    assert not act or act in shown
