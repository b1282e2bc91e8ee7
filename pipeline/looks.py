"""This file is where it is said when a conversation is looked at for a send nobody is sure of."""

LOOK_FOR_SECONDS = 60
# The first look comes so long after the unclear answer: Facebook may still be at it.
FIRST_SHARE_OF_LEASE = 0.5
# A thread that cannot be read is asked for less often the longer it lasts, but once a minute.
LONGEST_SECONDS = 60.0
# Between two looks lies at least this share of `look_for_seconds`; nobody's clock is to a hair.
LEAST_SHARE = 1 / 6
EXACT_ENOUGH = 0.98


def last_look(lease_seconds: float, look_for_seconds: float = LOOK_FOR_SECONDS) -> float:
    """How many seconds after a try began its message is looked for the last time.

    After a lease no call of the try is under way any more, whatever became of its worker; then
    Facebook has `look_for_seconds` to show what it took.
    """
    return lease_seconds + look_for_seconds


def next_look(age: float, lease_seconds: float, look_for_seconds: float) -> float | None:
    """In how many seconds to look again when it was not there at this age; None: that was all.

    By the age of the try and nothing else, so that no worker that ends makes it longer: at the
    end of the lease, after a third of the time that Facebook has, and at its end.
    """
    last = last_look(lease_seconds, look_for_seconds)
    if age >= last * EXACT_ENOUGH:
        return None
    looks = (lease_seconds, lease_seconds + look_for_seconds / 3)
    soonest = age + look_for_seconds * LEAST_SHARE
    return next((look for look in looks if look >= soonest), last) - age


def look_at_unreadable(age: float, lease_seconds: float) -> float:
    """In how many seconds to ask again for a conversation that could not be read at this age."""
    return max(first_look(lease_seconds), min(age, LONGEST_SECONDS))


def first_look(lease_seconds: float) -> float:
    """In how many seconds to look for a message after an answer that says nothing."""
    return lease_seconds * FIRST_SHARE_OF_LEASE
