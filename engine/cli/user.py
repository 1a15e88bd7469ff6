"""``leadrules user``: the accounts of people who sign in with a password."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from engine.cli.codes import DONE
from engine.cli.common import out, server_options
from engine.language.serving import ROLES

if TYPE_CHECKING:
    from engine.cli.client import Client

_DOING = ("add", "list", "role", "password", "disable", "enable", "sign-out")


@click.command("user")
@click.argument("what", type=click.Choice(_DOING))
@click.argument("name", required=False)
@server_options
@click.option("--role", type=click.Choice(ROLES), help="add, role: what they may do.")
@click.option("--member", help="add, role: the salesperson they are, for the role sales.")
def command(
    what: str,
    name: str | None,
    url: str | None,
    token: str | None,
    role: str | None,
    member: str | None,
) -> int:
    """Make, list and change accounts at a running server.

    A password is asked for, or read from standard input's first line; it is never an argument,
    which others on the machine could see. Its owner sets another one at the first sign-in.
    """
    from engine.cli.client import Client

    if what == "list":
        with Client(url, token) as client:
            return _list(client)
    if name is None:
        raise click.UsageError(f"`leadrules user {what}` needs a NAME")
    if what in {"add", "role"} and role is None:
        raise click.UsageError(f"say what they may do: --role {'|'.join(ROLES)}")
    body = _body(what, role, member)
    with Client(url, token) as client:
        return _do(client, what, name, body)


def _body(what: str, role: str | None, member: str | None) -> dict[str, Any]:
    if what in {"disable", "enable"}:
        return {"disabled": what == "disable"}
    body: dict[str, Any] = {}
    if what in {"add", "role"}:
        body = {"role": role, "member": member}
    if what in {"add", "password"}:
        body["password"] = _password()
    return body


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    text: str = click.prompt("First password", hide_input=True, confirmation_prompt=True, err=True)
    return text


def _do(client: Client, what: str, name: str, body: dict[str, Any]) -> int:
    own = f"/v1/users/{quote(name, safe='')}"
    if what == "add":
        made = client.post("/v1/users", {"name": name, **body})
        click.echo(f"{made['name']} may sign in, and sets a password of their own first")
    elif what == "sign-out":
        ended = client.post(f"{own}/sign-out", {})["ended"]
        click.echo(f"{ended} sessions of {name} ended")
    else:
        changed = client.post(own, body)
        click.echo(f"{changed['name']}: {_told(changed)}; all sessions ended")
    return DONE


def _list(client: Client) -> int:
    console = out()
    for each in client.get("/v1/users")["items"]:
        console.print(f"{each['name']:<20} {_told(each)}, {each['sessions']} sessions")
    return DONE


def _told(account: dict[str, Any]) -> str:
    who = f"{account['role']} {account['member']}" if account["member"] else account["role"]
    if account["disabled"]:
        return f"{who}, disabled"
    return f"{who}, first password" if account["must_change"] else str(who)
