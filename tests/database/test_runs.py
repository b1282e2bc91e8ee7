"""This file is where no history, however mixed, makes the books wrong."""

from pipeline.stages import MOVES
from tests.database.history import History

SEEDS = range(5)


def test_the_books_are_right_after_every_step_of_any_history(shared_world):
    seen, sent, stale = set(), 0, 0
    for seed in SEEDS:
        history = History(shared_world, seed)
        try:
            for _ in range(80):
                history.step()
        except AssertionError as error:
            error.add_note(f"seed {seed}: {' '.join(history.trail)}")
            raise
        seen |= history.books.seen
        sent += history.books.sent
        stale += history.books.stale
        # The claims of the next history are not to find what this one left behind.
        shared_world.rows("delete from auth.users where id = %s returning 1", history.owner["id"])

    # Nothing is proved by histories in which little happens.
    legal = {(start.value, end.value) for start, ends in MOVES.items() for end in ends}
    assert len(legal & seen) >= 15
    assert sent > 10
    assert stale > 3
