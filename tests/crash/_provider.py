"""A mail server on loopback that counts what reaches it and sometimes gives no answer."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any


class Provider:
    """For aiosmtpd. ``reached`` counts messages by Message-ID, ``unclear`` those left unanswered.

    Of the messages ``silent`` are taken without an answer: the connection is cut after the last
    byte, so that the sender cannot know.
    """

    def __init__(self, seed: str, silent: float = 0.08) -> None:
        self.reached: Counter[str] = Counter()
        self.unclear: Counter[str] = Counter()
        self.now = 0
        self._chance = random.Random(f"{seed}-provider")
        self._silent = silent

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.now += 1
        try:
            return await self._take(server, envelope.content)
        finally:
            self.now -= 1

    async def _take(self, server: Any, content: bytes) -> str:
        id = message_id_of(content)
        self.reached[id] += 1
        await asyncio.sleep(self._chance.uniform(0, 0.02))
        if self._chance.random() < self._silent:
            self.unclear[id] += 1
            server.transport.close()
            return "451 nobody hears this"
        return "250 taken"


def message_id_of(content: bytes) -> str:
    """Return the Message-ID, which is made from the delivery's idempotency key."""
    head = content.split(b"\r\n\r\n", 1)[0].decode("ascii", "replace")
    line = next(line for line in head.split("\r\n") if line.lower().startswith("message-id:"))
    return line.partition(":")[2].strip()
