"""This file is where no history, however mixed, brings the database and a model of it apart."""

import os
from collections import Counter

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from pipeline.stages import MOVES
from tests.database.machine import Act
from tests.database.people_steps import CONTACT_ACTS, OWNER_ACTS, PeopleSteps
from tests.database.time_steps import TIME_ACTS, TimeSteps
from tests.database.worker_steps import WORKER_ACTS, WorkerSteps

# The same histories each time; so many others, found anew, with STATEFUL_EXAMPLES. A failing one
# is made short then, too, which takes minutes.
EXAMPLES = int(os.environ.get("STATEFUL_EXAMPLES", "0"))
SETTINGS = settings(
    max_examples=EXAMPLES or 16,
    stateful_step_count=40,
    derandomize=not EXAMPLES,
    phases=(Phase.generate, Phase.shrink) if EXAMPLES else (Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


class Machine(WorkerSteps, PeopleSteps, TimeSteps):
    """All of them together; one rule, because of several hypothesis leaves some out each time."""

    @rule(act=st.one_of(WORKER_ACTS, OWNER_ACTS, CONTACT_ACTS, TIME_ACTS, WORKER_ACTS, WORKER_ACTS))
    def step(self, act: Act) -> None:
        name, *drawn = act
        getattr(self, name)(*drawn)


def test_the_database_is_as_the_model_says_after_every_step_of_any_history(shared_world):
    seen: Counter[tuple[str, str]] = Counter()
    problems: Counter[str | None] = Counter()

    class Here(Machine):
        world = shared_world

        def teardown(self):
            seen.update(self.truth.seen)
            problems.update(self.truth.problems)
            super().teardown()

    run_state_machine_as_test(Here, settings=SETTINGS)

    # Nothing is proved by histories in which little happens.
    legal = {(start.value, end.value) for start, ends in MOVES.items() for end in ends}
    assert len(legal & seen.keys()) >= 18
    assert seen["sending", "sent"] > 10
    assert min(problems[kind] for kind in (None, "not_held", "not_allowed")) > 3
