"""Play events on one lead with a small configuration: shared by the tests of the pure rooms."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

from engine.language.instants import parse_instant, parse_offset
from engine.language.load import load_folder
from engine.machines.state import Delivery, Event, Happening, LedgerLine, Task, Teams
from engine.machines.turn import Turn, new_lead, take_turn
from engine.network.ruleset import Ruleset

BASE = Path(__file__).parent / "broken" / "_base"
START = parse_instant("2026-03-02T09:00:00+08:00")  # a Monday


def rules(folder: Path, **files: str) -> Ruleset:
    """Compile the sound base configuration with some files replaced: scoring="models: ..."."""
    shutil.copytree(BASE, folder, dirs_exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    loaded = load_folder(folder)
    assert loaded.definitions is not None, loaded.diagnostics
    return Ruleset(loaded.definitions)


def scoring(*lines: str, grades: str = "[{grade: A, from: 80}, {grade: C, from: 0}]") -> str:
    """Return a scoring.yaml with two dimensions and these rules, one a line."""
    body = "\n".join(f"      - {line}" for line in lines)
    dimensions = "{fit: {max: 60}, behavior: {}}"
    return (
        f"models:\n  default:\n    dimensions: {dimensions}\n    rules:\n{body}\n"
        f"    grades: {grades}\n"
    )


class Play:
    """One lead and its teams; offsets such as ``2d`` count from START."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.ruleset = ruleset
        self.lead = new_lead(ruleset, "lead-1", START)
        self.teams = Teams()
        self.ledger: list[LedgerLine] = []
        self.happenings: list[Happening] = []
        self.deliveries: list[Delivery] = []
        self.tasks: list[Task] = []
        self.fired: list[str] = []
        self.numbers = itertools.count(1)

    def event(
        self,
        at: str,
        kind: str,
        lead: dict[str, Any] | None = None,
        /,
        now: str | None = None,
        history: bool = False,
        bot: bool = False,
        **properties: Any,
    ) -> Turn:
        """Let an event happen at an offset; ``now`` makes it arrive later than it happened."""
        instant = START + parse_offset(at)
        event = Event(
            id=f"e{next(self.numbers)}",
            type=kind,
            at=instant,
            lead=lead or {},
            properties=properties,
            history=history,
            bot=bot,
        )
        return self.take(event, START + parse_offset(now or at))

    def clock(self, at: str) -> None:
        """Let time pass, waking the lead at each of its deadlines as a host does."""
        until = START + parse_offset(at)
        while self.lead.wake_at is not None and self.lead.wake_at <= until:
            due = self.lead.wake_at
            self.take(Event(id=f"wake:{due}", type="timer_due", at=due), due)
        self.take(Event(id=f"wake:{until}", type="timer_due", at=until), until)

    def take(self, event: Event, now: int) -> Turn:
        """Take one turn and keep what it gave."""
        turn = take_turn(self.ruleset, self.lead, self.teams, event, now)
        self.lead, self.teams = turn.lead, turn.teams
        for entry in turn.entries:
            self.ledger += entry.decision.ledger
            self.happenings += entry.decision.happenings
            self.deliveries += entry.decision.deliveries
            self.tasks += entry.decision.tasks
            self.fired += entry.decision.fired
        assert self.score == round(sum(line.points for line in self.ledger), 4)
        return turn

    @property
    def score(self) -> float:
        """The default model's total."""
        score: float = self.lead.facts.get("score.default.total", 0)
        return score

    def happened(self, kind: str) -> list[dict[str, Any]]:
        """The details of every happening of a kind."""
        return [h.data for h in self.happenings if h.kind == kind]
