"""This file is where children's logs stay small and tell why a child ended."""

from pathlib import Path

from local.children import LARGEST_LOG, Child, last_line, shorten
from tests.running import until


def child(log: Path, code: str, stop_seconds: float = 4) -> Child:
    """A child that runs `code`."""
    return Child("worker", ("-c", code), {"PATH": "/usr/bin:/bin"}, log, stop_seconds=stop_seconds)


def test_a_large_log_is_put_aside_and_one_old_one_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    for letter in ("a", "b"):
        log.write_text(letter * (LARGEST_LOG + 1))
        shorten(log)

    assert [path.name for path in tmp_path.iterdir()] == ["worker.log.old"]
    assert (tmp_path / "worker.log.old").read_text()[0] == "b"


def test_a_child_that_gives_up_is_quoted(tmp_path: Path) -> None:
    gives_up = child(
        tmp_path / "worker.log", "import sys; sys.exit('GOOGLE_API_KEY is missing\\n')"
    )

    gives_up.launch()
    until(lambda: not gives_up.alive())

    assert gives_up.last_words().startswith("exit code 1; its log ")
    assert gives_up.last_words().endswith("ends: GOOGLE_API_KEY is missing")


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    deaf = child(
        log,
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        " print('deaf', flush=True); time.sleep(60)",
        stop_seconds=0.1,
    )
    deaf.launch()
    until(lambda: last_line(log) == "deaf")

    deaf.stop()

    assert deaf.last_words() == "killed by SIGKILL"
