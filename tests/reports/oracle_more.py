"""The other half of the oracle: losses, nurture, attribution, grades, rules, goals, the review."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import pandas as pd

from tests.reports import oracle
from tests.reports.oracle import EVER, Answer, Cells
from tests.reports.told import (
    DAY,
    MILESTONES,
    Asked,
    Share,
    Told,
    cents,
    chinese,
    midnight,
    share,
    within,
)

KINDS = {
    "sent": ("email_sent", "sms_sent"),
    "delivered": ("email_delivered", "sms_delivered"),
    "opened": ("email_opened",),
    "clicked": ("email_clicked",),
    "replied": ("email_replied", "sms_replied", "wecom_message_received"),
    "unsubscribed": ("unsubscribed",),
    "bounced": ("email_bounced", "sms_failed"),
    "complained": ("email_complained",),
    "blocked": ("message_blocked",),
}
TOUCHES = {
    "email_clicked": "email",
    "email_replied": "email",
    "sms_replied": "sms",
    "wecom_contact_added": "wecom",
    "wecom_message_received": "wecom",
    "webinar_attended": "webinar",
    "event_attended": "event",
    "chat_started": "chat",
}


# Where in the tree of sources stands what money is spent on.
SPENT_ON = {"百度SEM": "online/sem", "官网表单": "online/website", "知乎白皮书": "online/social"}
ORIGINS = {
    "internal": "内部",
    "external": "外部",
    "conversion": "转化",
    None: "未归类",
}


def channels(told: Told, asked: Asked) -> Answer:
    """By kind and by origin in the tree of sources, and what comes free."""
    tree, every = told.rules.tree, told.rules.reporting["costs"]
    costs = {kind: [c for c in every if SPENT_ON.get(c.get("source")) == kind]
             for kind in SPENT_ON.values()}  # fmt: skip
    kinds = {kind for (kind,) in oracle.touched(told, asked, "kind")} | costs.keys()
    found = {kind: oracle.summed(told, asked, costs.get(kind, []), kind=kind) for kind in kinds}
    whole = len(told.made(asked))
    free = {kind: each.leads for kind, each in found.items() if tree.is_free(kind.split("/"))}
    rows = []
    for kind, each in found.items():
        path = tuple(dict.fromkeys(kind.split("/")))
        known = path[0] != "unclassified"
        called = str(tree.label(path)) if known else ORIGINS[None]
        named = {"channel": path[0], "kind": path[1] if len(path) > 1 else None, "label": called}
        rows.append({
            **named, **oracle.priced(each), "share": Share(each.leads, whole),
            "free_share": Share(each.leads, sum(free.values())) if kind in free else None,
        })  # fmt: skip
    of = {kind: tree.origin(kind.split("/")) for kind in kinds}
    origins = []
    for origin in set(of.values()):
        some = [each for kind, each in found.items() if of[kind] == origin]
        spent = [each.cost for each in some if each.cost is not None]
        reached = {name: sum(each.reached[name] for each in some) for name in MILESTONES}
        revenue, leads = sum(each.revenue for each in some), sum(each.leads for each in some)
        together = oracle.Sum(leads, reached, Fraction(revenue), sum(spent) if spent else None)
        cells = {**oracle.priced(together), "share": Share(leads, whole)}
        origins.append({"origin": ORIGINS[origin], **cells})
    figures: Cells = {"free": sum(free.values())}
    for kind, leads in free.items():
        if leads:
            figures[f"free_share.{kind.split('/')[-1]}"] = Share(leads, figures["free"])
    return Answer(figures, {"kinds": rows, "origins": origins})


def losses(told: Told, asked: Asked) -> Answer:
    """By reason, and by the stage from which it was lost."""
    lost = told.stages[told.stages["to"] == "lost"]
    if asked.by_event:
        lost = lost[within(lost["at"], asked)]
    else:
        lost = lost[lost["now"].isin(told.made(asked).index)]
    tables = {}
    for table, column, named in (("reasons", "reason", "reason"), ("stages", "from", "stage")):
        counts = lost[column].value_counts(dropna=False)
        tables[table] = [
            {named: value or None, "lost": int(n), "share": Share(int(n), len(lost))}
            for value, n in counts.items()
        ]
    return Answer({"lost": len(lost)}, tables)


def nurture(told: Told, asked: Asked) -> Answer:
    """By message, step, variant and journey."""
    letters = told.people[within(told.people["at"], asked)]
    letters = letters[letters["type"].isin([type for types in KINDS.values() for type in types])]
    of_steps = letters[letters["journey"].notna()]
    tables = {
        "messages": _letters(letters, ["message"]),
        "steps": _letters(of_steps, ["journey", "step"]),
        "variants": _variants(told, asked),
        "journeys": _journeys(told, asked),
    }
    return Answer({}, tables)


def _letters(letters: pd.DataFrame, by: list[str]) -> list[Cells]:
    rows = []
    for named, each in letters.groupby(by, dropna=False):
        leads = each.groupby("type")["lead"].nunique()
        count = {key: int(leads.reindex(types).sum()) for key, types in KINDS.items()}
        rates = {
            rate: Share(count[key], count["sent"])
            for rate, key in (
                ("open_rate", "opened"),
                ("click_rate", "clicked"),
                ("reply_rate", "replied"),
                ("unsubscribe_rate", "unsubscribed"),
            )
        }
        names = (None if pd.isna(name) else name for name in named)
        rows.append({**dict(zip(by, names, strict=True)), **count, **rates})
    return rows


def _variants(told: Told, asked: Asked) -> list[Cells]:
    rows = []
    dealt = told.splits[within(told.splits["at"], asked)]
    for (journey, step, variant), each in dealt.groupby(["journey", "step", "variant"]):
        own = told.people[told.people["journey"] == journey]
        got = own.merge(each, on="lead", suffixes=("", "_dealt"))
        got = got[got["at"] >= got["at_dealt"]]
        sent, opened, clicked = (
            int(got[got["type"] == type]["lead"].nunique())
            for type in ("email_sent", "email_opened", "email_clicked")
        )
        rows.append({
            "journey": journey, "step": step, "variant": variant, "leads": each["lead"].nunique(),
            "sent": sent, "opened": opened, "clicked": clicked,
            "open_rate": Share(opened, sent), "click_rate": Share(clicked, sent),
        })  # fmt: skip
    return rows


def _journeys(told: Told, asked: Asked) -> list[Cells]:
    rows = []
    entered = told.enrolments[within(told.enrolments["entered_at"], asked)]
    for journey, each in entered.groupby("journey"):
        stages = [told.entered.get(lead, set()) for lead in each["now"].unique()]
        mql = [each for each in stages if "mql" in each]
        sql = sum("assigned" in each for each in mql)
        counts = {"entered": len(stages), "mql": len(mql), "sql": sql}
        rows.append({"journey": journey, **counts, "mql_to_sql": Share(sql, len(mql))})
    return rows


def _parts(touches: int) -> dict[str, list[Fraction]]:
    """What each touch gets by each model."""
    one, last = Fraction(1), touches - 1
    ends = Fraction(2, 5)
    rest = Fraction(1, 5) / (touches - 2) if touches > 2 else Fraction(0)
    some = range(touches)
    return {
        "first": [one if n == 0 else 0 * one for n in some],
        "last": [one if n == last else 0 * one for n in some],
        "linear": [one / touches for _ in some],
        "position": [
            one / touches if touches <= 2 else ends if n in (0, last) else rest for n in some
        ],
    }


def attribution(told: Told, asked: Asked) -> Answer:
    """By channel, and what customers are worth."""
    met = told.people[told.people["type"].isin(TOUCHES) | told.people["named"].notna()]
    met = met.sort_values(["at", "seq"])
    credit: dict[str, Counter[str]] = defaultdict(Counter)
    sold = told.sold(asked)
    for deal in sold.itertuples():
        own = met[(met["lead"] == deal.lead) & (met["at"] <= deal.at)]
        channels = [
            TOUCHES[type] if pd.isna(named) else named
            for type, named in zip(own["type"], own["named"], strict=True)
        ] or [deal.source]
        for model, shares in _parts(len(channels)).items():
            for channel, part in zip(channels, shares, strict=True):
                credit[channel][model] += part * Fraction(deal.amount)
        for channel in channels:
            credit[channel]["touches"] += 1
    rows = [
        {
            "channel": channel or None,
            **{model: cents(Fraction(got[model])) for model in _parts(1)},
            "touches": got["touches"],
        }
        for channel, got in credit.items()
    ]
    worth = []
    bought = told.deals[told.deals["lead"].isin(sold["lead"])]
    for source, each in bought.groupby("source"):
        revenue, customers = sum(map(Fraction, each["amount"])), each["lead"].nunique()
        counts = {"customers": customers, "sales": len(each)}
        money = {"revenue": cents(revenue), "clv": cents(revenue / customers)}
        worth.append({"source": source or None, **counts, **money})
    return Answer({}, {"channels": rows, "clv": worth})


def scores(told: Told, asked: Asked) -> Answer:
    """By grade now, and by score."""
    made, won = told.made(asked), told.rules.way.index("won")
    grades = []
    for grade, each in made.groupby("grade"):
        hits = int((told.furthest.loc[each.index] >= won).sum())
        share = {"share": Share(len(each), len(made)), "conversion": Share(hits, len(each))}
        grades.append({"grade": grade or None, "leads": len(each), "won": hits, **share})
    edges = [float("-inf"), *map(float, range(0, 101, 10)), float("inf")]
    names = ["< 0", *(f"{low}-{low + 10}" for low in range(0, 100, 10)), ">= 100"]
    bands = pd.cut(told.alive["score"], edges, right=False, labels=names).value_counts()
    return Answer(
        {}, {"grades": grades, "scores": [{"band": n, "leads": int(bands[n])} for n in names]}
    )


def rules(told: Told, asked: Asked) -> Answer:
    """How often each rule fired."""
    events, clocks = told.decided, told.clocks
    given = told.ledger[(told.ledger["reason"] == "") & (told.ledger["source"] != "")]
    starts = clocks.drop_duplicates(["lead", "started_at", "sla"])
    hits: Mapping[str, pd.Series] = {
        "rule": given["rule"].value_counts(),
        "stage": told.stages["to"].value_counts(),
        "route": events[events["type"] == "lead_assigned"]["rule"].value_counts(),
        "sla": starts["sla"].value_counts(),
        "journey": told.began["journey"].value_counts(),
    }
    rows = [
        {"kind": kind, "rule": id, "place": place, "hits": int(hits[kind].get(id, 0))}
        for kind, id, place in told.rules.places()
    ]
    never = [row for row in rows if row["hits"] == 0]
    return Answer({"never": len(never)}, {"hits": rows, "never": never})


def goals(told: Told, asked: Asked) -> Answer:
    """How far each goal is reached."""
    return Answer({}, {"goals": [_goal(told, goal) for goal in told.rules.reporting["goals"]]})


def _goal(told: Told, goal: Cells) -> Cells:
    first, last = goal["from"], goal["to"]
    own = Asked(midnight(first), midnight(last, 1), True)
    days = (last - first).days + 1
    value = _measure(told, goal["measure"], own)
    target, baseline = goal.get("target"), None
    if target is None:
        before = Asked(midnight(first, -days), own.since, True)
        baseline = _measure(told, goal["measure"], before)
    if target is None and baseline is not None:
        was = Fraction(str(baseline))
        if "change" in goal:
            target = float(round(was * (1 + Fraction(str(goal["change"]))), 6))
        else:
            target = float(round(was + Fraction(str(goal["change_by"])), 6))
    progress = None
    if value is not None and target is not None:
        fewer = goal["measure"] in ("cost_per_lead", "cac", "cycle_days")
        some, whole = (target, value) if fewer else (value, target)
        progress = round(some / whole, 4) if whole else None
    gone = min(max(told.now - own.since, 0), own.until - own.since) / (own.until - own.since)
    return {
        "goal": goal["id"], "label": chinese(goal.get("label")), "measure": goal["measure"],
        "from": str(first), "to": str(last), "value": value, "baseline": baseline,
        "target": target, "progress": progress, "elapsed": gone, "state": _state(progress, gone, goal["measure"]),
    }  # fmt: skip


def _state(progress: float | None, gone: float, measure: str) -> str:
    if progress is None:
        return "unknown"
    if progress >= 1:
        return "reached"
    if gone >= 1:
        return "missed"
    grows = measure in ("leads", "mql", "sql", "opportunity", "won", "revenue")
    return "on_track" if grows and progress >= gone else "behind"


def _measure(told: Told, name: str, asked: Asked) -> Any:
    figures = oracle.sources(told, asked).figures
    if name == "cycle_days":
        took = oracle.cycle(told, asked).figures["cycle"]
        return None if took is None else round(took / DAY, 2)
    if name == "mql_to_sql":
        return share(figures["sql"], figures["mql"])
    found = figures[name]
    return share(*found) if isinstance(found, Share) else found


def weekly(told: Told, asked: Asked) -> Answer:
    """Parts of the others, by event."""
    event = asked._replace(by_event=True)
    funnel, lost = oracle.sources(told, event), losses(told, event)
    late = oracle.stuck(told, EVER._replace(by_event=False))
    figures = {
        **funnel.figures,
        "cycle": oracle.cycle(told, event).figures["cycle"],
        "lost": lost.figures["lost"],
        "stuck": len(late),
    }
    tables = {
        "sources": funnel.tables["sources"],
        "reasons": lost.tables["reasons"],
        "funnel": [
            {key: value for key, value in row.items() if key not in ("now", "stuck")}
            for row in oracle.stages(told, event).tables["stages"]
        ],
        "people": oracle.people(told, event).tables["people"],
        "stuck": oracle.waiting(told, late[:20]),
        "goals": goals(told, asked).tables["goals"],
    }
    return Answer(figures, tables, funnel.totals, funnel.series)


ORACLES: Mapping[str, Callable[[Told, Asked], Answer]] = {
    "sources": oracle.sources,
    "channels": channels,
    "stages": oracle.stages,
    "cycle": oracle.cycle,
    "people": oracle.people,
    "losses": losses,
    "nurture": nurture,
    "attribution": attribution,
    "scores": scores,
    "rules": rules,
    "goals": goals,
    "weekly": weekly,
}


def funnel(told: Told) -> Cells:
    """All leads by stage and by source, as the overview shows them."""
    way = told.rules.way
    every = EVER._replace(by_event=False)
    now = told.leads["stage"].value_counts()
    reached = {stage: told.reached(stage, every) for stage in told.rules.order}
    whole = len(told.leads)
    stages = []
    for stage, leads in reached.items():
        at = way.index(stage) if stage in way else 0
        before = len(reached[way[at - 1]]) if at else None
        stages.append({
            "stage": stage, "label": told.rules.labels[stage], "reached": len(leads),
            "now": int(now.get(stage, 0)), "share": len(leads) / whole,
            "passed": None if before is None else len(leads) / before if before else 0.0,
            "dropped": None if before is None else before - len(leads),
        })  # fmt: skip
    sources = []
    for source, each in told.leads.groupby("source"):
        counts = {stage: len(leads.intersection(each.index)) for stage, leads in reached.items()}
        conversion = counts[way[-1]] / len(each)
        named = {"source": source or None, "leads": len(each)}
        sources.append({**named, "reached": counts, "conversion": conversion})
    return {"leads": whole, "stages": stages, "sources": sources}
