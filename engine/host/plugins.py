"""The plugins of one application: found, registered, checked."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from importlib import metadata
from types import MappingProxyType
from typing import Any, Final, TypeVar

import msgspec
import pluggy

import plugins as builtin_plugins
from engine.errors import LeadrulesError
from engine.host.settings import faults
from engine.language.catalogue import Catalogue
from engine.language.definitions import ChannelSettings, Connection, Definitions, Limits
from engine.language.diagnostic import Diagnostic
from engine.language.nearest import did_you_mean
from engine.language.strategies import BUILT_IN
from engine.plugin import PROJECT, Action, Channel, Enricher, Hooks, Names, Strategy

TRACE_VARIABLE: Final = "LEADRULES_TRACE_PLUGINS"
OWN: Final = "this installation"
FILE: Final = "leadrules_file_"  # begins the module's name of a plugin that is a file
_ACTION_METHODS: Final = {"perform": "async def perform(self, delivery, context) -> Result"}
_ENRICHER_METHODS: Final = {"enrich": "async def enrich(self, lead) -> Mapping[str, Any]"}
_CHANNEL_METHODS: Final = {
    "routes": "def routes(self) -> list[Route]",
    "poll": "async def poll(self, poll) -> Polled",
}

Part = TypeVar("Part", Action, Channel, Enricher)


class PluginError(LeadrulesError):
    """A plugin that can't be used; the message names it and what it should look like."""

    code = "bad-plugin"


class PluginInfo(msgspec.Struct, frozen=True):
    """What one plugin brings. ``origin`` is its module, and its distribution if installed.

    ``hooks`` are those that it implements.
    """

    name: str
    origin: str
    actions: list[str]
    channels: list[str]
    enrichers: list[str] = []
    hooks: list[str] = []
    strategies: list[str] = []


