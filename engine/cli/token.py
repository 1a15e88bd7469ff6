"""``leadrules token``: make, list and revoke the tokens of a file."""

from __future__ import annotations

import time
from pathlib import Path

import click

from engine.cli.codes import DONE
from engine.cli.common import out
from engine.language.instants import format_instant, parse_duration
from engine.language.serving import ROLES

_DOING = ("new", "list", "revoke")


@click.command("token")
@click.argument("what", type=click.Choice(_DOING))
@click.argument("name", required=False)
@click.option(
    "--file",
    default="tokens.jsonl",
    show_default=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file that `tokens_file` in server.yaml names.",
)
@click.option("--role", type=click.Choice(ROLES), help="new: what its holder may do.")
@click.option("--member", help="new: the salesperson, for the role sales.")
@click.option("--expires", metavar="DURATION", help="new: counts for so long, such as 90d.")
@click.option("--keep-newest", is_flag=True, help="revoke: all but the newest secret.")
def command(
    what: str,
    name: str | None,
    file: Path,
    role: str | None,
    member: str | None,
    expires: str | None,
    keep_newest: bool,
) -> int:
    """Make, list or revoke tokens; the file holds hashes, a new token is shown this once.

    A running server reads the file at the next reload. To change a token, make a new one of
    the same name, hand it out, and then `revoke NAME --keep-newest`.
    """
    if what == "list":
        return _list(file)
    if name is None:
        raise click.UsageError(f"`leadrules token {what}` needs a NAME")
    if what == "revoke":
        return _revoke(file, name, keep_newest)
    if role is None:
        raise click.UsageError(f"say what it may do: --role {'|'.join(ROLES)}")
    return _new(file, name, role, member, expires)


def _new(file: Path, name: str, role: str, member: str | None, expires: str | None) -> int:
    from engine.server import tokens

    now = int(time.time() * 1_000)
    until = None if expires is None else now + parse_duration(expires)
    click.echo(tokens.add(file, name, role, member, now, until))
    click.echo(f"Shown this once. Reload the server; {file} keeps its hash.", err=True)
    return DONE


def _list(file: Path) -> int:
    from engine.server import tokens

    now = format_instant(int(time.time() * 1_000))
    console = out()
    for line in tokens.read_lines(file):
        gone = line.expires is not None and line.expires <= now
        until = f"expired {line.expires}" if gone else f"until {line.expires or 'revoked'}"
        who = f" {line.member}" if line.member else ""
        console.print(f"{line.name:<20} {line.role}{who}  {line.sha256[:12]}  {until}")
    return DONE


def _revoke(file: Path, name: str, keep_newest: bool) -> int:
    from engine.server import tokens

    count = tokens.revoke(file, name, keep_newest)
    click.echo(f"{count} secrets of {name} revoked; they count until the server reloads")
    return DONE
