"""This file is where it is shown which answers of Facebook mean that it knows nobody."""

import pytest

from pipeline.forgetting import says_nobody
from pipeline.ports import GraphError, MessengerError


@pytest.mark.parametrize(
    ("error", "nobody"),
    [
        (GraphError(803, 0, "Some of the aliases you requested do not exist"), True),
        (GraphError(100, 33, "Object does not exist"), None),
        (GraphError(100, 0, "Invalid parameter"), False),
        (GraphError(190, 460, "Session has expired"), False),
        (GraphError(10, 33, "Permission"), False),
        (MessengerError("away"), False),
    ],
)
def test_only_whom_facebook_does_not_know_says_nobody(error, nobody):
    assert says_nobody(error) is nobody
