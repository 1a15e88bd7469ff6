"""What templates may name, as the configuration declares it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from engine.language.definitions import Definitions

# Names with any parts, or whose parts nobody can know before.
_OPEN: Final = frozenset({"lead.consent", "journey"})
_OF_PARENTS: Final = frozenset({"items", "keys", "values", "get"})
_OWNER: Final = ("id", "name", "email")
_SIMPLE: Final = ("stage", "team", "pool", "grade", "unsubscribe_url", "message.id")

# What values of a type have besides parts: `lead.name.upper()`.
_VALUES: Final[Mapping[str, type]] = {
    "string": str,
    "enum": str,
    "date": str,
    "number": float,
    "boolean": bool,
    "list": list,
}


class TemplateScope:
    """The dotted names that templates of one configuration may use, with their types."""

    def __init__(self, definitions: Definitions) -> None:
        families = {
            f"lead.{field.name}": field.family for field in definitions.catalogue.fields.values()
        }
        families["lead.id"] = "string"
        families |= dict.fromkeys(_SIMPLE, "string") | {"message.label": "string"}
        families |= {f"owner.{part}": "string" for part in _OWNER} | {"owner": "string"}
        for model in definitions.models:
            names = ["total", *(each.id for each in model.dimensions)]
            families |= {f"score.{model.id}.{name}": "number" for name in names}
            if model.id == definitions.default_model.id:
                families |= {f"score.{name}": "number" for name in names}
            else:
                families[f"grade.{model.id}"] = "string"
        self.families = families
        # Every beginning of a name is known, too.
        self._parents = {
            ".".join(name.split(".")[:count])
            for name in families
            for count in range(1, name.count(".") + 1)
        } | {name.partition(".")[0] for name in _OPEN}

    @property
    def roots(self) -> set[str]:
        """What a template may name without a dot before it."""
        return {name.partition(".")[0] for name in (*self.families, *self._parents)}

    def unknown(self, path: Iterable[str]) -> str | None:
        """Return the first beginning of a dotted name that is not known, None if all is."""
        names = list(path)
        for count in range(1, len(names) + 1):
            name, parent = ".".join(names[:count]), ".".join(names[: count - 1])
            if name in _OPEN:
                return None
            if name in self.families or name in self._parents:
                continue
            return None if self._has(parent, names[count - 1]) else name
        return None

    def _has(self, parent: str, name: str) -> bool:
        """Whether values of a field, or what holds fields, have such a method."""
        if parent in self._parents and parent not in self.families:
            return name in _OF_PARENTS
        kind: Any = _VALUES.get(self.families.get(parent, ""))
        return kind is not None and not name.startswith("_") and hasattr(kind, name)

    def near(self, path: str) -> list[str]:
        """Return the names that ``path`` may be meant to be."""
        root = path.partition(".")[0]
        if "." not in path:
            return sorted(self.roots)
        return sorted(name for name in self.families if name.startswith(f"{root}."))
