"""``leadrules lead``: what salespeople and supervisors do with leads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import click

from engine.cli.codes import CANNOT, DONE
from engine.cli.common import format_option, server_options

if TYPE_CHECKING:
    from engine.cli.client import Client

_OPPORTUNITIES: Final = "opportunities"
# What can be done, and which options say more about it.
_DEEDS: Final = {
    "accept": (),
    "claim": (),
    "release": ("reason", "pool"),
    "decline": ("reason",),
    "assign": ("owner", "team", "pool", "reason"),
    "note": ("text",),
    "stage": ("to", "reason"),
    "grade": ("grade", "reason"),
    "follow-up": ("type", "properties"),
    _OPPORTUNITIES: None,  # nothing is done: they are shown
}


@click.command("lead")
@click.argument("deed", type=click.Choice([*_DEEDS]))
@click.argument("leads", nargs=-1, required=True)
@server_options
@click.option(
    "--by", help="Who does it; by default the token's holder, with accept and decline the owner."
)
@click.option("--reason", help="Why: release, decline, assign, stage, grade.")
@click.option("--owner", multiple=True, help="assign: who gets it; several get the leads in turn.")
@click.option("--team", help="assign: the owner's team, if they are in several.")
@click.option("--pool", help="assign, release: the pool that it goes into.")
@click.option("--text", help="note: what is written down.")
@click.option("--to", help="stage: the stage.")
@click.option("--grade", help="grade: the grade.")
@click.option("--type", help="follow-up: the event, such as call_logged.")
@click.option("--set", "properties", multiple=True, metavar="NAME=VALUE", help="follow-up: more.")
@format_option("text", "json")
def command(
    deed: str, leads: tuple[str, ...], url: str | None, token: str | None, format: str, **said: Any
) -> int:
    """Do DEED with LEADS, each named by id or identity, at a running server.

    DEED is accept, claim, release, decline, assign, note, stage, grade or follow-up; or
    opportunities, which shows them. Nothing is done with those behind one that is refused;
    assign begins when all of them are known.
    """
    from engine.cli.client import Client

    data = _data(deed, said)
    code = DONE
    with Client(url, token) as client:
        for result in _done(client, deed, leads, data):
            shown = json.dumps(result, ensure_ascii=False) if format == "json" else _line(result)
            click.echo(shown)
            code = CANNOT if "error" in result else code
    return code


def _data(deed: str, said: dict[str, Any]) -> dict[str, Any]:
    """Return the body; raises UsageError for an option that is about another deed."""
    data = {name: value for name, value in said.items() if value not in (None, ())}
    for name in data:
        given = _DEEDS[deed]
        if given is None or name not in ("by", *given):
            option = "set" if name == "properties" else name
            raise click.UsageError(f"--{option} says nothing about {deed}")
    if "owner" in data:
        data["owner"] = list(data["owner"])
    if "properties" in data:
        data["properties"] = dict(map(_property, data["properties"]))
    return data


def _property(text: str) -> tuple[str, Any]:
    """Return a property's name and value: a number where it is one, else text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--set takes NAME=VALUE, not {text!r}")
    try:
        found = json.loads(value)
    except ValueError:
        return name, value
    return name, found if isinstance(found, int | float | list) else value


def _done(client: Client, deed: str, leads: tuple[str, ...], data: dict[str, Any]) -> Any:
    if deed == "assign":
        yield from client.post("/v1/leads/assign", {**data, "leads": list(leads)})["results"]
        return
    for lead in leads:
        path = f"/v1/leads/{quote(lead, safe='')}/{deed}"
        if deed == _OPPORTUNITIES:
            yield from ({"lead": lead, **each} for each in client.get(path)["items"])
        else:
            yield client.post(path, data)


def _line(result: dict[str, Any]) -> str:
    if "error" in result:
        return f"not done: {result['error']['message']}"
    if "opened_at" in result:
        return _opportunity(result)
    where = result["owner"] or "nobody"
    return f"{result['lead']}: stage {result['stage']}, grade {result['grade']}, owner {where}"


def _opportunity(result: dict[str, Any]) -> str:
    """Return such as ``w1@acme.cn: open, amount 50000, close on 2026-12-01, opened ...``."""
    shown = [("amount", "amount"), ("close_on", "close on"), ("reason", "reason")]
    parts = [f"{text} {result[name]}" for name, text in shown if result[name] is not None]
    parts.append(f"opened {result['opened_at']}")
    if result["closed_at"]:
        parts.append(f"closed {result['closed_at']}")
    return f"{result['lead']}: {', '.join([result['status'], *parts])}"
