"""This file is where the small words of a query string are read: names, quotes, JSON paths."""

import re
from dataclasses import dataclass, field
from typing import NoReturn

from local.gateway.errors import ApiError

KEY = '"-", digit or any non reserved character different from: .,>()'
FIELD = "field name (* or [a..z0..9_$])"


@dataclass(frozen=True, slots=True)
class Field:
    """A column, and the way into it when it holds JSON: (arrow, key or index) steps."""

    name: str
    path: tuple[tuple[str, str | int], ...] = ()


@dataclass(slots=True)
class Reader:
    """A cursor over one parameter's text; messages call it `what` and show `shown`, or all."""

    text: str
    what: str
    shown: str = ""
    at: int = 0
    nodes: int = field(default=0)

    def fail(self, expected: str) -> NoReturn:
        """Raises ApiError 400 that shows where reading stopped."""
        # Parsec's way with quotes: a letter where the end was expected stands in single ones.
        mark = "'" if expected.endswith("or end of input") else '"'
        found = f"{mark}{self.text[self.at]}{mark}" if not self.done() else "end of input"
        place = f"(line 1, column {self.at + 1})"
        message = f'"failed to parse {self.what} ({self.shown or self.text})" {place}'
        raise ApiError(400, "PGRST100", message, f"unexpected {found} expecting {expected}")

    def done(self) -> bool:
        return self.at >= len(self.text)

    def peek(self, text: str) -> bool:
        return self.text.startswith(text, self.at)

    def take(self, text: str) -> bool:
        found = self.peek(text)
        self.at += len(text) if found else 0
        return found

    def need(self, text: str) -> None:
        if not self.take(text):
            self.fail(f'"{text}"')

    def match(self, pattern: str) -> str:
        found = re.compile(pattern).match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found[0] if found else ""

    def spaces(self) -> None:
        self.match(r"[ \t]*")

    def quoted(self) -> str | None:
        found = self.match(r'"(?:[^"\\]|\\.)*"')
        return re.sub(r"\\(.)", r"\1", found[1:-1], flags=re.DOTALL) if found else None

    def name(self) -> str:
        quoted = self.quoted()
        if quoted is not None:
            return quoted
        found = self.match(r"(?:[\w$ ]|-(?!>))+").strip(" ")
        return found or self.fail(FIELD)

    def path(self) -> tuple[tuple[str, str | int], ...]:
        steps: list[tuple[str, str | int]] = []
        while arrow := self.match(r"->>?"):
            quoted = self.quoted()
            if quoted is not None:
                steps.append((arrow, quoted))
            elif index := self.match(r"-?\d{1,9}(?=->|::|[.,):]|$)"):
                steps.append((arrow, int(index)))
            elif self.take("-"):
                self.fail("digit")
            else:
                key = self.match(r'(?:(?!->|::)[^.,():"])+')
                steps.append((arrow, key or self.fail(KEY)))
        return tuple(steps)

    def field(self) -> Field:
        return Field(self.name(), self.path())

    def list_value(self, ends: str) -> str:
        start, quoted = self.at, self.quoted()
        if quoted is not None and (self.done() or self.text[self.at] in ends):
            return quoted
        self.at = start
        return self.match(r"[^,)]*")
