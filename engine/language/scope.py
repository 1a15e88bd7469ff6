"""The names a configuration may use: what a dotted path in a condition means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from engine.language.catalogue import MESSAGE_PROPERTIES, Catalogue, Field
from engine.language.reader import Document, Path

ANY = "any"
_SIMPLE = {
    "owner": Field("owner", "string"),
    "team": Field("team", "string"),
    "pool": Field("pool", "string"),
}
_ALIASES = {"tags": "lead.tags", "source": "lead.source.name", "lead.source": "lead.source.name"}
# The kind of file that declares each sort of name, by the first part of a path or a noun.
_HOMES = {
    **dict.fromkeys(("score", "grade", "dimension"), "scoring"),
    **dict.fromkeys(("lead", "event", "source"), "catalog"),
    **dict.fromkeys(("team", "pool"), "routing"),
    "stage": "lifecycle",
    "journey": "journeys",
    "message": "messages",
    "connection": "server",
    "calendar": "calendars",
}


class Resolved(msgspec.Struct, frozen=True):
    """A dotted path that is known: its canonical fact and its type."""

    fact: str
    field: Field


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that names refer to, gathered before any rule is read.

    ``models`` maps a model to its dimensions, ``grades`` to its grades, best first;
    ``named`` maps a condition's name to where it stands; ``broken`` are (sort, name) of what is
    declared in a wrong form, which is not unknown; ``unread`` lists the kinds of
    files that could not be read, whose names are therefore not unknown but unseen;
    ``lists`` are those of intake.yaml, known to its own rules only.
    """

    catalogue: Catalogue
    models: Mapping[str, Sequence[str]]
    grades: Mapping[str, Sequence[str]]
    stages: tuple[str, ...]
    journeys: frozenset[str]
    named: Mapping[str, tuple[Document, Path]]
    calendars: frozenset[str]
    broken: frozenset[tuple[str, str]] = frozenset()
    unread: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()

    @property
    def default_model(self) -> str:
        """The model that ``score.total`` and ``grade`` mean."""
        return "default" if "default" in self.models else next(iter(self.models), "default")

    def resolve(self, path: str, events: Sequence[str] = ()) -> Resolved | None:
        """Return what ``path`` means, or None; ``events`` are the types that ``event.`` may be."""
        path = _ALIASES.get(path, path)
        if path in _SIMPLE:
            return Resolved(path, _SIMPLE[path])
        head, _, rest = path.partition(".")
        if head == "lead":
            return self._lead(rest)
        if head == "source" and f"source.{rest}" in self.catalogue.fields:
            return self._lead(path)
        if head == "event":
            return self._event(rest, events)
        if head == "score":
            return self._score(rest)
        if head == "grade":
            return self._grade(rest)
        if head == "listed" and rest in self.lists:
            return Resolved(path, Field(path, "boolean"))
        if path == "stage":
            return Resolved(path, Field(path, "enum", values=self.stages, ordered=True))
        if head == "journey" and rest in self.journeys:
            return Resolved(path, Field(path, "string"))
        return None

    def _lead(self, name: str) -> Resolved | None:
        if name.startswith("consent."):
            given = Field(name, "enum", values=("given", "withdrawn"))
            return Resolved(f"lead.{name}", given)
        field = self.catalogue.fields.get(name)
        if field is None or field.type == "consent":  # consent is kept, and asked for, by topic
            return None
        return Resolved(f"lead.{name}", field)

    def _event(self, name: str, events: Sequence[str]) -> Resolved | None:
        for kind in events:
            field = self.catalogue.property(kind, name)
            if field is not None:
                return Resolved(f"event.{name}", field)
        if name in MESSAGE_PROPERTIES:
            return Resolved(f"event.{name}", Field(name, "string"))
        return None

    def _score(self, rest: str) -> Resolved | None:
        model, _, dimension = rest.rpartition(".")
        model = model or self.default_model
        if dimension == "total" or dimension in self.models.get(model, ()):
            return Resolved(f"score.{model}.{dimension}", Field(rest, "number"))
        return None

    def _grade(self, rest: str) -> Resolved | None:
        model = rest or self.default_model
        if model not in self.grades:
            return None
        # Written best first; ordered enums count upwards.
        values = tuple(reversed(self.grades[model]))
        fact = f"grade.{rest}" if rest else "grade"
        return Resolved(fact, Field(fact, "enum", values=values, ordered=True))

    def unseen(self, what: str, name: str = "") -> bool:
        """Whether a name of this sort is declared, or may be, where it could not be read."""
        if (what, name) in self.broken:
            return True
        return (what == "condition" and bool(self.unread)) or _HOMES.get(what) in self.unread

    def numbers(self, events: Sequence[str] = ()) -> list[str]:
        """Return every path that is a number."""
        found = {p: self.resolve(p, events) for p in self.paths(events)}
        return [p for p, r in found.items() if r is not None and r.field.family == "number"]

    def paths(self, events: Sequence[str] = ()) -> list[str]:
        """Return every path that may be written, for suggestions."""
        fields = self.catalogue.fields.items()
        known = [f"lead.{'consent.marketing' if f.type == 'consent' else n}" for n, f in fields]
        known += [name for name in self.catalogue.fields if name.startswith("source.")]
        known += [*_SIMPLE, *_ALIASES, "grade", "stage"]
        known += [f"journey.{name}" for name in sorted(self.journeys)]
        known += [f"listed.{name}" for name in sorted(self.lists)]
        for model, dimensions in self.models.items():
            prefix = "" if model == self.default_model else f"{model}."
            known += [f"score.{prefix}{d}" for d in (*dimensions, "total")]
        for kind in events:
            known += [f"event.{p}" for p in self.catalogue.events[kind].properties]
        return known
