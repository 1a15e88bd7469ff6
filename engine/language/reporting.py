"""What reports count as what, what leads cost, and what is aimed at: ``reports.yaml``, typed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec

from engine.language.diagnostic import Source
from engine.language.label import Text

# Events that can bring money, and those that do unless a configuration says otherwise.
SALES: Final = ("opportunity_won", "order_placed", "contract_signed", "payment_received")
REVENUE: Final = ("opportunity_won", "order_placed")
MEASURES: Final = (
    *("leads", "mql", "sql", "opportunity", "won", "revenue"),
    *("conversion", "mql_to_sql", "cost_per_lead", "cac", "roi", "cycle_days"),
)
# The stage that stands for each milestone where nothing is said: the first of these there is.
MILESTONES: Final[Mapping[str, tuple[str, ...]]] = {
    "mql": ("mql",),
    "sql": ("sql", "assigned", "accepted"),
    "opportunity": ("opportunity", "qualified", "proposal", "quoting"),
    "won": ("won", "customer", "active"),
    "lost": ("lost",),
}
DAY: Final = 86_400_000


class Cost(msgspec.Struct, frozen=True):
    """What was spent: on a source, a campaign, a kind of source; on all leads where none is given.

    ``kind`` is a path in the tree of sources. ``rate`` is what one unit of the amount is worth in
    the currency of reports. ``amount`` is spread evenly over the days from ``first`` to ``last``,
    both included; ``per_lead`` is for each lead made in them, and None days are without an end.
    """

    source: str | None
    campaign: str | None
    amount: int | float | None
    per_lead: int | float | None
    first: date | None
    last: date | None
    label: Text | None
    place: Source
    kind: tuple[str, ...] = ()
    rate: int | float = 1


class Goal(msgspec.Struct, frozen=True):
    """What a measure is to be between two days, both included: ``target`` itself, or against
    as many days before ``change`` (0.2: a fifth more) or ``change_by`` (-15: fifteen less).
    """

    id: str
    label: Text | None
    measure: str
    first: date
    last: date
    target: int | float | None
    change: int | float | None
    change_by: int | float | None
    place: Source


class Reporting(msgspec.Struct, frozen=True):
    """Settings of reports; ``milestones`` maps mql, sql, opportunity, won and lost to stages."""

    zone: str = "Asia/Shanghai"
    currency: str = "CNY"
    revenue: tuple[str, ...] = REVENUE
    stuck_after: int = 30 * DAY
    milestones: Mapping[str, str] = {}
    costs: tuple[Cost, ...] = ()
    goals: tuple[Goal, ...] = ()
