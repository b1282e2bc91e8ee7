"""This file is where faults that somebody asked for wait until a call meets them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from local.sandbox.fault_kinds import ANSWERS, CALLS, KINDS, OF_WEBHOOK

MOST_TIMES = 1_000_000


class BadFaultError(Exception):
    """The request for a fault cannot be understood; the text says why."""


@dataclass(slots=True)
class Fault:
    """What to do wrong, in which call, how many times more, and for whom."""

    service: str
    kind: str
    call: str
    times: int
    recipient: str = ""
    containing: str = ""
    seconds: float = 5.0

    @property
    def answer(self) -> str:
        """How the call is answered: `ok`, `reset`, `hang`, `gateway-page` or an error's name."""
        return ANSWERS[self.service][self.kind].answer

    @property
    def stored(self) -> bool:
        """Whether the message is received all the same."""
        return ANSWERS[self.service][self.kind].stored

    def meets(self, service: str, call: str, recipient: str, text: str) -> bool:
        """Whether this call is one of those to be disturbed."""
        return (
            (self.service, self.call) == (service, call)
            and self.recipient in ("", recipient)
            and self.containing in text
        )


class Faults:
    """The faults that are still to happen, oldest first."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, request: object) -> dict[str, Any]:
        """Takes `{"service", "kind", "times", ...}`; raises BadFaultError."""
        fault = _parse(request)
        self._waiting.append(fault)
        return asdict(fault)

    def take(self, service: str, call: str, recipient: str = "", text: str = "") -> Fault | None:
        """The fault this call meets, counted down, or None."""
        for fault in self._waiting:
            if fault.meets(service, call, recipient, text):
                fault.times -= 1
                if fault.times == 0:
                    self._waiting.remove(fault)
                return fault
        return None

    def clear(self) -> int:
        """Forgets all; returns how many there were."""
        count = len(self._waiting)
        self._waiting.clear()
        return count

    def waiting(self) -> list[dict[str, Any]]:
        """The faults still to happen, as they were asked for."""
        return [asdict(fault) for fault in self._waiting]


def _parse(request: object) -> Fault:
    if not isinstance(request, Mapping):
        raise BadFaultError("The body must be a JSON object.")
    unknown = set(request) - {field for field in Fault.__dataclass_fields__}
    if unknown:
        raise BadFaultError(f"Unknown fields: {', '.join(sorted(map(str, unknown)))}.")
    service = request.get("service")
    if not isinstance(service, str) or service not in KINDS:
        raise BadFaultError('"service" must be "google" or "facebook".')
    kind = request.get("kind")
    if not isinstance(kind, str) or kind not in KINDS[service]:
        raise BadFaultError(f"{kind!r} is not a kind of fault of {service}.")
    usual = "webhook" if kind in OF_WEBHOOK else CALLS[service][0]
    call = request.get("call", usual)
    if call not in CALLS[service]:
        raise BadFaultError(f'"call" of {service} must be one of {", ".join(CALLS[service])}.')
    if (call == "webhook") != (kind in OF_WEBHOOK):
        raise BadFaultError(f"{kind!r} cannot happen in {call}.")
    return Fault(
        service=service,
        kind=kind,
        call=call,
        times=_whole(request.get("times", 1)),
        recipient=_text(request, "recipient"),
        containing=_text(request, "containing"),
        seconds=_seconds(request.get("seconds", 5.0)),
    )


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_TIMES:
        raise BadFaultError(f'"times" must be a whole number from 1 to {MOST_TIMES}.')
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 3600:
        raise BadFaultError('"seconds" must be a number from 0 to 3600.')
    return float(value)


def _text(request: Mapping[str, Any], name: str) -> str:
    value = request.get(name, "")
    if not isinstance(value, str):
        raise BadFaultError(f'"{name}" must be a text.')
    return value
