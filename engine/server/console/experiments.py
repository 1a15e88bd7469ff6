"""Experiments: the splits of journeys, who got which variant, and who has won."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from engine.host.experiments import judged
from engine.host.runtime import Runtime
from engine.language.definitions import Journey, Step
from engine.language.handling import AutoWinner
from engine.language.instants import format_instant
from engine.machines.sequential import Arm
from engine.server.console.intervals import wilson
from engine.server.console.pages import get
from engine.server.console.room import page, room_of, words_of
from engine.server.console.telling import event_name
from engine.server.endpoint import reading, services
from engine.store.rows import to_json


async def experiments(request: Request) -> Response:
    """All splits."""
    return page(request, "experiments.html", "experiments", items=await reading(_all, request))


def _all(request: Request) -> list[dict[str, Any]]:
    definitions = services(request).runtime.ruleset.definitions
    return [
        _split(request, journey, step)
        for journey in definitions.journeys
        for step in journey.steps
        if step.split is not None
    ]


def _split(request: Request, journey: Journey, step: Step) -> dict[str, Any]:
    runtime = services(request).runtime
    split, won = step.split, runtime.reader.boards().winner(journey.id, step.id)
    assert split is not None
    given, arms, at = room_of(request).figures.get(
        f"split:{journey.id}:{step.id}", lambda: _counted(runtime, journey, step)
    )
    auto = split.auto
    behind = None if auto is None else _behind(auto, at)
    verdict = None if auto is None else judged(split, auto, arms)
    total = sum(given.values()) or 1
    variants = []
    for each in split.variants:
        arm = arms.get(each.name)
        leads, hits = (arm.leads, arm.hits) if arm else (0, 0)
        variants.append(
            {
                "name": each.name,
                "weight": each.weight,
                "given": given.get(each.name, 0),
                "share": given.get(each.name, 0) / total,
                "leads": leads,
                "hits": hits,
                "interval": wilson(hits, leads),
                "won": each.name == (won or {}).get("variant", split.winner),
            }
        )
    return {
        "journey": journey,
        "step": step,
        "auto": auto,
        "metric": None if auto is None else _metric(request, auto.metric),
        "variants": variants,
        "behind": behind,
        "winner": won,
        "verdict": verdict,
        "place": runtime.ruleset.definitions.place(step.source),
    }


def _metric(request: Request, name: str) -> str:
    """Return what people call a metric: an outcome of a mail, or a kind of event."""
    words = words_of(request)
    return words.texts.get(f"metric.{name}") or event_name(request, words, name)


def _behind(auto: AutoWinner, at: int) -> tuple[str, str]:
    """Return what finds the leads whose time was over at an instant, and those of them who hit."""
    over = {"then_to": format_instant(at - auto.within + 1)}
    had = {"had_mail" if auto.own else "had": to_json(auto.events), "within": auto.within}
    return urlencode(over), urlencode({**over, **had})


def _counted(
    runtime: Runtime, journey: Journey, step: Step
) -> tuple[dict[str, int], dict[str, Arm], int]:
    """Return how many leads each variant was given, what its metric says of them, and when."""
    now = runtime.clock.now()
    given, auto = runtime.reader.boards().split(journey.id, step.id), step.split and step.split.auto
    if not auto:
        return given, {}, now
    return given, runtime.reader.arms(journey.id, step.id, auto, now), now


ENDPOINTS: Final = (get("/console/experiments", experiments, "Experiments"),)
