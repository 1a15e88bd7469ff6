"""The action ``log``: one line in the log, for notices and for trying things out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from engine.plugin import Action, ActionContext, Delivered, OutgoingDelivery, Result, hookimpl

SETTINGS: Final[Mapping[str, Any]] = {"type": "object", "additionalProperties": False}

logger = logging.getLogger("leadrules.action.log")


class LogAction(Action):
    """Writes which message would go to which lead, as JSON; never names, addresses or texts."""

    name = "log"
    connection_schema = SETTINGS

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        line = {
            "lead": delivery.lead,
            "connection": delivery.connection,
            "message": delivery.message,
            "journey": delivery.journey,
            "step": delivery.step,
            "audience": delivery.audience,
            "attempt": delivery.attempt,
        }
        logger.info(msgspec.json.encode(line).decode())
        return Delivered()


@hookimpl
def register_actions(register: Callable[[Action], None]) -> None:
    """Register the action."""
    register(LogAction())
