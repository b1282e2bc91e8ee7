"""This file is where a press on one person's monitor makes nobody else's read anew."""

import asyncio

from pipeline import readings


def test_a_press_forgets_the_moments_of_who_pressed_on_that_rule_and_no_others():
    seen = [("ana", "rule", "", "", 0), ("ana", "other", "", "", 0), ("ben", "rule", "", "", 0)]

    async def moment() -> None:
        return None

    async def fresh_after_a_press() -> list[bool]:
        for key in seen:
            await readings.MOMENTS.get(key, 60, moment)
        readings.forget("ana", "rule")
        takers = [(await readings.MOMENTS.get(key, 60, moment))[2] for key in seen]
        return [count == 1 for count in takers]

    assert asyncio.run(fresh_after_a_press()) == [True, False, False]
