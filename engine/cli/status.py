"""``leadrules status``: how is the server doing?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from engine.cli.codes import DONE
from engine.cli.common import format_option, out, server_options


@click.command("status")
@server_options
@format_option("text", "json")
def command(url: str | None, token: str | None, format: str) -> int:
    """Show a running server's rules version, last reload, queues and overdue timers."""
    from engine.cli.client import Client

    with Client(url, token) as client:
        status = client.get("/-/status")
    if format == "json":
        click.echo(json.dumps(status, ensure_ascii=False))
        return DONE
    console = out()
    for name, value in _flat(status):
        console.print(f"{name:<24} {value}")
    return DONE


def _flat(status: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in status.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _shown(value)


def _shown(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "—"
    return "—" if value is None else value
