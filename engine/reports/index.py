"""Every report by its name: functions of what can be read, of the rules, and of a query."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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
from engine.reports.asking import PARAMETERS, BadQuestion, Question, ask
from engine.reports.comparing import compared
from engine.reports.context import Context
from engine.reports.funnel import Funnel, funnel, on_paper
from engine.reports.naming import named
from engine.reports.paper import to_pdf
from engine.reports.printing import to_html
from engine.reports.shape import Report as Shape
from engine.reports.shape import Words
from engine.reports.tables import to_csv
from engine.store.figures import Figures
from engine.store.reading import Reader

_TIME: Final = frozenset({"period", "from", "to"})
_LAST_WEEK: Final = {"period": "last_week", "compare": "previous"}


class NotYours(Forbidden):
    """A report that somebody may not see who sees only some of the leads."""


class Named(msgspec.Struct, frozen=True):
    """One report: call it with reader, rules, query, instant, and whose leads one may see.

    Gives a `Shape`, or with ``format`` in the query a file: the text of csv or html, the bytes of
    pdf. ``lang`` is the language of labels and files, zh (default) or en. Raises BadQuestion,
    NotYours and NoPaper.

    ``build`` is None for the funnel, which has a shape of its own. A report is ``of_all`` that is
    about everybody's leads, so none for those who see their own only; ``by_event`` that is about
    what happened, whatever cohort is asked for; ``of_no_period`` that is the same whatever the
    period, so there is nothing before to compare with. ``of_log`` counts events of the log: of a
    time whose events are gone it says so. ``usual`` is asked where no time is.
    """

    name: str
    title: Words
    build: Callable[[Context], Shape] | None
    of_all: bool = False
    by_event: bool = False
    of_no_period: bool = False
    of_log: bool = False
    usual: Mapping[str, str] = {}

    @property
    def fixed(self) -> tuple[str, ...]:
        """The parameters that it does not let one choose."""
        if self.build is None:
            return PARAMETERS
        if self.of_no_period:
            return ("period", "cohort", "compare", "team", "owner")
        return ("cohort",) if self.by_event else ()

    def __call__(
        self,
        reader: Reader,
        ruleset: Ruleset,
        query: Mapping[str, str] | None = None,
        now: int = 0,
        own: frozenset[str] | None = None,
    ) -> Shape | Funnel | str | bytes:
        if own is not None and self.of_all:
            raise NotYours(f"the report {self.name} is about everybody's leads")
        given = dict(query or {})
        form, language = given.pop("format", "json"), given.pop("lang", "zh")
        if self.build is None:
            self._check_free(given)
            counted = funnel(reader.stage_entries(), ruleset.definitions.lifecycle, language)
            if form == "json":
                return counted
            made = on_paper(counted, self.title, now)
        else:
            made = self._made(self.build, reader, ruleset, self._question(ruleset, given, now, own))
            made = named(made, ruleset.definitions, language)
        if form == "csv":
            return to_csv(made, language)
        if form not in ("html", "pdf"):
            return made
        page = to_html(made, language)
        return to_pdf(page) if form == "pdf" else page

    def _check_free(self, query: Mapping[str, str]) -> None:
        """Raise BadQuestion where the figures of all leads there are were asked of some."""
        for name in query:
            raise BadQuestion(
                f'"{name[:80]}" is no parameter of {self.name}, which counts all leads there are; '
                "the report stages has the funnel of a period, a team or an owner"
            )

    def _question(
        self, ruleset: Ruleset, query: Mapping[str, str], now: int, own: frozenset[str] | None
    ) -> Question:
        definitions = ruleset.definitions
        teams = {t.id: tuple(m.id for m in t.members) for t in definitions.routing.teams.values()}
        given = {**query, **({"cohort": "event"} if self.by_event else {})}
        if not given.keys() & _TIME:
            given = {**self.usual, **given}
        return ask(given, now, definitions.reporting.zone, teams, own)

    def _made(
        self,
        build: Callable[[Context], Shape],
        reader: Reader,
        ruleset: Ruleset,
        question: Question,
    ) -> Shape:
        figures = reader.figures()
        report = build(Context(figures, ruleset.definitions, question))
        before = None if self.of_no_period else question.before()
        if before is not None:
            report = compared(report, build(Context(figures, ruleset.definitions, before)))
        at, asked = format_instant(question.now), question.parameters()
        notes = [*report.notes, *self._missing(figures, question)]
        return msgspec.structs.replace(report, at=at, parameters=asked, notes=notes)

    def _missing(self, figures: Figures, question: Question) -> Iterator[Words]:
        """Yield what is to be said of a period whose events are not all there any more."""
        begins = figures.log_begins() if self.of_log else None
        if begins is not None and (question.since is None or question.since < begins):
            day = question.day(begins)
            yield Words(
                f"{day} 以前的事件已按保留期删除，当时的收入、联系、应答和消息不再计入",
                f"events before {day} were removed by retention, and with them the sales, calls,"
                " answers and messages of that time",
            )


REPORTS: Final[Mapping[str, Named]] = {
    each.name: each
    for each in (
        Named("funnel", Words("漏斗", "Funnel"), None, of_all=True),
        Named("sources", sources.TITLE, sources.build, of_log=True),
        Named("channels", channels.TITLE, channels.build, of_log=True),
        Named("stages", stages.TITLE, stages.build),
        Named("cycle", cycle.TITLE, cycle.build, of_log=True),
        Named("people", people.TITLE, people.build, by_event=True, of_log=True),
        Named("losses", losses.TITLE, losses.build),
        Named("nurture", nurture.TITLE, nurture.build, by_event=True, of_log=True),
        Named("attribution", attribution.TITLE, attribution.build, of_log=True),
        Named("scores", scores.TITLE, scores.build),
        Named("rules", rules.TITLE, rules.build, of_all=True, of_no_period=True),
        Named("goals", goals.TITLE, goals.build, of_all=True, by_event=True, of_no_period=True),
        Named("weekly", weekly.TITLE, weekly.build, by_event=True, of_log=True, usual=_LAST_WEEK),
    )
}
