"""``leadrules explain``: why does a lead stand as it does?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from engine.cli.codes import DONE
from engine.cli.common import (
    config_option,
    database,
    db_option,
    definitions_of,
    format_option,
    language,
    named,
    out,
    server_options,
)

if TYPE_CHECKING:
    from rich.console import Console

Asked = Mapping[str, str]


@click.command("explain")
@click.argument("lead")
@click.option("--rule", metavar="ID", help="Explain one rule, stage, route, SLA or journey.")
@click.option("--why-not", metavar="ID", help="Say what keeps it from having its effect.")
@click.option("--at", metavar="TIME", help="As of this instant, by the present rules.")
@server_options
@db_option
@config_option
@format_option("text", "json")
def command(
    lead: str,
    url: str | None,
    token: str | None,
    db: Path | None,
    config: Path,
    format: str,
    **given: str | None,
) -> int:
    """Explain LEAD's score, grade, stage, owner, journeys and deadlines.

    LEAD is a lead's id, e-mail address, phone number or user id. Asks the running server;
    with --db it reads the database itself, by the rules in --config. --rule and --why-not
    show the whole condition of one rule, with what is wanted and what there is.
    """
    asked = {name: value for name, value in given.items() if value is not None}
    found = _offline(lead, asked, config, db) if db else _online(lead, asked, url, token)
    if format == "json":
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        _print(found)
    return DONE


def _online(lead: str, asked: Asked, url: str | None, token: str | None) -> dict[str, Any]:
    from engine.cli.client import Client

    with Client(url, token) as client:
        answer: dict[str, Any] = client.get(f"/v1/leads/{quote(lead, safe='')}/explain", asked)
        return answer


def _offline(lead: str, asked: Asked, config: Path, db: Path) -> dict[str, Any]:
    from engine.errors import NotFound
    from engine.host.clock import SystemClock
    from engine.host.explaining import explain_lead, question
    from engine.language.label import localised
    from engine.network.ruleset import Ruleset
    from engine.store.reading import Reader

    ruleset = Ruleset(definitions_of(config))
    reader = Reader(database(ruleset.definitions, db), ruleset.default_model)
    try:
        id = reader.find(lead)
        if id is None:
            raise NotFound(f'no lead in "{db}" is called {lead!r}; give its id, e-mail or phone')
        wanted = question(SystemClock().now(), asked) if asked else None
        found: dict[str, Any] = localised(explain_lead(reader, ruleset, id, wanted), language())
        return found
    finally:
        reader.close()


def _print(found: dict[str, Any]) -> None:
    from engine.workbench.values import instant, local

    console, found = out(), local(found)
    console.print(f"线索 lead {found['lead']}", style="bold")
    if "at" in found:
        _print_instant(console, found)
    if "rule" in found or "why_not" in found:
        _print_accounts(console, found)
        return
    _print_score(console, found)
    stage = found["stage"]
    entered = " → ".join(f"{s['stage']} ({_day(s['at'])})" for s in stage["entered"])
    console.print(f"\n阶段 stage: {stage['stage']}", style="bold")
    console.print(f"  {entered}")
    _print_owner(console, found["owner"])
    if found["journeys"]:
        console.print("\n旅程 journeys", style="bold")
    for journey in found["journeys"]:
        console.print(f"  {_journey(journey)}")
    if found["deadlines"]:
        console.print("\n期限 deadlines", style="bold")
    for deadline in found["deadlines"]:
        console.print(f"  {instant(deadline['at'])}  {named(deadline['what'], deadline['label'])}")


def _print_instant(console: Console, found: dict[str, Any]) -> None:
    from engine.workbench.values import instant

    console.print(f"时刻 as of {instant(found['at'])}")
    if found["other_rules"]:
        text = f"{found['other_rules']} of its events were decided by other rules than these"
        console.print(f"  {text}", style="yellow")


def _print_accounts(console: Console, found: dict[str, Any]) -> None:
    from engine.workbench.tree import account_lines

    for key in ("rule", "why_not"):
        if key in found:
            console.print()
            for line in account_lines(found[key], key == "why_not"):
                console.print(line, style=_style(line))


def _style(line: str) -> str | None:
    text = line.lstrip()
    if text.startswith("✗"):
        return "red"
    if text.startswith("✓"):
        return "green"
    return None if line.startswith(" ") else "bold"


def _print_score(console: Console, found: dict[str, Any]) -> None:
    from engine.workbench.values import instant

    score, grade = found["score"], found["grade"]
    by_hand = " (手工 by hand)" if grade["overridden"] else ""
    graded = named(grade["grade"] or "—", grade["label"])
    console.print(
        f"\n评分 score: {score['total']:g}   等级 grade: {graded}{by_hand}",
        style="bold",
    )
    total = 0.0
    for line in score["ledger"]:
        total += line["points"]
        reason = f" ({line['reason']})" if line["reason"] else ""
        label = line.get("label") or ""
        console.print(
            f"  {instant(line['at'])} {line['points']:>+6g} = {total:<6g} "
            f"{line['rule']}{reason}  {label}".rstrip()
        )
        event = f"  event {line['event']}" if line["event"] else ""
        console.print(f"{' ' * 22}{line['source']}{event}", style="dim")
    missing = grade.get("next")
    if missing:
        better = named(missing["grade"], missing["label"])
        console.print(f"  离 {better} 级还差 {missing['missing']:g} 分 points missing")


def _print_owner(console: Console, owner: dict[str, Any]) -> None:
    who = owner["owner"] or (f"公海 pool {owner['pool']}" if owner["pool"] else "—")
    by = f" · {owner['team']}" if owner["team"] else ""
    rule = f" · 规则 rule {named(owner['rule'], owner['label'])}" if owner["rule"] else ""
    console.print(f"\n负责人 owner: {who}{by}{rule}", style="bold")
    if owner["reason"]:
        console.print(f"  {owner['reason']}")
    for tried in owner["tried"]:
        console.print(f"  {named(tried['rule'], tried['label']):<16} {tried['outcome']}")
    for member in owner["considered"]:
        console.print(f"    {member['member']:<14} {member['why_not'] or '✓'}")


def _journey(journey: dict[str, Any]) -> str:
    name = named(journey["journey"], journey["label"])
    if journey["left_at"]:
        return f"{name}: {journey['reason']} ({_day(journey['left_at'])})"
    return f"{name}: 在 at {journey['step']}，自 since {journey['since']}"


def _day(instant: str | None) -> str:
    return instant[:10] if instant else "—"
