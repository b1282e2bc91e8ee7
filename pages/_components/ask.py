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

    @classmethod
    def of(cls, data: Any) -> "Ask | None":
        """The request, or None when it is not one."""
        if not isinstance(data, dict) or not isinstance(data.get("rule_id"), str):
            return None
        stage = data.get("stage")
        return cls(
            data["rule_id"],
            stage if stage in list(Stage) else "",
            str(data.get("search") or "")[:200].replace("\x00", ""),
            whole(data.get("offset")),
            str(data.get("rev") or ""),
            whole(data.get("seq")),
        )


def whole(value: Any) -> int:
    """The number, or 0 for anything that is not a natural one."""
    return value if isinstance(value, int) and 0 <= value < 2**53 else 0
