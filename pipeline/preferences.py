"""This file is where a person's preferences are: zone, theme, defaults of a new automation."""

from pipeline.answers import Asking, Row

# What a person has not chosen is null: the browser's zone, the defaults of a new automation.
NOTHING_CHOSEN: Row = {
    "time_zone": None,
    "theme": "system",
    **dict.fromkeys(("wait_minutes", "max_follow_ups", "daily_limit")),
    **dict.fromkeys(("run_24_7", "active_from", "active_until")),
}
THEMES = ("system", "light", "dark")


class Preferences(Asking):
    """What one person has set. Every method may raise FeedError."""

    async def settings(self) -> Row:
        """Everything that can be set; what was not is as in NOTHING_CHOSEN."""
        rows = await self._read("user_settings", ",".join(NOTHING_CHOSEN))
        return {**NOTHING_CHOSEN, **(rows[0] if rows else {})}

    async def save_settings(self, changed: Row) -> Row:
        """Changes what is named, and returns all."""
        return dict(await self._call("save_settings", p_settings=changed))


def chosen_defaults(settings: Row) -> Row:
    """With what a new automation begins, as far as the person has chosen it."""
    names = ("wait_minutes", "max_follow_ups", "daily_limit", "run_24_7")
    hours = ("active_from", "active_until")
    found = {name: settings[name] for name in names if settings[name] is not None}
    if all(settings[name] for name in hours):
        found |= {name: settings[name] for name in hours}
    return found
