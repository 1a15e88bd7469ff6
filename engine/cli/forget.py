"""``leadrules forget``: erase a person."""

from __future__ import annotations

from urllib.parse import quote

import click

from engine.cli.codes import CANNOT, DONE
from engine.cli.common import server_options


@click.command("forget")
@click.argument("lead")
@server_options
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(lead: str, url: str | None, token: str | None, yes: bool) -> int:
    """Erase a person from a running server: leads, events, deliveries, to-dos and search.

    LEAD is an id or an identity such as an e-mail address. The counts stay, and a keyed hash
    of the identities, by which an old list that brings the person back is refused.
    """
    from engine.cli.client import Client

    with Client(url, token) as client:
        found = client.get(f"/v1/leads/{quote(lead, safe='')}")
        if not yes and not click.confirm(f"Forget the lead {found['id']} for good?", err=True):
            return CANNOT
        erased = client.post(f"/v1/leads/{found['id']}/forget", {})
    click.echo(
        f"forgotten: {erased['events']} events, {erased['identities']} identities; "
        f"the counts go by {erased['name']}"
    )
    return DONE
