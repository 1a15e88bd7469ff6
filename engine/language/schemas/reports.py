"""``reports.yaml``."""

from __future__ import annotations

from engine.language.reporting import MEASURES, MILESTONES, SALES
from engine.language.schemas.forms import (
    Schema,
    choice,
    listing,
    mapping,
    number,
    record,
    ref,
    text,
)

_CURRENCY = "^[A-Z]{3}$"


def structure() -> Schema:
    """Return the keys of the file."""
    cost = {
        "source": text("The source that it was spent on; left out: on all leads (渠道)."),
        "campaign": text("The campaign (utm_campaign), of the source if one is named."),
        "kind": text("The kind of source that it was spent on (渠道类型), as catalog.yaml has it."),
        "currency": text(
            "What it was paid in, if not `currency`; `rates` has it.", pattern=_CURRENCY
        ),
        "amount": number("Spread evenly over the days from `from` to `to` (总额).", minimum=0),
        "per_lead": number("For each lead made in these days (单条线索成本).", minimum=0),
        "from": ref("day"),
        "to": ref("day"),
        "label": ref("label"),
    }
    goal = {
        "id": text("A name of its own."),
        "label": ref("label"),
        "measure": choice(MEASURES, "What is measured (指标)."),
        "from": ref("day"),
        "to": ref("day"),
        "target": number("What it is to be (目标值)."),
        "change": number("Against as many days before: 0.2 is a fifth more (提升 20%)."),
        "change_by": number("Against as many days before: -15 is fifteen less (缩短 15 天)."),
    }
    stages = {
        name: text(f"The stage that counts as {name}; by default {', '.join(known)}.")
        for name, known in MILESTONES.items()
    }
    return {
        "title": "Reports, costs and goals",
        "properties": {
            "zone": ref("zone"),
            "currency": text("What amounts are in; default CNY (货币).", pattern=_CURRENCY),
            "rates": mapping(
                number("What one unit of it is worth in `currency`.", exclusiveMinimum=0),
                "Other currencies (汇率), such as USD.",
                propertyNames={"pattern": _CURRENCY},
            ),
            "revenue": listing(choice(SALES), "The events whose `amount` is revenue (收入).", 1),
            "stuck_after": ref("duration"),
            "stages": record(stages, description="Which stages stand for the milestones."),
            "costs": listing(record(cost), "What leads cost, by source and campaign (渠道成本)."),
            "cost_files": listing(
                text("A CSV file in this folder, such as costs/2026-03.csv."),
                "Further costs (导入).",
            ),
            "goals": listing(
                record(goal, ("id", "measure", "from", "to")), "What is aimed at (目标)."
            ),
        },
    }
