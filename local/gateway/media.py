"""This file is where the forms of an answer are told apart, and one is chosen as PostgREST does."""

import re
from dataclasses import dataclass
from functools import lru_cache

from local.gateway.errors import ApiError, not_implemented

OBJECT, ARRAY = "application/vnd.pgrst.object", "application/vnd.pgrst.array"
PLAN = "application/vnd.pgrst.plan"
TYPE = re.compile(r"([^\W_]|[.*])+/([^\W_]|[.*+-])+")
PARAMETER = re.compile(r'\s*;\s*((?:[^\W_]|-)+)\s*=\s*(?:"([^"]*)"|((?:[^\W_]|[|-])+))')
FORMS = {
    "*/*": ("array", "application/json"),
    "application/json": ("array", "application/json"),
    "text/csv": ("csv", "text/csv"),
}
VENDORED = {OBJECT: "object", f"{OBJECT}+json": "object", ARRAY: "array", f"{ARRAY}+json": "array"}


@dataclass(frozen=True, slots=True)
class Media:
    """The form of the answer that the caller accepts: array, object, csv, or empty for no other."""

    form: str
    kind: str = ""
    strip_nulls: bool = False
    refused: str = ""
    left_out: str = ""

    @property
    def content_type(self) -> str:
        return f"{self.kind}; charset=utf-8"

    def need(self) -> None:
        """Raises ApiError 406 when the caller accepts nothing that can be given."""
        if self.left_out:
            raise not_implemented(f"answers of type {self.left_out}")
        if not self.form:
            message = f"None of these media types are available: {self.refused}"
            raise ApiError(406, "PGRST107", message)


@lru_cache(maxsize=128)
def choose_media(accept: str, own: frozenset[str]) -> Media:
    """The first form that can be given, the most wanted first; `own` are the database's."""
    wanted = _by_preference(accept)
    for text in wanted:
        kind, options = read_type(text)
        strip = options.get("nulls") == "stripped"
        if kind in VENDORED:
            form = VENDORED[kind]
            name = f"{OBJECT if form == 'object' else ARRAY}+json"
            if form == "array" and not strip:
                return Media("array", "application/json")
            return Media(form, f"{name};nulls=stripped" if strip else name, strip)
        if kind in FORMS:
            return Media(*FORMS[kind])
        if kind in own or kind == "application/geo+json":
            return Media("", left_out=kind)
    return Media("", refused=", ".join(map(_shown, wanted)))


def _by_preference(accept: str) -> list[str]:
    found = []
    for part in accept.split(","):
        text, _, rest = part.replace(" ", "").partition(";q=")
        number = re.match(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", rest.partition(";")[0])
        found.append((float(number[0]) if number else 1.0, text.count(";") - text.count("*"), text))
    return [text for _, _, text in sorted(found, key=lambda one: one[:2], reverse=True)]


def read_type(text: str) -> tuple[str, dict[str, str]]:
    """The type in small letters and its parameters; a text that is no type is its own."""
    head = TYPE.match(text)
    if head is None:
        return text, {}
    options, at = {}, head.end()
    while found := PARAMETER.match(text, at):
        options[found[1].lower()] = found[2] if found[2] is not None else found[3]
        at = found.end()
    return head[0].lower(), options


def _shown(text: str) -> str:
    kind, options = read_type(text)
    if kind in (PLAN, f"{PLAN}+text", f"{PLAN}+json"):
        inner = _shown(options.get("for", "application/json"))
        form = "json" if kind.endswith("+json") else "text"
        known = ("analyze", "verbose", "settings", "buffers", "wal")
        chosen = [word for word in known if word in options.get("options", "").split("|")]
        return f'{PLAN}+{form}; for="{inner}"' + (f"; options={'|'.join(chosen)}" if chosen else "")
    return plain_name(text)


def plain_name(text: str) -> str:
    """A type's own name where PostgREST knows it, else the text as it was sent."""
    kind, options = read_type(text)
    if kind in VENDORED:
        strip = ";nulls=stripped" if options.get("nulls") == "stripped" else ""
        if VENDORED[kind] == "array":
            return f"{ARRAY}+json{strip}" if strip else "application/json"
        return f"{OBJECT}+json{strip}"
    return kind if kind in KNOWN else text


KNOWN = {
    "application/json", "application/geo+json", "text/csv", "text/plain", "text/xml",
    "application/openapi+json", "application/x-www-form-urlencoded", "application/octet-stream",
    "*/*",
}  # fmt: skip
