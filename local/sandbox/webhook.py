"""This file is where a contact's message is posted on, signed as Facebook signs it."""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from local.sandbox.mailbox import Message

TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where events go; without an address they are only recorded."""

    url: str
    app_secret: str = field(repr=False)

    async def post(self, message: Message) -> int | None:
        """The receiver's HTTP status, or None when there is no receiver. Raises httpx.HTTPError."""
        if not self.url:
            return None
        body = json.dumps(_event(message)).encode()
        signature = hmac.new(self.app_secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as http:
            response = await http.post(self.url, content=body, headers=headers)
        return response.status_code


def _event(message: Message) -> dict[str, object]:
    moment = int(datetime.fromisoformat(message.received_at).timestamp() * 1000)
    event = {
        "sender": {"id": message.sender_id},
        "recipient": {"id": message.page_id},
        "timestamp": moment,
        "message": {"mid": message.message_id, "text": message.text},
    }
    return {
        "object": "page",
        "entry": [{"id": message.page_id, "time": moment, "messaging": [event]}],
    }
