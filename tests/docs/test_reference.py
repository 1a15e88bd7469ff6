"""The reference of the language has every key, operator, step, field and event, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from engine.language.aggregates import _DAYS
from engine.language.catalogue import TYPES
from engine.language.conditions import AGGREGATES
from engine.language.operators import OPERATORS
from engine.language.schemas import KINDS as SCHEMA_KINDS
from engine.language.schemas import base
from engine.language.sections.journeys import KINDS
from engine.machines.team import STRATEGIES
from engine.workbench.cases import LISTS
from plugins.actions.email import SETTINGS
from tests.docs import catalogue
from tests.docs.pages import ROOT, code, headings, read, rows, section

FAMILIES = {
    "string": "Text: string, text, phone, email, geo",
    "number": "Numbers: integer, number, money",
    "enum": "Enums",
    "boolean": "Booleans",
    "date": "Dates: date, datetime",
    "list": "Lists",
}


def keys(
    schema: dict[str, Any], root: dict[str, Any], path: str = ""
) -> Iterator[tuple[str, bool]]:
    """Yield (path, required) of every key of a schema: `rules[].assign.team`, `teams.NAME.label`."""
    if "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rpartition("/")[2]]
    for name, inner in schema.get("properties", {}).items():
        below = f"{path}.{name}" if path else name
        yield below, name in schema.get("required", ())
        yield from keys(inner, root, below)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from keys(schema["additionalProperties"], root, f"{path}.NAME")
    if isinstance(schema.get("items"), dict):
        yield from keys(schema["items"], root, f"{path}[]")


def told_keys(kind: str) -> dict[str, bool]:
    """Return the keys that files.md tells of a kind of file; bold ones are required."""
    heading = "tests/*.test.yaml" if kind == "test" else f"{kind}.yaml"
    table = rows(section(read("rules/files.md"), heading))
    return {code(cells[0])[0]: cells[0].startswith("**") for cells in table}


@pytest.mark.parametrize("kind", SCHEMA_KINDS)
def test_every_key_has_its_row(kind: str) -> None:
    """files.md lists the keys of each schema, all of them and no other, required ones in bold."""
    schema = base(kind)
    assert told_keys(kind) == dict(keys(schema, schema))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_operator_has_its_row(family: str) -> None:
    """conditions.md has a table for each family of types with the operators that it takes."""
    table = rows(section(read("rules/conditions.md"), FAMILIES[family]))
    assert [code(cells[0])[0] for cells in table] == list(OPERATORS[family])


def test_every_family_of_operators_is_told() -> None:
    """No family is forgotten; consent alone is read by topic, as an enum."""
    assert set(OPERATORS) - set(FAMILIES) == {"consent"}


def test_every_aggregate_has_its_row() -> None:
    """The table of events over time has every aggregate, and absent."""
    table = rows(section(read("rules/conditions.md"), "Events over time"))
    assert [code(cells[0])[0] for cells in table] == [*AGGREGATES, "absent"]


def test_every_day_is_told() -> None:
    """The days of a time guard are those that it takes."""
    assert f"`{' '.join(_DAYS)}`" in read("rules/conditions.md")


def test_every_kind_of_step_has_its_section() -> None:
    """journeys.md has a section for each kind of step, with an example of it."""
    text = section(read("rules/journeys.md"), "Steps")
    assert headings(text, 3) == list(KINDS)
    for kind in KINDS:
        assert re.search(rf"^```yaml\n.*\b{kind}:", section(text, kind), re.MULTILINE | re.DOTALL)


def test_every_strategy_has_its_row() -> None:
    """routing.md tells of every strategy."""
    told = {
        name
        for cells in rows(section(read("rules/routing.md"), "Rules"))
        for name in code(cells[0])
    }
    assert told == set(STRATEGIES)


def test_every_list_of_an_expectation_is_told() -> None:
    """tests.md tells which keys the items of sends, does, blocked and tasks have."""
    table = {
        code(c[0])[0]: tuple(code(c[1]))
        for c in rows(section(read("rules/tests.md"), "Expectations"))
    }
    assert {name: table.get(name) for name in LISTS} == dict(LISTS)


def test_every_setting_of_email_is_told() -> None:
    """server.md lists the settings of the action email, required ones in bold."""
    table = rows(section(read("rules/server.md"), "email"))
    told = {name: cells[0].startswith("**") for cells in table for name in code(cells[0])}
    assert told == {name: name in SETTINGS["required"] for name in SETTINGS["properties"]}


def test_every_type_has_its_row() -> None:
    """catalogue.md tells of every type that a field may have; consent is built in only."""
    told = {code(cells[0])[0] for cells in rows(section(read("rules/catalogue.md"), "Types"))}
    assert told == set(TYPES) - {"consent"}


def test_the_catalogue_is_the_built_in_one() -> None:
    """The tables of fields, events and sources are fresh; `python -m tests.docs.catalogue` makes them so."""
    for page in (catalogue.PAGE, catalogue.SOURCES):
        text = page.read_text(encoding="utf-8")
        assert catalogue.filled(text) == text


def test_every_severity_is_known() -> None:
    """diagnostics.md says that every finding is an error; when one is not, the page must say so."""
    from engine.language.diagnostic import Severity

    assert "error" in get_args(Severity)
    warned = [
        p.name
        for room in ("language", "workbench")
        for p in (ROOT / "engine" / room).rglob("*.py")
        if ".warning(" in p.read_text(encoding="utf-8")
    ]
    assert warned == []
