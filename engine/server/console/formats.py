"""Values as people read them: instants in the reader's zone, numbers, spans, file names."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from engine.language.instants import BadTime, parse_instant

_INSTANT: Final = re.compile(
    r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"
)


class Formats:
    """Writes values for one page; ``now`` and instants are ms, ``zone`` an IANA name."""

    def __init__(self, zone: str, now: int) -> None:
        self._zone = ZoneInfo(zone)
        self._now = now

    def offset(self) -> int:
        """Return how far the zone is ahead of UTC now, in ms."""
        there = datetime.fromtimestamp(self._now / 1_000, UTC).astimezone(self._zone)
        ahead = there.utcoffset()
        return int(ahead.total_seconds() * 1_000) if ahead is not None else 0

    def typed(self, text: str) -> str:
        """Return what a date field of a form holds as an instant with its offset."""
        try:
            given = datetime.fromisoformat(text)
        except ValueError:
            return text
        return (given if given.tzinfo else given.replace(tzinfo=self._zone)).isoformat()

    def instant(self, value: Any) -> int | None:
        """Return an instant given as text or number; None for neither."""
        if value is None or value == "":
            return None
        try:
            return value if isinstance(value, int) else parse_instant(str(value))
        except BadTime:
            return None

    def moment(self, value: Any, seconds: bool = False) -> Markup:
        """Return an instant as a `time` element; the year only where it is another one."""
        at = self.instant(value)
        if at is None:
            return Markup("–")
        there = datetime.fromtimestamp(at / 1_000, UTC).astimezone(self._zone)
        form = self._form(there) + (":%S" if seconds else "")
        whole = there.strftime("%Y-%m-%d %H:%M:%S %z")
        return Markup('<time datetime="{}" title="{}" class="nowrap">{}</time>').format(
            there.isoformat(), whole, there.strftime(form)
        )

    def within(self, text: str) -> str:
        """Return a text with the instants in it as the reader's clock has them."""

        def there(found: re.Match[str]) -> str:
            at = datetime.fromisoformat(found[0]).astimezone(self._zone)
            return at.strftime(self._form(at))

        return _INSTANT.sub(there, text)

    def _form(self, there: datetime) -> str:
        same = there.year == datetime.fromtimestamp(self._now / 1_000, UTC).year
        return ("" if same else "%Y-") + "%m-%d %H:%M"

    def clock(self, value: Any) -> Markup:
        """Return a deadline whose countdown a script may run."""
        at = self.instant(value)
        if at is None:
            return Markup("–")
        late = " late" if at < self._now else ""
        return Markup('<span class="nowrap{}" data-due="{}">{}</span>').format(
            late, at, self.moment(at)
        )

    def number(self, value: Any) -> str:
        """Return a number with thousands apart and at most two decimals."""
        if value is None or isinstance(value, str):
            return value or "–"
        if isinstance(value, bool):
            return "✓" if value else "✗"
        text = f"{value:,.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value:,}"
        return "0" if text in {"", "-0"} else text

    def money(self, value: Any, currency: str | None) -> str:
        """Return an amount with what it is counted in, if that is known."""
        sign = "¥" if currency == "CNY" else f"{currency} " if currency else ""
        return f"{sign}{self.number(value)}"

    def signed(self, value: float) -> str:
        """Return points with their sign; a true minus."""
        return f"+{self.number(value)}" if value > 0 else self.number(value).replace("-", "−")

    def share(self, value: float | None) -> str:
        """Return a share between 0 and 1 as a percentage."""
        return "–" if value is None else f"{value * 100:.1f}%"

    def value(self, value: Any) -> str:
        """Return anything a field may hold."""
        if isinstance(value, (list, tuple)):
            return "、".join(map(self.value, value)) or "–"
        if isinstance(value, dict):
            return " · ".join(f"{k}: {self.value(v)}" for k, v in value.items()) or "–"
        return self.number(value) if not isinstance(value, str) else value or "–"
