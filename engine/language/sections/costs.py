"""Costs of ``reports.yaml``, and of the CSV files that it names (渠道成本)."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, Final

import msgspec

from engine.language.diagnostic import Diagnostics, Source
from engine.language.label import label_of
from engine.language.nearest import did_you_mean
from engine.language.reporting import Cost
from engine.language.sections.part import Part
from engine.language.taxonomy import Taxonomy

# The columns of a CSV file, by what its first line may call them.
COLUMNS: Final[Mapping[str, str]] = {
    "source": "source",
    "来源": "source",
    "campaign": "campaign",
    "活动": "campaign",
    "kind": "kind",
    "类型": "kind",
    "渠道": "kind",
    "amount": "amount",
    "金额": "amount",
    "per_lead": "per_lead",
    "单条成本": "per_lead",
    "from": "from",
    "开始": "from",
    "to": "to",
    "结束": "to",
    "currency": "currency",
    "币种": "currency",
    "label": "label",
    "名称": "label",
}
_NUMBERS: Final = ("amount", "per_lead")


class _Row(msgspec.Struct):
    """One cost as it is written, and where: ``at`` gives the place of a key, "" that of all."""

    data: Mapping[str, Any]
    at: Callable[[str], Source]


class CostsBuilder:
    """Builds costs; ``rates`` say what one unit of another currency is worth in ``currency``."""

    def __init__(
        self, found: Diagnostics, tree: Taxonomy, currency: str, rates: Mapping[str, float]
    ) -> None:
        self.found, self.tree = found, tree
        self.rates = {**rates, currency: 1}

    def written(self, part: Part) -> Cost:
        """Return a cost of ``costs``."""
        return self._cost(_Row(part.data, lambda key: (part.child(key) if key else part).source))

    def listed(self, file: str, text: str) -> Iterator[Cost]:
        """Yield the costs of a CSV file, whose first line names the columns."""
        lines = csv.reader(text.removeprefix("\ufeff").splitlines(), strict=True)
        names: list[str] = []
        try:
            for cells in lines:
                at = Source(file, lines.line_num, 1, lines.line_num, 1)
                given = [cell.strip() for cell in cells]
                if not any(given):
                    continue
                if not names:
                    names = [self._column(name, at) for name in given]
                    continue
                row = self._row(dict(zip(names, given, strict=False)), len(given), names, at)
                if row is not None:
                    yield self._cost(row)
        except csv.Error as error:
            at = Source(file, lines.line_num, 1, lines.line_num, 1)
            self.found.error("bad-entry", f"this is no CSV: {error}", at, hint="correct the line")

    def _column(self, name: str, at: Source) -> str:
        known = COLUMNS.get(name)
        if known is None:
            hint = did_you_mean(name, COLUMNS)
            self.found.error("bad-entry", f'"{name}" is no column of costs; {hint}', at, hint=hint)
        return known or ""

    def _row(
        self, texts: Mapping[str, str], cells: int, names: list[str], at: Source
    ) -> _Row | None:
        """Return a line of a CSV file with its numbers; None if it cannot be read."""
        data: dict[str, Any] = {key: text for key, text in texts.items() if key and text}
        if cells > len(names):
            text, hint = f"{cells} cells under {len(names)} columns", "quote cells with commas"
            self.found.error("bad-entry", text, at, hint=hint)
            return None
        for key in _NUMBERS:
            if key in data:
                number = _number(data[key])
                if number is None:
                    text = f'"{data[key]}" is no amount'
                    self.found.error("bad-entry", text, at, hint="write it as 12000 or 150.50")
                    return None
                data[key] = number
        return _Row(data, lambda _: at)

    def _cost(self, row: _Row) -> Cost:
        get = row.data.get
        amount, per_lead = get("amount"), get("per_lead")
        first, last = self._day(row, "from"), self._day(row, "to")
        if (amount is None) == (per_lead is None):
            text, hint = "a cost has either an amount or a price per_lead", "write one of both"
            self._error(row, "", text, hint)
        elif amount is not None and not (get("from") and get("to")):
            hint = "add from: and to:, the days over which it is spread"
            self._error(row, "", "an amount needs its days", hint)
        if first is not None and last is not None and last < first:
            self._error(row, "to", f"{last} comes before {first}", "the end comes later")
        return Cost(
            *(
                get("source"),
                get("campaign"),
                amount,
                per_lead,
                first,
                last,
                label_of(get("label")),
            ),
            place=row.at(""),
            kind=self._kind(row),
            rate=self._rate(row),
        )

    def _kind(self, row: _Row) -> tuple[str, ...]:
        written = row.data.get("kind")
        if written is None:
            return ()
        path = tuple(written.split("/"))
        found = [path] if path in self.tree.nodes else self.tree.named(written)
        if not found:
            hint = did_you_mean(written, [each[-1] for each in self.tree.nodes])
            text = f'"{written}" is no kind of source; {hint}'
            self.found.error("unknown-source", text, row.at("kind"), hint=hint)
        return found[0] if found else ()

    def _rate(self, row: _Row) -> float:
        currency = row.data.get("currency")
        if currency is None or currency in self.rates:
            return 1 if currency is None else self.rates[currency]
        hint = f"add rates: {{{currency}: ...}}, what one {currency} is worth"
        self._error(row, "currency", f"what {currency} is worth is not said", hint)
        return 1

    def _day(self, row: _Row, key: str) -> date | None:
        text = row.data.get(key)
        try:
            return None if text is None else date.fromisoformat(text)
        except ValueError:
            message = f'there is no day "{text}"'
            self.found.error("date", message, row.at(key), hint="correct it, as 2026-03-31")
            return None

    def _error(self, row: _Row, key: str, text: str, hint: str) -> None:
        self.found.error("value", text, row.at(key), hint=hint)


def _number(text: str) -> int | float | None:
    """Return an amount as it is written, thousands apart or not; None if it is none."""
    plain = text.replace(",", "").replace("，", "")
    if not plain.replace(".", "", 1).isdecimal() or len(plain) > 18:
        return None
    return float(plain) if "." in plain else int(plain)
