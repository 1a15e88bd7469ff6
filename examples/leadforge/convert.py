"""Turns a world made by the package leadforge into a stream of leadrules events, sorted by time.

    python examples/leadforge/convert.py WORLD_DIR -o stream.ndjson.xz [--leads 600]
    python examples/leadforge/convert.py --generate --seed 7 -o stream.ndjson.xz

The same world gives the same bytes. README.md says what each table becomes.
"""

import argparse
import gzip
import json
import lzma
import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import activity
from activity import Draft
from people import Row, lead_fields

Event = dict[str, Any]
World = dict[str, list[Row]]
"""The rows of each table, by the table's name."""

RECIPE = "b2b_saas_procurement_v1"
TABLES = (
    "accounts", "contacts", "leads", "touches", "sessions",
    "sales_activities", "opportunities", "customers", "subscriptions",
)  # fmt: skip
BY_LEAD = {
    "leads": ("lead_id", activity.from_lead),
    "touches": ("touch_id", activity.from_touch),
    "sessions": ("session_id", activity.from_session),
    "sales_activities": ("activity_id", activity.from_sales_activity),
    "opportunities": ("opportunity_id", activity.from_opportunity),
}
"""The tables whose rows name their lead: the column of a row's id, and what makes its drafts."""


def generate(out: Path, seed: int, **sizes: int) -> None:
    """Has leadforge make a world in `out`; sizes are its `n_leads`, `n_accounts`, `n_contacts`."""
    from leadforge.api import Generator

    # The instructor's mode keeps what happened after a lead converted; the student's hides it.
    generator = Generator.from_recipe(
        RECIPE, seed=seed, exposure_mode="research_instructor", **sizes
    )
    generator.generate().save(str(out))


def load(world_dir: Path) -> World:
    """Reads a world's tables; values are text, whole numbers, booleans or None."""
    from pyarrow import parquet

    tables = world_dir / "tables"
    return {name: parquet.read_table(tables / f"{name}.parquet").to_pylist() for name in TABLES}


def index(rows: Iterable[Row], column: str) -> dict[str, Row]:
    """The rows by the value of a column that is different in each."""
    return {row[column]: row for row in rows}


def first_leads(world: World, leads: int | None) -> World:
    """The world with only its first leads, by id, and what concerns them; all when None."""
    chosen = sorted(world["leads"], key=lambda row: row["lead_id"])[:leads]
    ids = {row["lead_id"] for row in chosen}
    own = {name: [row for row in world[name] if row["lead_id"] in ids] for name in BY_LEAD}
    return world | own


def events_of(drafts: Iterable[Draft], row_id: str, lead: dict[str, Any]) -> Iterator[Event]:
    """The events of one row; the second has the row's id with `-2` behind it, and so on."""
    for count, draft in enumerate(drafts, start=1):
        yield {
            "id": row_id if count == 1 else f"{row_id}-{count}",
            "type": draft.type,
            "at": draft.at.isoformat(),
            "lead": lead,
            "properties": draft.properties,
            "channel": "leadforge",
        }


def all_fields(world: World) -> dict[str, dict[str, Any]]:
    """The fields of every lead, by her id."""
    accounts = index(world["accounts"], "account_id")
    contacts = index(world["contacts"], "contact_id")
    opportunities = index(world["opportunities"], "lead_id")
    return {
        row["lead_id"]: lead_fields(
            row,
            contacts[row["contact_id"]],
            accounts[row["account_id"]],
            opportunities.get(row["lead_id"]),
        )
        for row in world["leads"]
    }


def lead_events(world: World, born: dict[str, datetime]) -> Iterator[Event]:
    """The events of the tables that name a lead; only a lead's first one carries her fields."""
    fields = all_fields(world)
    for table, (id_column, drafts_of) in BY_LEAD.items():
        for row in world[table]:
            lead_id = row["lead_id"]
            lead = fields[lead_id] if table == "leads" else {"user_id": lead_id}
            yield from events_of(drafts_of(row, born[lead_id]), row[id_column], lead)


def contract_events(world: World, born: dict[str, datetime]) -> Iterator[Event]:
    """The events of subscriptions, which reach their lead over the customer and the opportunity."""
    customers = index(world["customers"], "customer_id")
    opportunities = index(world["opportunities"], "opportunity_id")
    for row in world["subscriptions"]:
        customer = customers[row["customer_id"]]
        opportunity = opportunities.get(customer["opportunity_id"])
        if opportunity is None:  # of a lead that was left out
            continue
        lead_id = opportunity["lead_id"]
        drafts = activity.from_subscription(row, opportunity, born[lead_id])
        yield from events_of(drafts, row["subscription_id"], {"user_id": lead_id})


def convert(world: World, leads: int | None = None) -> list[Event]:
    """The events of a world, or of its first leads, by time and then by id."""
    world = first_leads(world, leads)
    born = {row["lead_id"]: activity.lead_born(row) for row in world["leads"]}
    events = [*lead_events(world, born), *contract_events(world, born)]
    return sorted(events, key=lambda event: (event["at"], event["id"]))


def encode(events: Iterable[Event]) -> bytes:
    """One compact JSON object a line, in UTF-8."""
    lines = (json.dumps(event, ensure_ascii=False, separators=(",", ":")) for event in events)
    return "".join(f"{line}\n" for line in lines).encode()


def compress(data: bytes, suffix: str) -> bytes:
    """The data as a file ending in `.xz` or `.gz` holds it; unchanged for any other ending."""
    if suffix == ".xz":
        return lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)
    if suffix == ".gz":
        return gzip.compress(data, mtime=0)  # no time stamp: the same events give the same bytes
    return data


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(description="Convert a leadforge world to leadrules events.")
    options.add_argument("world", nargs="?", type=Path, metavar="WORLD_DIR")
    options.add_argument("--generate", action="store_true", help="make the world first")
    options.add_argument("--seed", type=int, default=7, help="of the world to make (7)")
    options.add_argument("--leads", type=int, help="convert only the first N leads")
    options.add_argument("-o", "--out", type=Path, required=True, help=".ndjson, .ndjson.xz or .gz")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; the exit code is 0, or 2 for a bad option."""
    options = parser()
    given = options.parse_args(arguments)
    if given.generate == bool(given.world):
        options.error("give either WORLD_DIR or --generate")
    with tempfile.TemporaryDirectory() as scratch:
        world_dir = given.world or Path(scratch)
        if given.generate:
            generate(world_dir, given.seed)
        events = convert(load(world_dir), given.leads)
    given.out.write_bytes(compress(encode(events), given.out.suffix))
    print(f"{len(events):,} events, {given.out.stat().st_size:,} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
