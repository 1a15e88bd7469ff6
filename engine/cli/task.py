"""``leadrules task``: to-dos listed, given, put off and done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import click

from engine.cli.codes import DONE
from engine.cli.common import format_option, server_options

if TYPE_CHECKING:
    from engine.cli.client import Client

# What can be done, and which options say more about it.
_DEEDS: Final = {
    "list": ("lead", "owner", "status"),
    "give": ("lead", "title", "owner", "due", "priority", "by"),
    "snooze": ("until", "by"),
    "done": ("outcome", "by"),
}


@click.command("task")
@click.argument("deed", type=click.Choice([*_DEEDS]), default="list")
@click.argument("id", required=False)
@server_options
@click.option("--lead", help="list, give: the lead that it is about.")
@click.option("--owner", help="list, give: whose it is; given without, the lead's owner's.")
@click.option("--status", type=click.Choice(("open", "done")), help="list: only those.")
@click.option("--title", help="give: what is to be done.")
@click.option("--due", help="give: by when, such as 2026-03-05T10:00:00+08:00.")
@click.option("--priority", type=click.Choice(("low", "normal", "high")), help="give.")
@click.option("--until", help="snooze: the instant at which its owner is reminded.")
@click.option("--outcome", help="done: what came of it.")
@click.option("--by", help="Who does it; by default the token's holder.")
@format_option("text", "json")
def command(
    deed: str, id: str | None, url: str | None, token: str | None, format: str, **said: Any
) -> int:
    """List to-dos of a running server, the most urgent first, or give, snooze or do one.

    ID is the to-do to snooze, or that is done.
    """
    from engine.cli.client import Client

    data = {name: value for name, value in said.items() if value is not None}
    for name in data:
        if name not in _DEEDS[deed]:
            raise click.UsageError(f"--{name} says nothing about {deed}")
    if (id is None) == (deed in ("snooze", "done")):
        raise click.UsageError(f"{deed} takes {'the ID of a to-do' if id is None else 'no ID'}")
    with Client(url, token) as client:
        for task in _asked(client, deed, id, data):
            click.echo(json.dumps(task, ensure_ascii=False) if format == "json" else _line(task))
    return DONE


def _asked(client: Client, deed: str, id: str | None, data: dict[str, Any]) -> list[dict[str, Any]]:
    if id is not None:
        verb = "complete" if deed == "done" else deed
        return [client.post(f"/v1/tasks/{quote(id, safe='')}/{verb}", data)]
    if deed == "give":
        return [client.post("/v1/tasks", data)]
    if "lead" in data:  # the list knows leads by their ids only
        data["lead"] = client.get(f"/v1/leads/{quote(data['lead'], safe='')}")["id"]
    found: list[dict[str, Any]] = client.get("/v1/tasks", data)["items"]
    return found


def _line(task: dict[str, Any]) -> str:
    due = f", due {task['due']}" if task["due"] else ""
    return f"{task['id']}  {task['title']} ({task['owner'] or 'nobody'}{due}, {task['status']})"
