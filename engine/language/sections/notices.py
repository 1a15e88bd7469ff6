"""``notify`` of ``routing.yaml``: how people are told, all of them and each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec.structs import replace

from engine.language.diagnostic import Diagnostics
from engine.language.notices import Digest, Notices
from engine.language.scope import Scope
from engine.language.sections.part import Builder, Part, minute_of_day
from engine.language.sections.sending import quiet_hours
from engine.language.zones import is_zone, zone_hint

_KEY: Final = "notify"


class NoticesBuilder(Builder):
    """Builds what all files say together, and of each member what differs from it."""

    def __init__(self, scope: Scope, found: Diagnostics, wholes: Sequence[Part]) -> None:
        super().__init__(scope, found)
        self.common = Notices()
        self._calendar_said = False
        for whole in wholes:
            part = whole.child(_KEY)
            if isinstance(part.data, dict):
                self.common = self._over(self.common, part)
                self._calendar_said |= part.get("calendar") is not None

    def of_member(self, member: Part) -> Notices:
        """Return how a member is told; their shift's calendar goes before the default one."""
        base, shift = self.common, member.get("calendar")
        if shift in self.scope.calendars and not self._calendar_said:
            base = replace(base, calendar=shift)
        part = member.child(_KEY)
        return self._over(base, part) if part.data is not None else base

    def _over(self, base: Notices, part: Part) -> Notices:
        """Return ``base`` with the keys that are written in ``part``, those that are sound."""
        said = {name: child for name, child in part.entries() if name != "quiet_hours"}
        given: dict[str, Any] = {}
        if part.get("quiet_hours") is not None:
            items = part.items("quiet_hours")
            given["quiet"] = tuple(each for item in items for each in quiet_hours(self, item))
        if "urgent" in said:
            given["urgent"] = tuple(said["urgent"].data)
        if "digest" in said:
            given["digest"] = _digest(said["digest"])
        if "calendar" in said and self._known_calendar(said["calendar"]):
            given["calendar"] = said["calendar"].data
        if "zone" in said and self._known_zone(said["zone"]):
            given["zone"] = said["zone"].data
        return replace(base, **given)

    def _known_calendar(self, part: Part) -> bool:
        return self.known(part, part.data, self.scope.calendars, "calendar", None)

    def _known_zone(self, part: Part) -> bool:
        if is_zone(part.data):
            return True
        hint = zone_hint(part.data)
        self.error("unknown-zone", part, f'"{part.data}" is no time zone; {hint}', None, hint)
        return False


def _digest(part: Part) -> Digest | None:
    if part.data is None:
        return None
    return Digest(at=minute_of_day(part.data["at"]), kinds=tuple(part.data["kinds"]))
