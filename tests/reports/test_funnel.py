"""The funnel report."""

from __future__ import annotations

from engine.language.definitions import Lifecycle, Stage
from engine.language.diagnostic import Source
from engine.reports.funnel import funnel

ORDER = ("new", "contacted", "qualified", "won", "lost", "invalid")


def lifecycle() -> Lifecycle:
    """Six stages, three of them final."""
    return Lifecycle(
        stages=tuple(
            Stage(
                id=name,
                label=None,
                enter_from=None,
                when=None,
                events=(),
                where=None,
                requires=(),
                final=name in ("won", "lost", "invalid"),
                source=Source("lifecycle.yaml", 1, 1),
            )
            for name in ORDER
        )
    )


ENTRIES = [
    {"source": "官网", "now": "new", "entered": ["new"], "leads": 5},
    {"source": "官网", "now": "contacted", "entered": ["new", "contacted"], "leads": 3},
    {"source": "官网", "now": "lost", "entered": ["new", "qualified", "lost"], "leads": 1},
    {"source": "展会", "now": "won", "entered": ["new", "won"], "leads": 1},
    {"source": None, "now": "invalid", "entered": ["new", "invalid"], "leads": 2},
]


def test_a_lead_has_reached_every_stage_before_its_furthest() -> None:
    """Skipped stages count as passed, and a lost lead counts as far as it came."""
    report = funnel(ENTRIES, lifecycle())
    assert report.leads == 12
    assert {s.stage: s.reached for s in report.stages} == {
        "new": 12, "contacted": 5, "qualified": 2, "won": 1, "lost": 1, "invalid": 2,
    }  # fmt: skip
    assert {s.stage: s.now for s in report.stages} == {
        "new": 5, "contacted": 3, "qualified": 0, "won": 1, "lost": 1, "invalid": 2,
    }  # fmt: skip


def test_drop_off_is_between_neighbours_on_the_way() -> None:
    """Each stage says how many of the stage before went on; ends beside the way do not."""
    stages = {s.stage: s for s in funnel(ENTRIES, lifecycle()).stages}
    assert stages["new"].passed is None
    assert stages["contacted"].passed == 5 / 12
    assert stages["contacted"].dropped == 7
    assert stages["won"].dropped == 1
    assert stages["lost"].passed is None
    assert stages["lost"].dropped is None


def test_sources_are_compared_by_conversion() -> None:
    """Sources come with most leads first; conversion is won of all."""
    sources = funnel(ENTRIES, lifecycle()).sources
    assert [(s.source, s.leads, s.conversion) for s in sources] == [
        ("官网", 9, 0.0),
        (None, 2, 0.0),
        ("展会", 1, 1.0),
    ]
    assert sources[0].reached["qualified"] == 1


def test_nothing_is_no_division_by_zero() -> None:
    """An empty database has a funnel of zeros."""
    report = funnel([], lifecycle())
    assert report.leads == 0
    assert all(s.reached == 0 and s.share == 0 for s in report.stages)
