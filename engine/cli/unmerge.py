"""``leadrules unmerge``: two leads that were merged are two."""

from __future__ import annotations

from urllib.parse import quote

import click

from engine.cli.codes import DONE
from engine.cli.common import server_options


@click.command("unmerge")
@click.argument("lead")
@server_options
@click.option("--reason", required=True, help="Why, for whoever reads the timeline.")
@click.option("--by", help="Who says so.")
def command(lead: str, url: str | None, token: str | None, reason: str, by: str | None) -> int:
    """Part LEAD from the one that it was merged into; both are as they were.

    LEAD is the id that went. What has come since stays with the other one; no rule merges the two
    again. Of several merges the latest is undone first.
    """
    from engine.cli.client import Client

    path = f"/v1/leads/{quote(lead, safe='')}"
    said = {"lead": lead, "reason": reason, **({"by": by} if by else {})}
    with Client(url, token) as client:
        answer = client.post(f"{path}/unmerge", said)
    click.echo(f"parted: {lead} is a lead of its own again, beside {answer['lead']}")
    return DONE
