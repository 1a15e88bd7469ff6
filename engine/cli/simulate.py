"""``leadrules simulate``: what would happen to this lead?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.codes import DONE, FINDINGS
from engine.cli.common import config_option, format_option, load, out, print_diagnostics

if TYPE_CHECKING:
    from engine.language.load import Loaded
    from engine.network.ruleset import Ruleset
    from engine.workbench.simulate import Simulation

_STDIN = Path("-")


@click.command("simulate")
@click.option(
    "--lead",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A YAML or JSON file with the lead's fields.",
)
@click.option(
    "--events",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="What happens: one event a line, JSON as POST /v1/events takes it; - is stdin.",
)
@click.option("--start", metavar="TIME", help="When it begins; by default with the first event.")
@click.option(
    "--until", metavar="TIME", help="When it ends: an instant, or an offset from the start. [90d]"
)
@config_option
@format_option("text", "json")
def command(
    lead: Path, events: Path | None, start: str | None, until: str | None, config: Path, format: str
) -> int:
    """Play a lead's future by the rules in --config, on a simulated clock.

    Shows each event and each deadline with what it does: score, grade, stage, journeys, what
    would be sent, tasks, assignments. Every message is taken to arrive at once. Nothing is
    stored or sent.
    """
    from engine.network.ruleset import Ruleset

    loaded = load(config)
    if loaded.definitions is None:
        print_diagnostics([d for d in loaded.diagnostics if d.severity == "error"], format, loaded)
        click.echo("The rules have errors, so nothing was simulated.", err=True)
        return FINDINGS
    ruleset = Ruleset(loaded.definitions)
    simulation = _run(ruleset, lead, events, (start, until), loaded, format)
    if simulation is None:
        return FINDINGS
    _print(ruleset, simulation, format)
    return DONE


def _run(
    ruleset: Ruleset,
    lead: Path,
    events: Path | None,
    span: tuple[str | None, str | None],
    loaded: Loaded,
    format: str,
) -> Simulation | None:
    """Return the simulation, or None after printing what is wrong with its input."""
    from engine.host.clock import system_time
    from engine.language.diagnostic import Diagnostics
    from engine.language.instants import parse_instant
    from engine.workbench.simulate import simulate
    from engine.workbench.stream import StreamReader, first_instant, read_lead, read_lines

    found = Diagnostics()
    name, raw = _bytes(events)
    fields = lead.read_bytes()
    for file, text in ((name, raw), (str(lead), fields)):
        loaded.sources[file] = text.decode("utf-8", "replace").splitlines()
    lines = read_lines(raw, name, found)
    document = read_lead(fields, str(lead), found)
    begin = parse_instant(span[0]) if span[0] else first_instant(lines)
    begin = system_time() // 1_000 * 1_000 if begin is None else begin
    end = _end(span[1], begin)
    if document is not None:
        arrivals = StreamReader(ruleset, document, name, found).read(lines, begin)
        if not found.has_errors:
            return simulate(ruleset, arrivals, begin, end)
    print_diagnostics(found.sorted(), format, loaded)
    click.echo("The input has mistakes, so nothing was simulated.", err=True)
    return None


def _bytes(events: Path | None) -> tuple[str, bytes]:
    if events is None:
        return "events", b""
    if events == _STDIN:
        return "<stdin>", sys.stdin.buffer.read()
    return str(events), events.read_bytes()


def _end(until: str | None, start: int) -> int | None:
    """Return the instant of an offset such as ``90d``, or of a time; raises BadTime."""
    from engine.language.instants import BadTime, parse_instant, parse_offset

    if until is None:
        return None
    end = parse_instant(until) if "-" in until else start + parse_offset(until)
    if end < start:
        raise BadTime(f"the end {until!r} lies before the start")
    return end


def _print(ruleset: Ruleset, simulation: Simulation, format: str) -> None:
    from engine.workbench.timeline import as_json, as_text

    console = out()
    if format == "json":
        for item in as_json(ruleset, simulation):
            click.echo(json.dumps(item, ensure_ascii=False))
    else:
        for line in as_text(ruleset, simulation):
            console.print(line, style=None if line.startswith(" ") else "bold", soft_wrap=True)
    for id in simulation.repeated:
        click.echo(f"leadrules: the event {id} came again and counted once", err=True)
    if simulation.later:
        click.echo(f"leadrules: {simulation.later} events after the end were not played", err=True)
