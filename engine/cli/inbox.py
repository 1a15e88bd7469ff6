"""``leadrules inbox``: what a salesperson was told, and what of it they have read."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import click

from engine.cli.codes import DONE
from engine.cli.common import format_option, server_options


@click.command("inbox")
@click.argument("person", required=False)
@server_options
@click.option("--unread", is_flag=True, help="Only what is not read yet.")
@click.option("--read", metavar="ID", help="Note that this was read; all for everything.")
@format_option("text", "json")
def command(
    person: str | None,
    url: str | None,
    token: str | None,
    unread: bool,
    read: str | None,
    format: str,
) -> int:
    """List what PERSON was told by a running server, newest first, or note that it was read.

    Without PERSON it is the salesperson's whose token asks.
    """
    from engine.cli.client import Client

    whose = {"person": person} if person else {}
    with Client(url, token) as client:
        if read == "all":
            click.echo(f"{client.post('/v1/inbox/read', whose)['read']} read")
            return DONE
        if read:
            items = [client.post(f"/v1/inbox/{quote(read, safe='')}/read", {})]
        else:
            items = client.get("/v1/inbox", whose | ({"unread": "true"} if unread else {}))["items"]
    for item in items:
        click.echo(json.dumps(item, ensure_ascii=False) if format == "json" else _line(item))
    return DONE


def _line(item: dict[str, Any]) -> str:
    mark = " " if item["read_at"] else "*"
    who = " ".join(item[name] for name in ("name", "company") if item[name])
    return f"{mark} {item['at']}  {item['title']}  {who}  [{item['id']}]"
