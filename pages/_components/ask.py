"""This file is where a browser's claim of what it wants to see is cut to size."""

from dataclasses import dataclass
from typing import Any

from pipeline.stages import Stage


@dataclass(frozen=True, slots=True)
class Ask:
    """What a browser asks for; everything in it is the browser's claim, RLS decides."""

    rule_id: str
    stage: str = ""
    search: str = ""
    offset: int = 0
    rev: str = ""
    seq: int = 0
    now: bool = False

    @classmethod
    def of(cls, data: Any) -> "Ask | None":
        """The request, or None when it is not one."""
        if not isinstance(data, dict) or not isinstance(data.get("rule_id"), str):
            return None
        stage = data.get("stage")
        return cls(
            data["rule_id"],
            stage if stage in list(Stage) else "",
            text(data.get("search")),
            whole(data.get("offset")),
            text(data.get("rev"), 40),
            whole(data.get("seq")),
            data.get("now") is True,
        )

    @property
    def view(self) -> tuple[str, str, str, int]:
        """What is looked at, whoever looks and whatever they have already."""
        return (self.rule_id, self.stage, self.search, self.offset)


def text(value: Any, most: int = 200) -> str:
    """The text cut to `most` characters; "" for anything else. PostgreSQL stores no zero."""
    return value[:most].replace("\x00", "") if isinstance(value, str) else ""


def whole(value: Any) -> int:
    """The number, or 0 for anything that is not a natural one."""
    return value if isinstance(value, int) and 0 <= value < 2**53 else 0
