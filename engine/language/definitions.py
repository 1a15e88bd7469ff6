"""What a configuration says, typed, each thing with the place where it was written.

What judges a lead is defined in `rules`, what is done with it in `handling`; both stand here
under one name, for everybody who reads a configuration.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.language.calendars import Calendar
from engine.language.catalogue import Catalogue
from engine.language.diagnostic import Source
from engine.language.handling import (
    Attached,
    Away,
    ChannelSettings,
    Claim,
    Connection,
    Journey,
    Limits,
    Member,
    Message,
    Pool,
    Recycle,
    Route,
    Routing,
    Rung,
    Server,
    Sla,
    Step,
    Team,
    Wording,
)
from engine.language.intake import Intake
from engine.language.label import Text
from engine.language.reporting import Reporting
from engine.language.rules import (
    Absence,
    Aggregate,
    All,
    AnyOf,
    Condition,
    Dimension,
    FieldRef,
    Grade,
    Guard,
    Lifecycle,
    Model,
    Not,
    Repeat,
    ScoreRule,
    Span,
    Stage,
    Struct,
    Test,
)
from engine.language.sending import SendingPolicy
from engine.language.strategies import Strategy

__all__ = (
    "Absence",
    "Aggregate",
    "All",
    "AnyOf",
    "Attached",
    "Away",
    "ChannelSettings",
    "Claim",
    "Condition",
    "Connection",
    "Definitions",
    "Dimension",
    "FieldRef",
    "Grade",
    "Guard",
    "Journey",
    "Lifecycle",
    "Limits",
    "Member",
    "Message",
    "Model",
    "Not",
    "Pool",
    "Recycle",
    "Repeat",
    "Route",
    "Routing",
    "Rung",
    "ScoreRule",
    "Server",
    "Sla",
    "Span",
    "Stage",
    "Step",
    "Struct",
    "Team",
    "Test",
    "Wording",
)


class Definitions(Struct, frozen=True, kw_only=True):
    """A whole configuration that has been found good. ``version`` is its sha256, in hex.

    ``templates`` has what each file of ``templates/`` says, by its name there; ``strategies``
    are those of plugins.
    """

    version: str
    catalogue: Catalogue
    calendars: Mapping[str, Calendar]
    models: tuple[Model, ...]
    lifecycle: Lifecycle
    routing: Routing
    journeys: tuple[Journey, ...]
    messages: Mapping[str, Message]
    server: Server
    identities: tuple[str, ...]
    intake: Intake
    sending: SendingPolicy = SendingPolicy()
    reporting: Reporting = Reporting()
    files: tuple[str, ...] = ()
    folder: str = ""
    templates: Mapping[str, str] = {}
    strategies: Mapping[str, Strategy] = {}

    def place(self, source: Source) -> str:
        """Return ``config/scoring.yaml:12:7``, wherever the folder itself is."""
        parent = self.folder.rpartition("/")[0]
        whole = str(source)
        return whole.removeprefix(f"{parent}/") if parent else whole

    @property
    def default_model(self) -> Model:
        """The model whose score and grade are the lead's own: ``default``, else the first."""
        return next((m for m in self.models if m.id == "default"), self.models[0])

    @property
    def orders(self) -> dict[str, tuple[str, ...]]:
        """What stages, grades and ordered fields may be, by fact, lowest first."""
        fields = self.catalogue.fields.values()
        found = {f"lead.{field.name}": field.values for field in fields if field.ordered}
        found["stage"] = tuple(each.id for each in self.lifecycle.stages)
        for model in self.models:
            found[f"grade.{model.id}"] = tuple(each.grade for each in reversed(model.grades))
        return {**found, "grade": found[f"grade.{self.default_model.id}"]}

    @property
    def labels(self) -> dict[str, dict[str, Text | None]]:
        """What people call a thing whose id alone is kept with leads, by its kind and id."""
        routing = self.routing
        recycling = (rule for pool in routing.pools.values() for rule in pool.recycle)
        return {
            "stage": {each.id: each.label for each in self.lifecycle.stages},
            "journey": {each.id: each.label for each in self.journeys},
            "message": {each.id: each.label for each in self.messages.values()},
            "team": {each.id: each.label for each in routing.teams.values()},
            "pool": {each.id: each.label for each in routing.pools.values()},
            "model": {each.id: each.label for each in self.models},
            "grade": {each.grade: each.label for each in self.default_model.grades},
            "route": {each.id: each.label for each in routing.rules},
            "sla": {each.id: each.label for each in routing.slas},
            "recycle": {each.id: each.label for each in recycling},
            "screen": {each.id: each.label for each in self.intake.rules},
        }
