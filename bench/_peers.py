"""This file is where other systems do the worker's six moves; runs in an environment that has them.

`_peers.py NAME DSN CONTACTS CONCURRENCY record|checkpoint set-up|work`: each as its documentation
shows, one job a contact that records six moves by the database's `bench.record_step`, a commit
each. `checkpoint` is for dbos: its own checkpoints are all that is recorded.
"""

# What is imported here is installed beside the project, never with it.
# mypy: ignore-errors
import asyncio
import os
import sys
import threading

MOVES = ("checking", "eligible", "generating", "ready_to_send", "sending", "sent")
RECORD = "select bench.record_step(%s, %s)"
MOST_CONNECTIONS = 20


def ready() -> None:
    """Says so, and waits for the start."""
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    sys.stdin.readline()


async def pool_of(dsn, size):
    """A psycopg pool whose statements commit by themselves."""
    from psycopg_pool import AsyncConnectionPool

    pool = AsyncConnectionPool(
        dsn, min_size=size, max_size=size, kwargs={"autocommit": True}, open=False
    )
    await pool.open(wait=True)
    return pool


def threads_pool_of(dsn, size):
    """The same for threads."""
    from psycopg_pool import ConnectionPool

    pool = ConnectionPool(
        dsn, min_size=size, max_size=size, kwargs={"autocommit": True}, open=False
    )
    pool.open(wait=True)
    return pool


async def move_through(pool, contact) -> None:
    """Six moves, six commits."""
    async with pool.connection() as connection:
        for move in MOVES:
            await connection.execute(RECORD, (contact, move))


async def procrastinate(dsn, contacts, concurrency, working) -> None:
    """A task deferred in batches; run_worker_async with that concurrency."""
    import procrastinate as library

    app = library.App(connector=library.PsycopgConnector(conninfo=dsn, min_size=10, max_size=10))
    pool = await pool_of(dsn, MOST_CONNECTIONS)

    @app.task(name="move")
    async def move(contact) -> None:
        await move_through(pool, contact)

    async with app.open_async():
        if not working:
            await app.schema_manager.apply_schema_async()
            for first in range(1, contacts + 1, 1000):
                last = min(contacts, first + 999)
                await move.batch_defer_async(*({"contact": n} for n in range(first, last + 1)))
            return
        ready()
        await app.run_worker_async(
            concurrency=concurrency, fetch_job_polling_interval=0.1, install_signal_handlers=False
        )


async def pgqueuer(dsn, contacts, concurrency, working) -> None:
    """Jobs enqueued as lists over asyncpg; run with that batch size."""
    import asyncpg
    from pgqueuer import PgQueuer, Queries
    from pgqueuer.db import AsyncpgDriver

    driver = AsyncpgDriver(await asyncpg.connect(dsn))
    if not working:
        queries = Queries(driver)
        await queries.install()
        for first in range(1, contacts + 1, 1000):
            ids = range(first, min(contacts, first + 999) + 1)
            payloads = [str(n).encode() for n in ids]
            await queries.enqueue(["move"] * len(payloads), payloads, [0] * len(payloads))
        return
    pool = await asyncpg.create_pool(dsn, min_size=MOST_CONNECTIONS, max_size=MOST_CONNECTIONS)
    queue = PgQueuer(driver)

    @queue.entrypoint("move")
    async def move(job) -> None:
        async with pool.acquire() as connection:
            for name in MOVES:
                await connection.execute("select bench.record_step($1, $2)", int(job.payload), name)

    ready()
    await queue.run(batch_size=concurrency, max_concurrent_tasks=2 * concurrency)


async def oban(dsn, contacts, concurrency, working) -> None:
    """A worker class; enqueue_many, and one queue with that limit."""
    from oban import Oban, worker
    from oban.schema import install
    from psycopg_pool import AsyncConnectionPool

    own = AsyncConnectionPool(dsn, min_size=4, max_size=10, open=False)
    await own.open(wait=True)
    moves = await pool_of(dsn, MOST_CONNECTIONS)

    @worker(queue="default")
    class Move:
        async def process(self, job) -> None:
            await move_through(moves, job.args["contact"])

    if not working:
        await install(own)
        system = Oban(pool=own)
        for first in range(1, contacts + 1, 1000):
            last = min(contacts, first + 999)
            await system.enqueue_many([Move.new({"contact": n}) for n in range(first, last + 1)])
        return
    system = Oban(pool=own, queues={"default": concurrency})
    ready()
    await system.start()
    await asyncio.Event().wait()


def dbos(dsn, contacts, concurrency, recording, working) -> None:
    """A workflow of six steps for a contact, each a checkpoint; a step records its move."""
    from concurrent.futures import ThreadPoolExecutor

    from dbos import DBOS

    url = dsn.replace("postgresql://", "postgresql+psycopg://")
    DBOS(
        config={
            "name": "bench",
            "system_database_url": url,
            "log_level": "ERROR",
            "application_version": "bench",
            "sys_db_pool_size": MOST_CONNECTIONS,
        }
    )

    @DBOS.step()
    def step(contact, name):
        if moves:
            with moves.connection() as connection:
                connection.execute(RECORD, (contact, name))
        return name

    @DBOS.workflow(name="move")
    def move(contact):
        for name in MOVES:
            step(contact, name)

    DBOS.launch()
    if not working:
        return
    moves = threads_pool_of(dsn, MOST_CONNECTIONS) if recording else None
    ready()
    with ThreadPoolExecutor(concurrency) as threads:
        list(threads.map(move, range(1, contacts + 1)))
    threading.Event().wait()


def main() -> None:
    """Sets up or works; ends by a signal, or at once after setting up."""
    name, dsn, contacts, concurrency, step, task = sys.argv[1:]
    arguments, working = (dsn, int(contacts), int(concurrency)), task == "work"
    if name == "dbos":
        dbos(*arguments, step == "record", working)
    else:
        asyncio.run(globals()[name](*arguments, working))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
