"""``leadrules pool``: public pools, and what lies in one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from engine.cli.codes import DONE
from engine.cli.common import format_option, out, server_options

if TYPE_CHECKING:
    from rich.table import Table


@click.command("pool")
@click.argument("name", required=False)
@server_options
@click.option("--member", help="Whether this salesperson may claim each lead now.")
@format_option("text", "json")
def command(
    name: str | None, url: str | None, token: str | None, member: str | None, format: str
) -> int:
    """List the public pools of a running server, or the leads in the pool NAME."""
    from engine.cli.client import Client

    if member and not name:
        raise click.UsageError("--member is about the leads of one pool; name it")
    path = f"/v1/pools/{quote(name, safe='')}" if name else "/v1/pools"
    with Client(url, token) as client:
        page = client.get(path, {"member": member} if member else None)
    if format == "json":
        click.echo(json.dumps(page, ensure_ascii=False))
        return DONE
    out().print(_leads(page["items"]) if name else _pools(page["items"]))
    if page["next"]:
        click.echo("... and more")
    return DONE


def _pools(items: list[dict[str, Any]]) -> Table:
    rows = [
        (each["id"], each["label"] or "", str(each["leads"]), ", ".join(each["teams"]) or "all")
        for each in items
    ]
    return _table(("pool", "label", "leads", "teams"), rows)


def _leads(items: list[dict[str, Any]]) -> Table:
    rows = []
    for each in items:
        fields, claim = each["fields"], each.get("claim", {})
        who = " ".join(fields[k] for k in ("name", "company") if fields.get(k))
        grade = each["grade"] or ""
        rows.append((each["id"], who, grade, each["stage"] or "", _claim(claim)))
    return _table(("lead", "who", "grade", "stage", "claim"), rows)


def _claim(claim: dict[str, Any]) -> str:
    if not claim:
        return ""
    if claim["possible"]:
        return "now"
    later = f", from {claim['possible_at']}" if claim["possible_at"] else ""
    return f"{claim['reason']}{later}"


def _table(headings: tuple[str, ...], rows: Sequence[Sequence[str]]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table