class Plugins:
    """All channels and actions, built-in ones and others, through the same hooks.

    ``extra`` are further plugins by name, for programs that embed leadrules and for tests.
    Raises PluginError, before anything runs, for a plugin that would fail later.
    """

    def __init__(
        self, extra: Mapping[str, object] | None = None, entry_points: bool = True
    ) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)
        if os.environ.get(TRACE_VARIABLE):
            self._manager.trace.root.setwriter(partial(print, end="", file=sys.stderr))
            self._manager.enable_tracing()
        self._actions: dict[str, Action] = {}
        self._channels: dict[str, Channel] = {}
        self._enrichers: dict[str, Enricher] = {}
        self._strategies: dict[str, Strategy] = {}
        self._extensions: dict[str, Mapping[str, Any]] = {}
        self._infos: list[PluginInfo] = []
        owners: dict[str, str] = {}
        for owner, some in (("leadrules itself", builtin_plugins.builtin()), (OWN, extra or {})):
            for name, plugin in some.items():
                _own(owners, name, owner)
                self._add(name, plugin)
        if entry_points:
            _check_entry_points(owners)
            self._load_entry_points()
        self._check_names()
        for name, plugin in self._manager.list_name_plugin():
            self._register(name, plugin)

    @property
    def actions(self) -> Mapping[str, Action]:
        """Actions by name."""
        return MappingProxyType(self._actions)

    @property
    def channels(self) -> Mapping[str, Channel]:
        """Channels by name."""
        return MappingProxyType(self._channels)

    @property
    def enrichers(self) -> Mapping[str, Enricher]:
        """Enrichers by name."""
        return MappingProxyType(self._enrichers)

    @property
    def strategies(self) -> Mapping[str, Strategy]:
        """Routing strategies by name, beside those built in."""
        return MappingProxyType(self._strategies)

    @property
    def extensions(self) -> Mapping[str, Mapping[str, Any]]:
        """What plugins add to the catalogue, by plugin; ``load_folder`` checks it."""
        return MappingProxyType(self._extensions)

    def describe(self) -> list[PluginInfo]:
        """Return what each plugin brings, in order of registration."""
        return list(self._infos)

    def _add(self, name: str, plugin: object) -> None:
        try:
            self._manager.register(plugin, name=name)
        except (pluggy.PluginValidationError, ValueError) as error:
            raise PluginError(f'plugin "{name}": {error}') from error

    def _load_entry_points(self) -> None:
        try:
            self._manager.load_setuptools_entrypoints(PROJECT)
        except Exception as error:
            raise PluginError(
                f"a plugin of the entry-point group {PROJECT!r} can't be loaded: "
                f"{type(error).__name__}: {error}; repair or uninstall it"
            ) from error

    def _check_names(self) -> None:
        """A hook that nobody calls is a misspelt one."""
        for name, plugin in self._manager.list_name_plugin():
            known = _hook_names()
            for hook in _marked(plugin):
                if hook not in known:
                    raise PluginError(
                        f'plugin "{name}" implements the hook "{hook}", which does not exist; '
                        + did_you_mean(hook, known)
                    )
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(str(error)) from error

    def _register(self, name: str, plugin: object) -> None:
        """Call one plugin's hooks by itself, so that what goes wrong has its name."""
        actions: list[str] = []
        channels: list[str] = []
        enrichers: list[str] = []
        strategies: list[str] = []

        def add_strategy(called: str, strategy: Strategy) -> None:
            strategies.append(_accept_strategy(name, called, strategy, self._strategies))

        def add_action(action: Action) -> None:
            actions.append(_accept(name, action, Action, _ACTION_METHODS, self._actions))

        def add_channel(channel: Channel) -> None:
            channels.append(_accept(name, channel, Channel, _CHANNEL_METHODS, self._channels))
            kind = type(channel)
            if kind.routes is Channel.routes and kind.poll is Channel.poll:
                raise PluginError(f'plugin "{name}": {kind.__name__} has neither routes nor poll')

        def add_enricher(enricher: Enricher) -> None:
            enrichers.append(_accept(name, enricher, Enricher, _ENRICHER_METHODS, self._enrichers))

        others = [p for _, p in self._manager.list_name_plugin() if p is not plugin]
        only = self._manager.subset_hook_caller
        try:
            only("register_actions", others)(register=add_action)
            only("register_channels", others)(register=add_channel)
            only("register_enrichers", others)(register=add_enricher)
            only("register_strategies", others)(register=add_strategy)
            added = only("extend_catalogue", others)()
        except PluginError:
            raise
        except Exception as error:
            raise PluginError(
                f'plugin "{name}" raised while registering: {type(error).__name__}: {error}'
            ) from error
        if added:
            self._extensions[name] = added[0]
        origin = _origin(self._manager, plugin)
        self._infos.append(
            PluginInfo(name, origin, actions, channels, enrichers, _marked(plugin), strategies)
        )

    def check(self, definitions: Definitions) -> list[Diagnostic]:
        """Return what is wrong with connections, channels and enrichers of a configuration."""
        found: list[Diagnostic] = []
        for connection in definitions.server.connections.values():
            found += self._check_connection(connection)
        for channel in definitions.server.channels.values():
            found += self._check_channel(channel, definitions.catalogue)
        found += self._check_enrichments(definitions)
        return found

    def _check_enrichments(self, definitions: Definitions) -> Iterable[Diagnostic]:
        for each in definitions.intake.enrichments:
            if each.plugin not in self._enrichers:
                yield Diagnostic(
                    "unknown-plugin",
                    f'"{each.plugin}" is no enricher; {did_you_mean(each.plugin, self._enrichers)}',
                    each.source,
                    hint="install the plugin, or name one that is installed",
                )

    def complete(self, definitions: Definitions) -> Definitions:
        """Return the configuration with what plugins say of connections.

        Limits where these set none, and which of their settings are texts.
        """
        whole = {
            name: msgspec.structs.replace(
                each, limits=self._limits(each), params=self._params(each)
            )
            for name, each in definitions.server.connections.items()
        }
        server = msgspec.structs.replace(definitions.server, connections=whole)
        return msgspec.structs.replace(definitions, server=server)

    def _params(self, connection: Connection) -> Mapping[str, Any]:
        action = self._actions.get(connection.plugin)
        return connection.params_for(action.connection_schema) if action else connection.params

    def _limits(self, connection: Connection) -> Limits:
        action, own = self._actions.get(connection.plugin), connection.limits
        if action is None:
            return own
        names = Limits.__struct_fields__
        written = {n: v for n in names if (v := getattr(own, n)) is not None}
        return msgspec.structs.replace(action.limits, **written)

    def _check_connection(self, connection: Connection) -> Iterable[Diagnostic]:
        action = self._actions.get(connection.plugin)
        where = f'the connection "{connection.name}"'
        if action is None:
            yield Diagnostic(
                "unknown-plugin",
                f'"{connection.plugin}" is no action plugin; '
                + did_you_mean(connection.plugin, self._actions),
                connection.source,
                hint="install the plugin, or name one that is installed",
            )
            return
        params, places = self._params(connection), connection.places
        for text, place in faults(action.connection_schema, params, places, connection.source):
            yield Diagnostic(
                "bad-connection",
                f"{where}: {text}",
                place,
                hint=f'see the settings of the plugin "{connection.plugin}"',
            )

    def _check_channel(
        self, written: ChannelSettings, catalogue: Catalogue
    ) -> Iterable[Diagnostic]:
        channel = self._channels.get(written.name)
        if channel is None:
            yield Diagnostic(
                "unknown-plugin",
                f'"{written.name}" is no channel plugin; '
                + did_you_mean(written.name, self._channels),
                written.source,
                hint="install the plugin, or name one that is installed",
            )
            return
        params, source = dict(written.params), written.source
        wrong = list(faults(channel.config_schema, params, written.places, source))
        if not wrong:
            found = channel.check(written.params, names_of(catalogue))
            wrong = [(reason, source) for reason in found]
        for reason, place in wrong:
            yield Diagnostic(
                "bad-channel",
                f'the channel "{written.name}": {reason}',
                place,
                hint=f'see the settings of the channel "{written.name}"',
            )


