"""Every report by its name: functions of what can be read, of the rules, and of a query."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Final

import msgspec

from engine.errors import Forbidden
from engine.language.instants import format_instant
from engine.network.ruleset import Ruleset
from engine.reports import (
    attribution,
    channels,
    cycle,
    goals,
    losses,
    nurture,
    people,
    rules,
    scores,
    sources,
    stages,
    weekly,
)
from engine.reports.asking import ask
from engine.reports.comparing import compared
from engine.reports.context import Context
from engine.reports.funnel import Funnel, funnel, on_paper
from engine.reports.naming import named
from engine.reports.paper import to_pdf
from engine.reports.printing import to_html
from engine.reports.shape import Report as Shape
from engine.reports.shape import Words
from engine.reports.tables import to_csv
from engine.store.reading import Reader

BUILDERS: Final[Mapping[str, ModuleType]] = {
    "sources": sources,
    "channels": channels,
    "stages": stages,
    "cycle": cycle,
    "people": people,
    "losses": losses,
    "nurture": nurture,
    "attribution": attribution,
    "scores": scores,
    "rules": rules,
    "goals": goals,
    "weekly": weekly,
}
# About what happened, whatever cohort is asked for.
BY_EVENT: Final = frozenset({"people", "nurture", "goals", "weekly"})
# The same whatever the period, so there is nothing before to compare with.
OF_NO_PERIOD: Final = frozenset({"rules", "goals"})
# About everybody's leads, so none for those who see their own only.
OF_ALL: Final = frozenset({"funnel", "rules", "goals"})


class NotYours(Forbidden):
    """A report that somebody may not see who sees only some of the leads."""


def make(
    name: str,
    reader: Reader,
    ruleset: Ruleset,
    query: Mapping[str, str] | None = None,
    now: int = 0,
    own: frozenset[str] | None = None,
) -> Shape:
    """Return one report; ``own`` are those whose leads who asks may see, None for all.

    Raises BadQuestion, and NotYours.
    """
    if own is not None and name in OF_ALL:
        raise NotYours(f"the report {name} is about everybody's leads")
    definitions = ruleset.definitions
    teams = {t.id: tuple(m.id for m in t.members) for t in definitions.routing.teams.values()}
    given = {**(query or {}), **({"cohort": "event"} if name in BY_EVENT else {})}
    if name == "weekly" and not given.keys() & {"period", "from", "to"}:
        given = {"period": "last_week", "compare": "previous", **given}
    question = ask(given, now, definitions.reporting.zone, teams, own)
    figures = reader.figures()
    build = BUILDERS[name].build
    report: Shape = build(Context(figures, definitions, question))
    before = None if name in OF_NO_PERIOD else question.before()
    if before is not None:
        report = compared(report, build(Context(figures, definitions, before)))
    return msgspec.structs.replace(report, at=format_instant(now), parameters=question.parameters())


class Named:
    """One report: call it with reader, rules, query, instant, and whose leads one may see.

    Gives a `Shape`, or with ``format`` in the query a file: the text of csv or html, the bytes of
    pdf. ``lang`` is the language of labels and files, zh (default) or en. Raises BadQuestion,
    NotYours and NoPaper.
    """

    def __init__(self, name: str, title: Words) -> None:
        self.name = name
        self.title = title

    def __call__(
        self,
        reader: Reader,
        ruleset: Ruleset,
        query: Mapping[str, str] | None = None,
        now: int = 0,
        own: frozenset[str] | None = None,
    ) -> Shape | Funnel | str | bytes:
        given = dict(query or {})
        form, language = given.pop("format", "json"), given.pop("lang", "zh")
        if self.name == "funnel":
            if own is not None:
                raise NotYours("the report funnel is about everybody's leads")
            counted = funnel(reader.stage_entries(), ruleset.definitions.lifecycle, language)
            if form == "json":
                return counted
            made = on_paper(counted, self.title, now)
        else:
            made = make(self.name, reader, ruleset, given, now, own)
            made = named(made, ruleset.definitions, language)
        if form == "csv":
            return to_csv(made, language)
        if form not in ("html", "pdf"):
            return made
        page = to_html(made, language)
        return to_pdf(page) if form == "pdf" else page


REPORTS: Final[Mapping[str, Named]] = {
    "funnel": Named("funnel", Words("漏斗", "Funnel")),
    **{name: Named(name, module.TITLE) for name, module in BUILDERS.items()},
}
