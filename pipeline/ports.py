"""This file is where the two outside powers are described: the writer and the messenger."""

from typing import Protocol

from pipeline.model import Draft, Job, Notice, Receipt


class WriterError(Exception):
    """The AI gave no text; the words are for a person and hold no secret.

    `spent` is what Google bills for an answer that has no text in it.
    """

    spent: Draft | None = None

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class WriterBusyError(WriterError):
    """It may work later, not before `after_seconds`.

    `answered` says that it took the request and answered it, though not with a message.
    """

    def __init__(
        self,
        code: str,
        message: str,
        hint: str,
        after_seconds: float = 0.0,
        *,
        answered: bool = False,
    ) -> None:
        super().__init__(code, message, hint)
        self.after_seconds = after_seconds
        self.answered = answered


class WriterRefusedError(WriterError):
    """It will not work until a person changes something."""


class WriterEmptyError(WriterError):
    """It answered without a whole text; another try may help, once, with `correction`."""

    def __init__(
        self, code: str, message: str, hint: str, correction: str = "It was empty."
    ) -> None:
        super().__init__(code, message, hint)
        self.correction = correction


class Writer(Protocol):
    """Writes one follow-up; `correction` says what was wrong with the draft before."""

    async def write(self, job: Job, correction: str = "") -> Draft:
        """Raises WriterError."""
        ...


class MessengerError(Exception):
    """Facebook did not do what was asked; the words are for a person and hold no secret."""


class NotSentError(MessengerError):
    """Nothing reached Facebook: no connection was made."""


class OutcomeUnknownError(MessengerError):
    """The call was written at least in part, and no answer says what became of it."""


class GraphError(MessengerError):
    """Facebook's own answer, with what its usage headers say: the share used, the wait asked."""

    def __init__(
        self,
        code: int,
        subcode: int,
        message: str,
        *,
        regain_seconds: float = 0.0,
        usage_percent: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.subcode = subcode
        self.message = message
        self.regain_seconds = regain_seconds
        self.usage_percent = usage_percent


class Messenger(Protocol):
    """Delivers to one contact, and looks up what was delivered."""

    async def send(self, job: Job, token: str) -> Receipt:
        """Raises MessengerError."""
        ...

    async def say(self, notice: Notice, token: str) -> Receipt:
        """Raises MessengerError."""
        ...

    async def person_on_page(self, app_scoped_id: str, page_id: str, token: str) -> str | None:
        """The page's own id of a person, or None. Raises MessengerError."""
        ...

    async def find_sent(self, job: Job, token: str) -> str | None:
        """The Facebook id of `job.message` in the thread since the attempt began, or None.

        Raises MessengerError when the thread cannot be read.
        """
        ...