def _check_entry_points(owners: dict[str, str]) -> None:
    """Raise PluginError for a name that is taken: pluggy would leave the second one out."""
    for entry in metadata.entry_points(group=PROJECT):
        package = entry.dist.name if entry.dist is not None else entry.value
        way_out = f"rename its entry point in the group {PROJECT!r}, or uninstall it"
        _own(owners, entry.name, f"the package {package}", way_out)


def _own(owners: dict[str, str], name: str, who: str, way_out: str = "rename it") -> None:
    """Note whose a plugin's name is; raises PluginError where it is another's."""
    owner = owners.setdefault(name, who)
    if owner != who:
        text = f'{who} brings a plugin "{name}", which {owner} has already; {way_out}'
        raise PluginError(text)


def names_of(catalogue: Catalogue) -> Names:
    """Return the catalogue as channels see it; derived fields are not for them to fill."""
    fields = {f.name: f.type for f in catalogue.fields.values() if not f.derived}
    events = {
        event.name: {p.name: p.type for p in event.properties.values()}
        for event in catalogue.events.values()
    }
    return Names(fields, events, catalogue)


def _hook_names() -> set[str]:
    return {name for name in vars(Hooks) if not name.startswith("_")}


def _marked(plugin: object) -> list[str]:
    """Return the names that a plugin marked with ``@hookimpl``."""
    members = inspect.getmembers(plugin, inspect.isroutine)
    return [name for name, member in members if hasattr(member, f"{PROJECT}_impl")]


def _accept(
    plugin: str,
    part: Part,
    kind: type[Any],  # Action, Channel or Enricher, which are abstract
    methods: Mapping[str, str],
    known: dict[str, Part],
) -> str:
    """Add an action or channel that is well made; raises PluginError else."""
    what = kind.__name__.lower()
    if not isinstance(part, kind):
        raise PluginError(
            f'plugin "{plugin}" registered {part!r}, which is no engine.plugin.{kind.__name__}; '
            f"derive it from that class and register an instance"
        )
    name = getattr(part, "name", None)
    if not isinstance(name, str) or not name.isprintable() or not name or "/" in name:
        raise PluginError(f'plugin "{plugin}": the {what} {part!r} has the name {name!r}')
    if name in known:
        raise PluginError(f'plugin "{plugin}": there is already an {what} named "{name}"')
    for method, signature in methods.items():
        _check_method(plugin, part, method, signature)
    known[name] = part
    return name


def _accept_strategy(
    plugin: str, name: object, strategy: Strategy, known: dict[str, Strategy]
) -> str:
    """Add a routing strategy that can be called; raises PluginError else."""
    if not isinstance(name, str) or not name.isidentifier():
        raise PluginError(f'plugin "{plugin}": a strategy has the name {name!r}, which is no word')
    if name in known or name in BUILT_IN:
        raise PluginError(f'plugin "{plugin}": there is already a strategy named "{name}"')
    try:
        inspect.signature(strategy).bind(None, ())
        fits = not inspect.iscoroutinefunction(strategy)
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise PluginError(
            f'plugin "{plugin}": the strategy "{name}" does not fit; it must be: '
            "def choose(lead, candidates) -> str"
        )
    known[name] = strategy
    return name


def _check_method(plugin: str, part: object, method: str, signature: str) -> None:
    """Raise PluginError unless the method can be called as ``signature`` says."""
    found = getattr(part, method)
    wants_async = signature.startswith("async ")
    arguments = len(signature.partition("(")[2].partition(")")[0].split(",")) - 1
    try:
        inspect.signature(found).bind(*range(arguments))
        fits = inspect.iscoroutinefunction(found) == wants_async
    except TypeError:
        fits = False
    if not fits:
        raise PluginError(
            f'plugin "{plugin}": {type(part).__name__}.{method}{inspect.signature(found)} '
            f"does not fit; it must be: {signature}"
        )


def _origin(manager: pluggy.PluginManager, plugin: object) -> str:
    module = getattr(plugin, "__name__", type(plugin).__module__)
    for found, distribution in manager.list_plugin_distinfo():
        if found is plugin:
            return f"{module} ({distribution.project_name} {distribution.version})"
    return str(getattr(plugin, "__file__", module) if module.startswith(FILE) else module)
