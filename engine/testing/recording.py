"""An action that remembers what it was given, and deliveries to give to actions."""

from __future__ import annotations

from typing import Any, Final

from engine.plugin import Action, ActionContext, Delivered, OutgoingDelivery, Result
from engine.testing.clock import FakeClock

_MADE: Final = OutgoingDelivery(
    key="delivery-1",
    lead="0197f3a0-0000-7000-8000-000000000001",
    connection="notify",
    audience="lead",
    attempt=1,
    created_at=FakeClock().now(),
    subject="新线索：金泰阀门",
    text="王芳，您好！",
    html="<p>王芳，您好！</p>",
    markdown="**王芳**，您好！",
)


def delivery(**given: Any) -> OutgoingDelivery:
    """Return a delivery to a lead with Chinese texts; ``given`` replaces its attributes."""
    attributes = {name: getattr(_MADE, name) for name in OutgoingDelivery.__struct_fields__}
    return OutgoingDelivery(**{**attributes, **given})


class RecordingAction(Action):
    """Keeps its ``deliveries``; answers with the next of ``answers``, then with Delivered."""

    connection_schema = {"type": "object", "additionalProperties": False}  # noqa: RUF012 - as documented

    def __init__(self, *answers: Result, name: str = "record") -> None:
        self.name = name
        self.answers = list(answers)
        self.deliveries: list[OutgoingDelivery] = []
        self.contexts: list[ActionContext] = []

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        """Remember it."""
        self.deliveries.append(delivery)
        self.contexts.append(context)
        return self.answers.pop(0) if self.answers else Delivered(f"record-{delivery.key}")
