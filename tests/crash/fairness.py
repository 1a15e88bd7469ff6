"""Leads given away by turns and by weights while the team changes and the server is killed.

    python -m tests.crash.fairness [--kills 20] [--reloads 100] [--seed N]

Clients send new leads, deals won and leads given back. Meanwhile `routing.yaml` is written anew
at random instants: members come and go, are away for moments, get other weights, capacities and
daily limits; SIGHUP makes it hold. Now and then signal 9 ends the server, also just after a
reload was asked for. In the end the log is read with a second book of who was available
(`_fair.py`): every member of every team has for every lead a turn or a recorded reason that is
true, two who are available differ by one lead at most, weights keep within the binomial bound,
and each lead has an owner, or a pool and a reason.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from engine.host.plugins import Plugins
from engine.language.instants import format_instant
from engine.language.load import load_folder
from engine.network.ruleset import Ruleset
from engine.store.reading import Reader
from tests.crash import _checks as checks
from tests.crash._fair import ROUND, WEIGHTED, Fairness
from tests.crash._load import Client, Clients, Event, event_of
from tests.crash._server import Server
from tests.serving import write_config

PEOPLE = ("陈静", "刘洋", "孙丽", "赵敏", "周杰", "何欣")
FILES = {
    "journeys": """
journeys:
  - {id: route, enter: {event: form_submitted}, steps: [{id: assign, route: {}}]}
""",
    "lifecycle": "stages: [{id: new}, {id: 赢单, event: opportunity_won, final: true}]\n",
    "messages": "messages: {}\n",
}
RULES = f"""
rules:
  - {{id: 轮转, when: {{lead.city: 上海}}, assign: {{team: {ROUND}, strategy: round_robin}}}}
  - {{id: 权重, when: {{lead.city: 北京}}, assign: {{team: {WEIGHTED}, strategy: weighted}}}}
  - {{id: rest, assign: {{pool: 公海}}}}
pools: {{公海: {{}}}}
"""
CITIES = ("上海", "上海", "北京", "北京", "西安")
BOTH = 0.3  # of the kills, so many come just after a reload was asked for
BROKEN = 0.1  # of the changes, so many are first written with a mistake, and asked for


class Prospects(Client):
    """Sends new leads, and of those that it has sent some are won and some given back."""

    def _event(self) -> Event:
        draw, lead = self._chance.random(), self._chance.choice(self._leads)
        form = f"form-{lead.removesuffix('@acme.cn')}"
        if draw < 0.7 or form not in self.acknowledged:
            event = self._form()
            event["lead"]["city"] = self._chance.choice(CITIES)
            return event
        id = f"end-{self._name}-{next(self._numbers)}"
        if draw < 0.95:
            return event_of(id, "opportunity_won", {"email": lead}, {})
        return event_of(id, "lead_released", {"email": lead}, {"reason": "换人"})


class Changing:
    """The configuration, changed again and again; knows every version that there was."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._chance = chance
        self.folder = write_config(folder, **FILES, routing=self.routing())
        self.rulesets: dict[str, Ruleset] = {}
        self._note()

    def routing(self) -> str:
        """Return routing.yaml with any members in any state."""
        teams = "".join(
            f"  {team}: {{members: [{self._members()}]}}\n" for team in (ROUND, WEIGHTED)
        )
        return f"teams:\n{teams}{RULES}"

    def _members(self) -> str:
        there = self._chance.sample(PEOPLE, self._chance.randint(2, len(PEOPLE)))
        return ", ".join(f"{{{', '.join(self._member(who))}}}" for who in there)

    def _member(self, who: str) -> list[str]:
        said, draw = [f"id: {who}", f"weight: {self._chance.randint(1, 5)}"], self._chance.random
        if draw() < 0.3:
            now = time.time() * 1_000
            since, until = now + 1_000 * draw(), now + 1_000 + 3_000 * draw()
            days = f"from: '{format_instant(int(since))}', to: '{format_instant(int(until))}'"
            said.append(f"away: [{{{days}}}]")
        if draw() < 0.3:
            said.append(f"capacity: {self._chance.randint(0, 150)}")
        if draw() < 0.2:
            said.append(f"per_day: {self._chance.randint(1, 300)}")
        return said

    def change(self) -> None:
        """Write another one."""
        self._write(self.routing())
        self._note()

    def spoil(self) -> None:
        """Write one that does not load."""
        self._write(self.routing().replace("pool: 公海}", "pool: 没有}"))

    def _write(self, text: str) -> None:
        new = self.folder.with_name("routing.new")
        new.write_text(text, encoding="utf-8")
        new.replace(self.folder / "routing.yaml")

    def _note(self) -> None:
        plugins = Plugins(entry_points=False)
        loaded = load_folder(
            self.folder, extensions=plugins.extensions, strategies=plugins.strategies
        )
        assert loaded.definitions is not None, loaded.diagnostics
        ruleset = Ruleset(loaded.definitions)
        self.rulesets[ruleset.version] = ruleset


