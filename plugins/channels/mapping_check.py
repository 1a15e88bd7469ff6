"""What is wrong with a mapping in server.yaml: names that the catalogue does not have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from engine.plugin import Channel, Names
from plugins.channels.answers import FIRST, FORM_EVENT, LAST


class MappingChannel(Channel):
    """A channel with the settings of `answers.MAPPING`, and by form or source if it has these."""

    def check(self, settings: Mapping[str, Any], names: Names) -> Iterable[str]:
        """Return the fields, events and properties that there are not."""
        yield from wrong_names(settings, names)
        for form, own in settings.get("forms", {}).items():
            inherited = {"event": settings.get("event", FORM_EVENT), **own}
            yield from (f"{form}: {each}" for each in wrong_names(inherited, names))


def wrong_names(settings: Mapping[str, Any], names: Names) -> Iterator[str]:
    """Yield a sentence for each name that a mapping has and the catalogue has not."""
    events = events_of(settings.get("event", FORM_EVENT))
    yield from unknown_events(events, names)
    for target in targets_of(settings.get("fields", {})):
        if target not in {FIRST, LAST} and target not in names.fields:
            yield f'fields: a lead has no field "{target}"'
    known = {each for event in events for each in names.events.get(event, {})}
    for target in targets_of(settings.get("properties", {})):
        if target not in known:
            yield f'properties: {" and ".join(events)} has no property "{target}"'


def unknown_events(events: Iterable[str], names: Names) -> Iterator[str]:
    """Yield a sentence for each event type that there is not."""
    return (f'"{event}" is no event type' for event in events if event not in names.events)


def targets_of(written: Mapping[str, Any]) -> list[str]:
    """Return our names of a mapping, in its order."""
    return [each if isinstance(each, str) else each["to"] for each in written.values()]


def events_of(written: Any) -> list[str]:
    """Return the event types that ``event`` may give: one, or those of its values."""
    return (
        [written] if isinstance(written, str) else list(dict.fromkeys(written["values"].values()))
    )
