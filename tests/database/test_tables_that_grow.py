"""This file is where the monitor is read before PostgreSQL has looked at a table that grew."""

from tests.database.acting import call_as
from tests.database.test_plans import FILL, RULES, STATES, WAITING_PER_RULE, Readings


def test_the_monitor_reads_no_other_automation_before_anything_is_known_of_a_table_that_grew(world):
    # What a busy minute is to PostgreSQL, until it looks at the table again.
    user = world.user()
    rules = [world.rule(world.page(user)) for _ in range(RULES)]
    ask = {"p_rule_id": rules[0]["id"]}
    world.connection.execute(FILL.format(first=1, contacts=20, waiting=5).encode())
    for _ in range(6):  # from the sixth call on, the plan is kept
        call_as(world, user, "monitor_snapshot", **ask)
    world.connection.execute(
        FILL.format(first=21, contacts=1000, waiting=WAITING_PER_RULE).encode()
    )

    with world.connection.transaction(force_rollback=True):
        read = Readings(world)
        snapshot = call_as(world, user, "monitor_snapshot", **ask)
        read.stop()

    assert len(snapshot["contacts"]) == 100
    assert read(STATES, "rows") <= 600
    assert read("contacts", "rows") <= 1.1 * RULES * 1000  # once, and not once for each card