class Trial:
    """One run: kills and reloads at instants that ``seed`` decides."""

    def __init__(self, folder: Path, kills: int, reloads: int, seed: str) -> None:
        self._folder, self._seed = folder, seed
        self._chance = random.Random(seed)
        self.config = Changing(folder / "config", self._chance)
        self.database = folder / "leads.db"
        self._server = Server(self.config.folder, self.database)
        self._clients = Clients(self._server.url, seed, kind=Prospects)
        self._left = {"kill": kills, "reload": reloads}
        self.refused = 0

    def run(self) -> dict[str, Any]:
        """Change, kill, check, and return the figures; raises AssertionError for what is unfair."""
        began, wanted = time.monotonic(), self._left.copy()
        try:
            self._server.start()
            self._clients.start()
            while sum(self._left.values()):
                time.sleep(self._chance.uniform(0.05, 0.6))
                self._disturb()
            time.sleep(0.3)
            self._clients.end()
            assert self._server.stop() == 0
        finally:
            self._server.put_away()
        fair = self._checked()
        return {
            "leads": len(fair.routed),
            "kills": wanted["kill"],
            "reloads": wanted["reload"],
            "reloads_refused": self.refused,
            "versions_that_decided": len(fair.versions),
            "spread": fair.spread,
            "furthest_from_weights": round(fair.furthest(), 1),
            "passed_over": dict(fair.reasons),
            "pooled": fair.pooled,
            "seconds": round(time.monotonic() - began),
            "seed": self._seed,
        }

    def _disturb(self) -> None:
        (what,) = self._chance.choices([*self._left], [*self._left.values()])
        self._left[what] -= 1
        if what == "reload":
            self._reload()
            return
        if self._chance.random() < BOTH:
            self._reload()
        self._server.kill()
        self._server.start()

    def _reload(self) -> None:
        if self._chance.random() < BROKEN:
            self.config.spoil()
            self._server.hang_up()
            self.refused += 1
            time.sleep(self._chance.uniform(0.1, 0.3))
        self.config.change()
        self._server.hang_up()

    def _checked(self) -> Fairness:
        fair, acknowledged = Fairness(self.config.rulesets), self._clients.acknowledged()
        with checks.remains(self.database) as connection:
            checks.nothing_missing(connection, acknowledged)
            nobodys = "SELECT count(*) FROM leads WHERE owner IS NULL AND pool IS NULL"
            assert connection.execute(nobodys).fetchone() == (0,)
        reader = Reader(self.database)
        try:
            fair.follow(reader.log())
            loads = {team: reader.teams().books[team].loads for team in (ROUND, WEIGHTED)}
        finally:
            reader.close()
        fair.check()
        kept = {(team, who): n for team, book in loads.items() for who, n in book.items() if n}
        assert kept == {seat: n for seat, n in fair.loads.items() if n}
        assert fair.routed, "no lead was given to anybody"
        checks.no_traceback(self._server.log)
        return fair


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--reloads", type=int, default=100)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        trial = Trial(Path(scratch), options.kills, options.reloads, options.seed)
        figures = trial.run()
        checks.the_tools_agree(trial.config.folder, trial.database)
        print(json.dumps(figures, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
