"""``leadrules plugins``: what is installed, where it comes from, what it can be told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.cli.codes import DONE
from engine.cli.common import config_option, format_option

if TYPE_CHECKING:
    from engine.host.plugins import PluginInfo, Plugins


@click.command("plugins")
@click.argument("name", required=False)
@config_option
@format_option("text", "json")
def command(name: str | None, config: Path, format: str) -> int:
    """List the plugins of this installation, or one: origin, hooks, and the settings they take.

    NAME is a plugin's, a channel's or an action's. Those of plugins_dir are among them.
    """
    from engine.errors import LeadrulesError
    from engine.host.plugin_files import plugins_of
    from engine.language.nearest import did_you_mean

    plugins = plugins_of(config)
    found = [info for info in plugins.describe() if name is None or name in _names(info)]
    if not found and name is not None:
        known = sorted({each for info in plugins.describe() for each in _names(info)})
        hint = did_you_mean(name, known, all_at="`leadrules plugins` lists them")
        raise LeadrulesError(f'there is no plugin "{name}"; {hint}')
    for info in found:
        told = _told(info, plugins)
        if format == "json":
            click.echo(json.dumps(told, ensure_ascii=False))
        else:
            click.echo("\n".join(_lines(told)))
    return DONE


def _names(info: PluginInfo) -> set[str]:
    return {info.name, *info.actions, *info.channels, *info.enrichers}


def _told(info: PluginInfo, plugins: Plugins) -> dict[str, Any]:
    """Return what there is to say of one plugin."""
    return {
        "name": info.name,
        "origin": info.origin,
        "hooks": list(info.hooks),
        "actions": {n: _settings(plugins.actions[n].connection_schema) for n in info.actions},
        "channels": {
            n: {**_settings(plugins.channels[n].config_schema), "routes": _routes(plugins, n)}
            for n in info.channels
        },
        "enrichers": list(info.enrichers),
    }


def _settings(schema: Mapping[str, Any]) -> dict[str, Any]:
    required = schema.get("required", ())
    settings = {name: name in required for name in schema.get("properties", {})}
    return {"settings": [{"name": n, "required": must} for n, must in settings.items()]}


def _routes(plugins: Plugins, channel: str) -> list[str]:
    return [
        f"{method} {path}"
        for route in plugins.channels[channel].routes()
        for path in (f"/channels/{channel}{route.path}", *route.also)
        for method in route.methods
    ]


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"{told['name']}  {told['origin']}"
    yield f"  hooks: {', '.join(told['hooks'])}"
    for name, about in told["actions"].items():
        yield f"  action {name}: {_words(about['settings'])}"
    for name, about in told["channels"].items():
        yield f"  channel {name}: {_words(about['settings'])}"
        yield from (f"    {route}" for route in about["routes"])
    for name in told["enrichers"]:
        yield f"  enricher {name}"


def _words(settings: list[dict[str, Any]]) -> str:
    """Return the settings in one line, required ones with a star."""
    words = [f"{each['name']}{'*' if each['required'] else ''}" for each in settings]
    return ", ".join(words) or "no settings"
