"""``leadrules replay``: does the log still give the leads that are stored?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from engine.cli.codes import DONE, FINDINGS
from engine.cli.common import config_option, database, db_option, err, format_option, out
from engine.cli.common import definitions_of as definitions_in

if TYPE_CHECKING:
    from engine.host.verifying import Checked
    from engine.network.ruleset import Ruleset

_SHOWN: Final = 20
_PERSONAL: Final = "facts.lead."


@click.command("replay")
@click.argument("lead", required=False)
@click.option("--verify", is_flag=True, help="Compare each lead with its state, byte for byte.")
@click.option(
    "--also",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="An older configuration, for what it decided; may be repeated.",
)
@config_option
@db_option
@format_option("text", "json")
def command(
    lead: str | None,
    verify: bool,
    also: tuple[Path, ...],
    config: Path,
    db: Path | None,
    format: str,
) -> int:
    """Play the log again, of all leads or of LEAD, also while a server is running.

    With --verify every lead is built from its log, each event decided by the rules that decided
    it then, and compared with what is stored. Without, all events are decided by the rules in
    --config, and leads that would have another score, grade, stage or owner are shown.
    """
    from engine.network.ruleset import Ruleset

    present = Ruleset(definitions_in(config))
    older = [Ruleset(definitions_in(folder)) for folder in also]
    rulesets = {each.version: each for each in older}
    path = database(present.definitions, db)
    rulesets |= _recorded(path, [present, *older])
    only = _lead_of(path, lead) if lead is not None else None
    if verify:
        from engine.host.verifying import verify as check

        return _verified(_watched(check(path, rulesets, present, only), path), format)
    from engine.host.verifying import play

    return _played(_watched(play(path, present, only), path), format)


def _recorded(path: Path, at_hand: list[Ruleset]) -> dict[str, Ruleset]:
    """Return the rulesets in which old journeys or winners of splits had a say."""
    from engine.host.compiling import recorded
    from engine.store.reading import Reader

    reader = Reader(path)
    try:
        return recorded(reader, [each.definitions for each in at_hand])
    finally:
        reader.close()


def _lead_of(path: Path, named: str) -> str:
    from engine.errors import NotFound
    from engine.store.reading import Reader

    reader = Reader(path)
    try:
        found = reader.find(named)
    finally:
        reader.close()
    if found is None:
        raise NotFound(f'no lead in "{path}" is called {named!r}; give its id, e-mail or phone')
    return found


def _watched(items: Iterable[Any], path: Path) -> Iterator[Any]:
    """Yield with a progress bar on a terminal."""
    from rich.progress import track

    from engine.store.reading import Reader

    console = err()
    if not console.is_terminal:
        yield from items
        return
    reader = Reader(path)
    try:
        total = reader.counts()["leads"]
    finally:
        reader.close()
    yield from track(items, "replay", total=total, console=console, transient=True)


def _verified(checks: Iterable[Checked], format: str) -> int:
    counts: Counter[str] = Counter()
    events = snapshots = shown = 0
    unknown: Counter[str] = Counter()
    for each in checks:
        counts[each.verdict] += 1
        events += each.events
        snapshots += each.since is not None
        unknown.update(each.unknown)
        if format == "json":
            if each.verdict != "same":
                click.echo(json.dumps(_item(each), ensure_ascii=False))
        elif each.verdict in ("differs", "no-log"):
            shown += 1
            if shown <= _SHOWN:
                out().print(_line(each), soft_wrap=True)
    bad = counts["differs"] + counts["no-log"]
    if format == "json":
        summary = {"leads": counts.total(), "events": events, "from_snapshot": snapshots}
        summary |= {name: counts[name] for name in ("same", "comparable", "differs", "no-log")}
        click.echo(json.dumps({**summary, "unknown_rules": dict(unknown)}))
        return FINDINGS if bad else DONE
    if shown > _SHOWN:
        out().print(f"... and {shown - _SHOWN} more; --format json shows all")
    _sum_up(counts, events, snapshots, unknown)
    return FINDINGS if bad else DONE


def _sum_up(counts: Counter[str], events: int, snapshots: int, unknown: Counter[str]) -> None:
    console = out()
    console.print(
        f"{counts.total()} leads from {events} events: {counts['same']} the same to the last "
        f"byte, {counts['comparable']} comparable in part and the same there, "
        f"{counts['differs']} different, {counts['no-log']} without a log",
        soft_wrap=True,
    )
    if snapshots:
        console.print(
            f"{snapshots} leads began from a snapshot: retention has removed their older events",
            soft_wrap=True,
        )
    for version, leads in unknown.most_common():
        console.print(
            f"rules {version[:12]} decided events of {leads} leads and are not at hand: these "
            "were compared in fields and owner only; give the folder with --also",
            soft_wrap=True,
        )


def _item(each: Checked) -> dict[str, Any]:
    import msgspec

    from engine.store.shapes import when

    return {**msgspec.to_builtins(each), "since": when(each.since)}


def _line(each: Checked) -> str:
    """Say how a lead differs; what people are called stays out of logs."""
    from engine.store.shapes import when

    begun = f", from the snapshot of {when(each.since)}" if each.since is not None else ""
    if each.verdict == "no-log":
        return f"{each.lead}: its log is empty{begun}"
    path = each.path or ""
    values = (
        "" if path.startswith(_PERSONAL) else f": {each.stored!r}, by the log {each.replayed!r}"
    )
    return f"{each.lead}: differs at {path}{values} ({each.events} events{begun})"


def _played(found: Iterable[tuple[str, int, dict[str, tuple[Any, Any]]]], format: str) -> int:
    leads = events = changed = 0
    for lead, count, changes in found:
        leads += 1
        events += count
        changed += bool(changes)
        if format == "json" and changes:
            pairs = {name: {"stored": a, "replayed": b} for name, (a, b) in changes.items()}
            click.echo(json.dumps({"lead": lead, "events": count, **pairs}, ensure_ascii=False))
        elif changes and changed <= _SHOWN:
            told = "   ".join(f"{name} {a} → {b}" for name, (a, b) in changes.items())
            out().print(f"{lead}: {told}", soft_wrap=True)
    if format == "json":
        click.echo(json.dumps({"leads": leads, "events": events, "changed": changed}))
        return DONE
    if changed > _SHOWN:
        out().print(f"... and {changed - _SHOWN} more; --format json shows all")
    out().print(
        f"{leads} leads from {events} events; by these rules {changed} would stand otherwise"
    )
    return DONE
