"""``leadrules deliveries``: the outbox, and trying again what came to nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import click

from engine.cli.codes import DONE
from engine.cli.common import format_option, out, server_options

if TYPE_CHECKING:
    from engine.cli.client import Client

_STATUSES: Final = (
    "queued",
    "leased",
    "delivered",
    "failed",
    "dead",
    "expired",
    "blocked",
    "collected",
)
_MOST: Final = 200
_WIDEST: Final = 10_000


@click.command("deliveries")
@click.argument("id", required=False)
@click.option("--status", type=click.Choice(_STATUSES), help="Only those that stand so.")
@click.option("--connection", help="Only those of this connection of server.yaml.")
@click.option("--lead", help="Only those for this lead, by its id.")
@click.option(
    "--limit",
    type=click.IntRange(1, _MOST),
    default=50,
    show_default=True,
    help="The newest so many.",
)
@click.option("--retry", is_flag=True, help="Try ID again, or all of --connection.")
@click.option("--by", help="Who wants it tried again; by default admin.")
@server_options
@format_option("text", "json")
def command(
    id: str | None,
    retry: bool,
    by: str | None,
    url: str | None,
    token: str | None,
    format: str,
    **filters: Any,
) -> int:
    """Show what a running server has sent and could not send, newest first.

    With --retry, the delivery ID, or everything of --connection that is failed, dead or
    expired (or what --status names), is tried again with the same idempotency key.
    """
    from engine.cli.client import Client

    if id and not retry:
        raise click.UsageError("ID is for --retry; to look, filter with --status and the like")
    with Client(url, token) as client:
        if retry:
            return _retry(client, id, filters, by, format)
        given = {name: str(value) for name, value in filters.items() if value is not None}
        items = client.get("/v1/deliveries", given)["items"]
    if format == "json":
        for item in items:
            click.echo(json.dumps(item, ensure_ascii=False))
    else:
        _print(items)
    return DONE


def _retry(
    client: Client, id: str | None, filters: dict[str, Any], by: str | None, format: str
) -> int:
    who = {"by": by} if by else {}
    if id:
        answer = client.post(f"/v1/deliveries/{quote(id)}/retry", who)
        said = f"{answer['id']} is {answer['status']} again"
    elif filters["connection"]:
        chosen = {k: v for k in ("connection", "status") if (v := filters[k]) is not None}
        answer = client.post("/v1/deliveries/retry", {**who, **chosen})
        said = f"{answer['retried']} deliveries of {filters['connection']} are queued again"
    else:
        raise click.UsageError("--retry needs the ID of a delivery, or --connection NAME")
    click.echo(json.dumps(answer, ensure_ascii=False) if format == "json" else said)
    return DONE


def _print(items: Sequence[dict[str, Any]]) -> None:
    from rich import box
    from rich.measure import Measurement
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("时间\nat", "状态\nstatus", "连接\nconnection", "消息\nmessage"):
        table.add_column(heading, no_wrap=True)
    table.add_column("次数\nattempts", justify="right", no_wrap=True)
    table.add_column("id", no_wrap=True)
    table.add_column("原因\nreason", no_wrap=True)
    for item in items:
        table.add_row(
            item["created_at"],
            item["status"],
            item["connection"],
            item["message"] or "—",
            str(item["attempts"]),
            item["id"],
            item["reason"] or "—",
        )
    # As wide as it needs to be, for an id that is cut into pieces helps nobody: a pipe takes any
    # width, and a terminal breaks lines by itself.
    console = out()
    options = console.options.update(max_width=_WIDEST)
    table.width = Measurement.get(console, options, table).maximum
    console.print(table, soft_wrap=True)
