"""``leadrules quarantine``: what intake held, let in or kept out by a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from engine.cli.codes import DONE
from engine.cli.common import format_option, named, out, server_options

if TYPE_CHECKING:
    from rich.table import Table


@click.command("quarantine")
@server_options
@click.option("--release", metavar="ID", help="Let this event in, and what waits behind it.")
@click.option(
    "--reject", metavar="ID", help="Keep this event out for good, and what waits behind it."
)
@click.option("--reason", default="", help="Why, with --reject.")
@click.option("--by", help="Who decides.")
@click.option("--rejected", is_flag=True, help="List what rules turned away at once.")
@format_option("text", "json")
def command(url: str | None, token: str | None, format: str, **options: Any) -> int:
    """List the events that wait in quarantine, the newest first, or decide about one."""
    from engine.cli.client import Client

    if options["release"] and options["reject"]:
        raise click.UsageError("--release and --reject are two decisions; give one")
    with Client(url, token) as client:
        if options["release"] or options["reject"]:
            click.echo(_decide(client, options))
            return DONE
        path = "/v1/rejected" if options["rejected"] else "/v1/quarantine"
        page = client.get(path)
    if format == "json":
        import msgspec

        click.echo(msgspec.json.encode(page).decode())
    elif not page["items"]:
        click.echo("nothing is there")
    else:
        out().print(_table(page["items"]))
        if page["next"]:
            click.echo("... and more")
    return DONE


def _decide(client: Any, options: dict[str, Any]) -> str:
    said = {"by": options["by"]} if options["by"] else {}
    if options["release"]:
        answer = client.post(f"/v1/quarantine/{quote(options['release'])}/release", said)
        return f"{answer['released']} events let in"
    said |= {"reason": options["reason"]} if options["reason"] else {}
    answer = client.post(f"/v1/quarantine/{quote(options['reject'])}/reject", said)
    return f"{answer['rejected']} events kept out"


def _table(items: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("id", "received", "event", "who", "rule", "reason", "found"):
        table.add_column(heading, overflow="fold")
    for item in items:
        lead = item["lead"]
        who = " ".join(str(lead[k]) for k in ("name", "company", "email", "phone") if k in lead)
        found = ", ".join(entry for entries in item["matched"].values() for entry in entries)
        table.add_row(
            *(item["id"], item["received_at"], item["type"], who),
            *(named(item["rule"], item["label"]), item["reason"], found),
        )
    return table
