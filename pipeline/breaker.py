"""This file is where calls to a provider that fails stop for a while (decision 0010)."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from pipeline.model import Advance, Fail, Job, Outcome, Retry
from pipeline.retry_budget import Budget
from pipeline.steps.backoff import chance_of

Step = Callable[[Job], Awaitable[Outcome]]

OPENS_AFTER = 3
FIRST_SECONDS = 5.0
LONGEST_SECONDS = 60.0
# A sentence, and what to do.
PUT_OFF = {
    "provider_away": (
        "The provider is having trouble.",
        "Nothing to do: one call tries after a minute at most, and all go on when it succeeds.",
    ),
    "many_retries": (
        "Many others are being repeated.",
        "Nothing to do: it is repeated when fewer wait. System shows what fails meanwhile.",
    ),
}


@dataclass
class Breaker:
    """One provider as one worker sees it: closed, open for a time, or trying with few calls.

    It opens after three failures in a row, or at once for as long as the provider asks. Then one
    call tries; after a success the room grows by one with every further one, so that what has
    gathered does not come down on a provider that is just back.
    """

    clock: Callable[[], float] = time.monotonic
    opens_after: int = OPENS_AFTER
    _failures: int = 0
    _opened: int = 0
    _until: float = 0.0
    _successes: int | None = None

    def wait_seconds(self) -> float:
        """How long nothing should be called; 0 when it may be."""
        return max(self._until - self.clock(), 0.0)

    def room(self, most: int) -> int:
        """How many calls may be under way at once, of `most`."""
        if self.wait_seconds() > 0:
            return 0
        return most if self._successes is None else min(most, self._successes + 1)

    def succeed(self) -> None:
        """A call went well."""
        self._failures = self._opened = 0
        if self._successes is not None:
            self._successes += 1
            if self._successes > OPENS_AFTER * 3:
                self._successes = None

    def hear_of_success(self) -> None:
        """A call that was thought to have failed went well: what it had closed is open again."""
        self._until = min(self._until, self.clock())
        self.succeed()

    def fail(self, asked_seconds: float = 0.0) -> bool:
        """A call failed; returns whether that may have been the contact's own fault.

        It may only when the call before went well: of a row of failures the provider is the cause.
        """
        first = self._failures == 0 and self._successes is None
        self._failures += 1
        if asked_seconds > 0:
            self._open(asked_seconds)
        # Calls that were under way together tell of one trouble, not of several.
        elif self.wait_seconds() == 0 and (
            self._failures >= self.opens_after or self._successes is not None
        ):
            self._open(min(FIRST_SECONDS * 2.0**self._opened, LONGEST_SECONDS))
        return first and asked_seconds <= 0

    def _open(self, seconds: float) -> None:
        if self.wait_seconds() == 0:
            self._opened += 1
        self._until = max(self._until, self.clock() + seconds)
        self._successes = 0


class Guard:
    """The breakers of one provider, one for every `key_of` a job, and its retry budget."""

    def __init__(
        self,
        key_of: Callable[[Job], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        opens_after: int = OPENS_AFTER,
    ) -> None:
        self._clock = clock
        self._opens_after = opens_after
        self._key_of = key_of or (lambda job: "")
        self._is_one = key_of is None
        self._breakers: dict[str, Breaker] = {}
        self._budget = Budget(clock)
        # Whose last call was answered, though not with a message: that says nothing of load.
        self._answered: set[int] = set()

    def room(self, most: int) -> int:
        """How many calls may be under way, of `most`.

        With keys as many as ever: a job may be for one that has never been called, and of whom
        nobody may be taken up stands in `rooms`.
        """
        return self.rooms(most).get("", most) if self._is_one else most

    def rooms(self, most: int) -> dict[str, int]:
        """The same for each key that has been called."""
        return {key: breaker.room(most) for key, breaker in self._breakers.items()}

    def refuse(self, job: Job) -> Retry | None:
        """Why this job should wait although it was claimed, or None."""
        seconds = self._of(job).wait_seconds()
        if seconds > 0:
            # Who was called in vain before is known by it when the wait is over.
            return self._put_off("many_retries" if job.attempt else "provider_away", job, seconds)
        if job.attempt == 0:
            self._budget.earn()
            return None
        if job.state_id in self._answered:
            return None
        seconds = self._budget.spend()
        return self._put_off("many_retries", job, seconds) if seconds else None

    def learn(self, job: Job, outcome: Outcome) -> Outcome:
        """The outcome, as it counts for the contact; what it says of the provider is kept."""
        breaker = self._of(job)
        self._answered.discard(job.state_id)
        if isinstance(outcome, Retry) and outcome.trouble:
            if outcome.answered:
                self._answered.add(job.state_id)
            else:
                self._budget.fail()
            counts = breaker.fail(outcome.asked_seconds)
            wait = max(outcome.after_seconds, self._spread(job, breaker.wait_seconds()))
            return replace(outcome, counts=counts, after_seconds=wait)
        if isinstance(outcome, Fail) and outcome.unknown:
            self._budget.fail()
            breaker.fail()
        elif isinstance(outcome, Advance):
            self._budget.succeed(is_repeated=job.attempt > 0)
            breaker.succeed()
        return outcome

    def hear(self, job: Job, outcome: Outcome) -> Outcome:
        """What was read of a thread: a message that is there arrived, however unclear the answer.

        That none is there says nothing: sending may still fail for everybody.
        """
        if isinstance(outcome, Advance):
            self._of(job).hear_of_success()
        return outcome

    def _of(self, job: Job) -> Breaker:
        key = self._key_of(job)
        if key not in self._breakers:
            self._breakers[key] = Breaker(self._clock, self._opens_after)
        return self._breakers[key]

    def _put_off(self, code: str, job: Job, seconds: float) -> Retry:
        return Retry(code, *PUT_OFF[code], self._spread(job, seconds), counts=False)

    def _spread(self, job: Job, seconds: float) -> float:
        # All who were told the same time would come back in one moment.
        return seconds + chance_of(job) * min(seconds, 30.0)


def guarded(step: Step, guard: Guard) -> Step:
    """The step, unless its provider is away; what comes of it is learnt from."""

    async def taken(job: Job) -> Outcome:
        return guard.refuse(job) or guard.learn(job, await step(job))

    return taken


def listening(step: Step, guard: Guard) -> Step:
    """The step, whose outcome says whether the provider can be reached again."""

    async def taken(job: Job) -> Outcome:
        return guard.hear(job, await step(job))

    return taken
