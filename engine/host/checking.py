"""Is a connection well? Asked of its own plugin, where the provider allows without sending."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from engine.host.calling import Overdue, bounded, sound, told
from engine.host.plugins import Plugins
from engine.host.reaching import reach, web_address
from engine.language.definitions import Connection
from engine.plugin import (
    Action,
    ActionContext,
    Delivered,
    Failed,
    ForbiddenTarget,
    Result,
    Retry,
    check_target,
    settled,
)

CHECK_S: Final = 15.0


class Checked(msgspec.Struct, frozen=True):
    """What a connection's check found, in words; ``level`` says how bad it is."""

    connection: str
    level: Literal["ok", "warning", "error"]
    message: str


async def check_connections(
    plugins: Plugins, connections: Mapping[str, Connection], now: int, timeout_s: float = CHECK_S
) -> list[Checked]:
    """Check all connections, one after the other, and let go of what that opened.

    A plugin that cannot check leaves it at whether the server answers at all.
    """
    try:
        return [
            await _check(plugins, connection, now, timeout_s) for connection in connections.values()
        ]
    finally:
        used = {connection.plugin for connection in connections.values()}
        for name in used & plugins.actions.keys():
            await plugins.actions[name].close()


async def _check(plugins: Plugins, connection: Connection, now: int, timeout_s: float) -> Checked:
    action = plugins.actions.get(connection.plugin)
    if action is None:
        return Checked(connection.name, "error", f'there is no plugin "{connection.plugin}"')
    params = connection.params_for(action.connection_schema)
    context = ActionContext(connection=params, now=now)
    try:
        result = await bounded(lambda: settled(action.check(context)), timeout_s)
        if result is not None:
            return _told(connection.name, sound(result, Delivered, Retry, Failed))
        await bounded(lambda: _admitted(action, params), timeout_s)
    except ForbiddenTarget as error:
        return Checked(connection.name, "error", str(error))
    except Overdue:
        return Checked(connection.name, "warning", f"does not answer within {timeout_s:g} s")
    except OSError as error:
        return Checked(connection.name, "warning", f"does not answer: {error}")
    except Exception as error:  # a plugin's mistake must not hide the other connections
        return Checked(connection.name, "error", f"its check {told(error)}")
    return await asyncio.to_thread(_reached, connection)


async def _admitted(action: Action, params: Mapping[str, Any]) -> None:
    """Raise ForbiddenTarget for an address that every delivery would be refused for."""
    address = web_address(params)
    if address is not None and "allow_private" in action.connection_schema.get("properties", ()):
        await check_target(address, bool(params.get("allow_private")))


def _told(name: str, result: Result) -> Checked:
    if isinstance(result, Delivered):
        return Checked(name, "ok", "its login is accepted")
    # What may pass by itself is no error: `Misconfigured` and `Failed` need a person.
    passing = type(result) is Retry
    return Checked(name, "warning" if passing else "error", result.reason)


def _reached(connection: Connection) -> Checked:
    reached = reach(connection.name, connection.params)
    where = f"{reached.target} " if reached.target else ""
    return Checked(connection.name, "ok" if reached.ok else "warning", f"{where}{reached.message}")
