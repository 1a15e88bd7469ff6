"""What was sent, done, blocked and given as a task, as tests list it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from engine.machines.state import Delivery, Task
from engine.workbench.clockwork import Moment

Item = Mapping[str, Any]


def deeds(moments: Sequence[Moment], kind: str) -> list[Item]:
    """Return what was done, in order; ``kind`` is one of ``cases.LISTS``, whose keys items have."""
    return [item for moment in moments for item in _KINDS[kind](moment)]


def _sends(moment: Moment) -> Iterator[Item]:
    for each in moment.decision.deliveries:
        if each.status != "blocked" and each.message is not None:
            yield _sent(moment, each)


def _blocked(moment: Moment) -> Iterator[Item]:
    for each in moment.decision.deliveries:
        if each.status == "blocked":
            yield _sent(moment, each)


def _sent(moment: Moment, delivery: Delivery) -> Item:
    return {
        "message": delivery.message,
        "connection": delivery.connection,
        "reason": delivery.reason,
        **_place(moment, delivery),
    }


def _does(moment: Moment) -> Iterator[Item]:
    for each in moment.decision.deliveries:
        if each.status != "blocked" and each.message is None:
            what = {"do": each.connection, "to": each.to, "kind": each.kind or None}
            yield {**what, "reason": each.reason or None, **_place(moment, each)}


def _tasks(moment: Moment) -> Iterator[Item]:
    for each in moment.decision.tasks:
        mine = {"title": each.title, "owner": each.owner, "priority": each.priority}
        yield {**mine, **_place(moment, each)}


def _place(moment: Moment, what: Delivery | Task) -> Item:
    return {"journey": what.journey, "step": what.step, "at": moment.at}


_KINDS: Final[Mapping[str, Callable[[Moment], Iterator[Item]]]] = {
    "sends": _sends,
    "does": _does,
    "blocked": _blocked,
    "tasks": _tasks,
}
