"""What is wrong with an event, gathered so that one mistake never hides another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from engine.host.outcome import Outcome, error
from engine.language.nearest import did_you_mean

_MOST: Final = 20
_LONGEST_NAME: Final = 60
_JSON: Final[Mapping[type, str]] = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


class Hints:
    """Finds what a misspelt name may have meant, for the first few in one submission.

    Comparing names is slow, and input from strangers can hold any number of wrong ones.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._left = most

    def near(self, name: str, known: Iterable[str]) -> str:
        """Return such as `; did you mean "email"?`, or nothing when the few are used up."""
        if self._left <= 0:
            return ""
        self._left -= 1
        return f"; {did_you_mean(name[:_LONGEST_NAME], known)}"


@dataclass(frozen=True)
class Fault:
    """One thing wrong; ``path`` such as ``lead.employees``, empty for the event itself."""

    code: str
    path: str
    message: str


class Faults:
    """Everything wrong with one event, up to a number that people still read."""

    def __init__(self, hints: Hints) -> None:
        self.hints = hints
        self.items: list[Fault] = []

    @property
    def full(self) -> bool:
        """Whether looking further is of no use to anybody."""
        return len(self.items) >= _MOST

    def add(self, code: str, path: str, message: str) -> None:
        """Add one, unless there are plenty."""
        if not self.full:
            self.items.append(Fault(code, printable(path), message))

    def outcome(self, id: str | None) -> Outcome:
        """Return the event's rejection, named for the first fault."""
        first = self.items[0]
        details = [{"path": f.path, "code": f.code, "message": f.message} for f in self.items]
        return Outcome(id, None, "rejected", error(first.code, first.message, details))


def printable(text: str) -> str:
    """Return short text in which nothing is invisible or breaks a line."""
    text = text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 3] + "..."
    return text if text.isprintable() else repr(text)[1:-1]


def shown(value: object) -> str:
    """Return a text as short printable text in double quotes, for the rest what JSON calls it."""
    return f'"{printable(value)}"' if isinstance(value, str) else _JSON.get(type(value), "a value")
