"""This file is where the stack's refusals are defined."""


class StartError(Exception):
    """The stack cannot start or go on; the text says what to do and is shown as it is."""
