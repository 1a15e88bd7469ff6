"""``leadrules merge``: two leads are one."""

from __future__ import annotations

from urllib.parse import quote

import click

from engine.cli.codes import DONE
from engine.cli.common import server_options


@click.command("merge")
@click.argument("lead")
@click.argument("other")
@server_options
@click.option("--reason", required=True, help="Why, for whoever reads the timeline.")
@click.option("--by", help="Who says so.")
def command(
    lead: str, other: str, url: str | None, token: str | None, reason: str, by: str | None
) -> int:
    """Make OTHER part of LEAD: its history, points, contact details and to-dos.

    Both are ids or identities such as an e-mail address. LEAD keeps its id; the id of OTHER
    leads there from now on. `unmerge` parts them again.
    """
    from engine.cli.client import Client

    said = {"with": other, "reason": reason, **({"by": by} if by else {})}
    with Client(url, token) as client:
        answer = client.post(f"/v1/leads/{quote(lead, safe='')}/merge", said)
    click.echo(f"merged: {other} is {answer['lead']} now, score {answer['score']}")
    return DONE
