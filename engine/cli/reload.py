"""``leadrules reload``: swap the rules of a running server."""

from __future__ import annotations

import click

from engine.cli.codes import DONE, FINDINGS
from engine.cli.common import server_options


@click.command("reload")
@server_options
def command(url: str | None, token: str | None) -> int:
    """Let a running server read its configuration anew: all of it, or with an error nothing."""
    from engine.cli.client import Client, ServerRefused

    with Client(url, token) as client:
        try:
            answer = client.post("/-/reload", {})
        except ServerRefused as error:
            if error.status != 422:
                raise
            for each in error.details:
                place = f"{each['file']}:{each['line']}:{each['column']}"
                click.echo(f"{place}: {each['severity']}[{each['code']}] {each['message']}")
            click.echo(str(error), err=True)
            return FINDINGS
    click.echo(f"rules {answer['ruleset'][:12]} are in use")
    return DONE
