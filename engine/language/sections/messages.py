"""``messages.yaml`` and ``server.yaml``: what is sent, and through which connections."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from engine.language.diagnostic import Diagnostics, Source
from engine.language.handling import ChannelSettings, Connection, Limits, Message, Server
from engine.language.instants import parse_duration
from engine.language.nearest import did_you_mean
from engine.language.scope import Scope
from engine.language.sections.part import Builder, Part
from engine.language.sections.serving import ServingBuilder
from engine.language.sections.wordings import Attachments, first, wordings
from engine.language.sending import MARKETING, Linking, channel_of
from engine.language.serving import Serving
from engine.language.templates import nameable
from engine.language.zones import is_zone, zone_hint

SHORTEST_KEY: Final = 16
STALE_AFTER: Final = "2d"
# Where an action finds its address when a message does not say.
ADDRESSES: Final = {"email": "lead.email"}
# Keys of a connection that are ours; all others are its plugin's.
_RESERVED: Final = frozenset({"plugin", "limits"})
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class MessagesBuilder(Builder):
    """Builds messages; ``templates`` holds the texts of ``templates/`` by file name."""

    names: Collection[str] = ()

    def __init__(self, scope: Scope, found: Diagnostics, folder: Path) -> None:
        super().__init__(scope, found)
        self.folder = folder

    def build(
        self,
        parts: Sequence[Part],
        connections: Mapping[str, Connection],
        names: Collection[str],
        templates: Mapping[str, str],
    ) -> dict[str, Message]:
        """Return the messages of all files; ``names`` are all connections, also unsound ones."""
        self.names = names
        return {
            name: self._message(name, part, connections, templates)
            for whole in parts
            for name, part in whole.entries("messages")
        }

    def _message(
        self,
        name: str,
        part: Part,
        connections: Mapping[str, Connection],
        templates: Mapping[str, str],
    ) -> Message:
        action, template = part.data["action"], part.get("template")
        self.known(part.child("action"), action, self.names, "connection", name)
        if template is not None:
            self.known(part.child("template"), template, nameable(templates), "template", name)
        if not any(part.get(key) for key in ("template", "text", "markdown", "with")):
            text = f'the message "{name}" has nothing to say'
            self.error("empty-message", part, text, name, "add text: or template:")
        said, language = wordings(part, self.folder.as_posix(), templates), part.get("language")
        plugin = connections[action].plugin if action in connections else ""
        return Message(
            id=name,
            label=part.label(),
            action=action,
            topic=part.get("topic"),
            subject=first(said, "subject", language),
            text=first(said, "text", language),
            html=first(said, "html", language),
            to=self._address(part, name) or ADDRESSES.get(plugin),
            stale_after=parse_duration(part.get("stale_after", STALE_AFTER)),
            source=part.key_source,
            deadline=_duration(part.get("deadline")),
            wordings=said,
            params=part.get("with", {}),
            attachments=Attachments(self.folder, self.found).of(part, name),
            language=language,
            channel=part.get("channel") or channel_of(action, plugin),
            purpose=part.get("kind", MARKETING),
            stop_words=tuple(part.get("stop_words", ())),
        )

    def _address(self, part: Part, name: str) -> str | None:
        to = part.get("to")
        if to is None:
            return None
        resolved = self.scope.resolve(to)
        if resolved is None:
            self.known(part.child("to"), to, self.scope.paths(), "field", name)
        return resolved.fact if resolved else None


class ServerBuilder:
    """Builds the server's settings; needs no scope, for everything else needs it."""

    def __init__(self, found: Any, environ: Mapping[str, str], folder: Path) -> None:
        self.found = found
        self.environ = environ
        self.folder = folder

    def build(self, parts: Sequence[Part]) -> Server:
        """Return the settings; later files win."""
        settings: dict[str, Any] = {}
        connections: dict[str, Connection] = {}
        channels: dict[str, ChannelSettings] = {}
        places: dict[str, Source] = {}
        for part in parts:
            for name, member in part.entries():
                settings[name] = self._fill(member)
                places[name] = member.source
            for name, member in part.entries("connections"):
                params = self._fill(member)
                connections[name] = Connection(
                    name=name,
                    plugin=params["plugin"],
                    params={k: v for k, v in params.items() if k not in _RESERVED},
                    source=member.key_source,
                    limits=_limits(params.get("limits") or {}),
                    places=member.places(),
                    digits={
                        key: str(value)
                        for key, value in params.items()
                        if isinstance(value, int) and isinstance(member.get(key), str)
                    },
                )
            for name, member in part.entries("channels"):
                channels[name] = ChannelSettings(
                    name=name,
                    params=self._fill(member),
                    source=member.key_source,
                    places=member.places(),
                )
            self._check_zone(part.child("zone"))
            self._check_plugins(part.child("plugins_dir"))
        return Server(
            database=settings.get("database", "leadrules.db"),
            connections=connections,
            zone=settings.get("zone", "Asia/Shanghai"),
            serving=self._serving(parts),
            settings=settings,
            network=settings.get("network", "own"),
            network_source=places.get("network"),
            linking=self._linking(settings.get("links"), places.get("links")),
            channels=channels,
        )

    def _linking(self, written: Any, place: Source | None) -> Linking | None:
        if not isinstance(written, dict) or place is None:
            return None
        keys = tuple(str(key) for key in written.get("keys", ()))
        if any(0 < len(key) < SHORTEST_KEY for key in keys):
            text = f"a key that signs links has at least {SHORTEST_KEY} characters"
            self.found.error(
                "short-key", text, place, hint="write one made by `openssl rand -hex 32`"
            )
        switches = {name: written[name] for name in ("opens", "clicks") if name in written}
        return Linking(url=str(written.get("url", "")), keys=tuple(filter(None, keys)), **switches)

    def _serving(self, parts: Sequence[Part]) -> Serving:
        # A variable that is not set has been reported by then, and is not reported twice.
        quiet = ServerBuilder(Diagnostics(), self.environ, self.folder)
        return ServingBuilder(self.found, quiet._fill).build(parts)

    def _fill(self, part: Part) -> Any:
        """Replace ``${NAME}`` and ``${NAME:-default}`` by the environment's values."""
        data = part.data
        if isinstance(data, dict):
            return {key: self._fill(part.child(key)) for key in data}
        if isinstance(data, list):
            return [self._fill(part.child(index)) for index in range(len(data))]
        if not isinstance(data, str):
            return data
        filled = _VARIABLE.sub(lambda match: self._variable(match, part), data)
        # A value that is one variable and nothing else may be a number, such as a port; what
        # begins with 0, such as a secret, is none.
        whole = _VARIABLE.fullmatch(data) is not None and filled.isdecimal()
        return int(filled) if whole and str(int(filled)) == filled else filled

    def _variable(self, match: re.Match[str], part: Part) -> str:
        name, default = match[1], match[2]
        value = self.environ.get(name) or default
        if value is None:
            hint = did_you_mean(name, [n for n in self.environ if n.isupper()], limit=0)
            self.found.error(
                "unset-variable",
                f"the environment variable {name} is not set",
                part.source,
                hint=f"set it, or write ${{{name}:-default}}; {hint}",
            )
        return value or ""

    def _check_plugins(self, part: Part) -> None:
        if isinstance(part.data, str) and part.sound and not (self.folder / part.data).is_dir():
            text = f'there is no folder "{part.data}" in {self.folder}'
            hint = "name it from the configuration folder, such as plugins"
            self.found.error("no-plugins", text, part.source, hint=hint)

    def _check_zone(self, part: Part) -> None:
        if part.data is None or is_zone(part.data):
            return
        hint = zone_hint(part.data)
        text = f'"{part.data}" is no time zone; {hint}'
        self.found.error("unknown-zone", text, part.source, hint=hint)


def _limits(written: Mapping[str, Any]) -> Limits:
    durations = {name: _duration(written.get(name)) for name in ("max_age", "deadline")}
    return Limits(**{**written, **durations})


def _duration(written: str | None) -> int | None:
    return None if written is None else parse_duration(written)
