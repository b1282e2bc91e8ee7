"""This file is where a file is locked for as long as this process has it open."""

from typing import IO


class NoLocksError(OSError):
    """This system has no flock (Windows); the text says what to do."""


def lock(file: IO[str] | int) -> None:
    """Raises BlockingIOError when another process has it, and NoLocksError."""
    try:
        # Here and not above, so that Windows can import this and say what follows.
        import fcntl
    except ModuleNotFoundError as error:
        raise NoLocksError(
            "The embedded stack and the receiver need flock, which Linux and macOS have. On "
            "Windows start them inside WSL 2, or set SUPABASE_URL and start only the dashboard and "
            "workers."
        ) from error
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
