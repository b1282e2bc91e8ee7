"""This file is where tests arrange people, pages, automations and contacts, by one line each."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import bcrypt
import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

PASSWORD = "correct horse"
Row = dict[str, Any]


def ago(**units: float) -> datetime:
    """A moment before now: `ago(hours=3)`."""
    return datetime.now(UTC) - timedelta(**units)


class World:
    """Writes rows as role postgres; every value that a test does not name is a plausible one."""

    def __init__(self, dsn: str) -> None:
        self.connection = psycopg.connect(dsn, autocommit=True, row_factory=dict_row)
        self._numbers = itertools.count(1)

    def close(self) -> None:
        """Ends the connection."""
        self.connection.close()

    def user(self, email: str = "", password: str = PASSWORD) -> Row:
        """A person who can sign in."""
        email = email or f"person{next(self._numbers)}@example.com"
        now = datetime.now(UTC)
        return self.insert(
            "auth.users",
            id=uuid.uuid4(),
            instance_id=uuid.UUID(int=0),
            aud="authenticated",
            role="authenticated",
            email=email,
            encrypted_password=bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode(),
            email_confirmed_at=now,
            raw_app_meta_data=Jsonb({"provider": "email"}),
            raw_user_meta_data=Jsonb({}),
            created_at=now,
            updated_at=now,
        )

    def page(self, user: Row, **values: Any) -> Row:
        """A connected page, in nobody's way; its token opens only if `encrypted_token` is given.

        It is proven, as the worker's first look makes it; `proven_at=None` leaves that to it.
        """
        token = values.pop("encrypted_token", "sealed")
        proven_at = values.pop("proven_at", ago(hours=1))
        number = f"{1000 + next(self._numbers)}"
        page = self.insert(
            "public.facebook_pages",
            **{
                "user_id": user["id"],
                "name": "Corner Bakery",
                "facebook_page_id": number,
                "sends_per_minute": 2400,
                **values,
            },
        )
        self.insert(
            "public.facebook_page_secrets",
            page_id=page["id"],
            user_id=user["id"],
            encrypted_token=token,
        )
        if "proven_at" in page:  # version 1 had no such thing
            page["proven_at"] = proven_at
            prove = "update public.facebook_pages set proven_at = %s where id = %s returning 1"
            self.rows(prove, proven_at, page["id"])
        return page

    def rule(self, page: Row, **values: Any) -> Row:
        """An automation that is on, at all hours, for everybody, without waiting."""
        plausible = {
            "page_id": page["id"],
            "user_id": page["user_id"],
            "name": f"Automation {next(self._numbers)}",
            "enabled": True,
            "run_24_7": True,
            "wait_minutes": 0,
            "prompt": "Ask whether the cake was good.",
        }
        return self.insert("public.ai_automation_rules", **{**plausible, **values})

    def contact(self, page: Row, **values: Any) -> Row:
        """A contact who wrote two hours ago."""
        plausible = {
            "page_id": page["id"],
            "user_id": page["user_id"],
            "sender_id": f"77{next(self._numbers):08}000",
            "sender_name": "Amina Diallo",
            "last_inbound_at": ago(hours=2),
        }
        return self.insert("public.contacts", **{**plausible, **values})

    def insert(self, table: str, **values: Any) -> Row:
        """One row of `table`, as it was stored."""
        command = sql.SQL("insert into {} ({}) values ({}) returning *").format(
            sql.Identifier(*table.split(".")),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(map(sql.Placeholder, values)),
        )
        row = self.connection.execute(command, values).fetchone()
        assert row is not None
        return row

    def rows(self, query: str, *values: Any) -> list[Row]:
        """What `query` returns."""
        return self.connection.execute(query.encode(), values).fetchall()
