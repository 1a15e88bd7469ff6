"""``leadrules audit``: who did what."""

from __future__ import annotations

import json

import click

from engine.cli.codes import DONE
from engine.cli.common import format_option, out, server_options


@click.command("audit")
@server_options
@click.option("--who", help="Only what the holder of this token did.")
@click.option("--lead", help="Only what was done to the lead with this id.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 200), help="Lines.")
@format_option("text", "json")
def command(
    url: str | None, token: str | None, who: str | None, lead: str | None, limit: int, format: str
) -> int:
    """Show what people and programs did through a running server's API, newest first."""
    from engine.cli.client import Client

    asked = {"limit": str(limit), "who": who, "lead": lead}
    with Client(url, token) as client:
        found = client.get("/v1/audit", {k: v for k, v in asked.items() if v is not None})
    if format == "json":
        click.echo(json.dumps(found["items"], ensure_ascii=False))
        return DONE
    console = out()
    for item in found["items"]:
        line = f"{item['at']}  {item['who']} ({item['role']})  {item['status']}  {item['action']}"
        console.print(line + (f"  {item['lead']}" if item["lead"] else ""))
    return DONE
