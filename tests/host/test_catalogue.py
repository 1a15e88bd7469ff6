"""Events are checked against the catalogue at the door: every type, and what plugins add."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.host.door import Door
from engine.host.outcome import Outcome
from engine.host.plugins import Plugins
from engine.host.visit import Arrival, Visit
from engine.language.catalogue import IDENTITIES, TYPES
from engine.language.instants import MINUTE, parse_instant
from engine.language.load import Loaded, load_folder
from engine.plugin import hookimpl
from tests.serving import write_config

NOW = parse_instant("2026-03-02T09:00:00+08:00")
CATALOGUE = """
fields:
  a_string: {type: string}
  a_text: {type: text}
  an_integer: {type: integer}
  a_number: {type: number}
  a_money: {type: money, currency: CNY}
  a_boolean: {type: boolean}
  a_date: {type: date}
  a_datetime: {type: datetime}
  an_enum: {type: enum, values: [low, high], ordered: true}
  a_phone: {type: phone}
  an_email: {type: email}
  a_list: {type: list, of: integer}
  a_geo: {type: geo}
events:
  measured: {properties: {branch: geo, level: {type: enum, values: [low, high]}, price: money}}
"""


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Door:
    """The door of a configuration with a field of each type."""
    config = write_config(tmp_path_factory.mktemp("config"))
    (config / "catalog.yaml").write_text(CATALOGUE, encoding="utf-8")
    definitions = load_folder(config).definitions
    assert definitions is not None
    return Door(definitions.catalogue, IDENTITIES)


def read(door: Door, raw: Mapping[str, Any]) -> Arrival | Outcome:
    """Return what the door makes of an event."""
    return door.read({"lead": {"user_id": "u"}, **raw}, Visit(NOW, NOW + MINUTE))


def sent(door: Door, field: str, value: Any) -> Any:
    """Return what is stored of a field, or the message of its refusal."""
    found = read(door, {"type": "form_submitted", "lead": {"user_id": "u", field: value}})
    if isinstance(found, Arrival):
        return found.event.lead[field]
    assert found.error is not None
    return found.error["message"]


def test_every_type_is_tried_here() -> None:
    """The catalogue of these tests has a field of each type that may be declared."""
    assert all(f"{{type: {name}" in CATALOGUE for name in TYPES if name != "consent")


@pytest.mark.parametrize(
    ("field", "value", "stored"),
    [
        ("a_string", " 王芳 ", "王芳"),
        ("a_text", "x" * 20_000, "x" * 20_000),
        ("an_integer", -3, -3),
        ("a_number", 2.5, 2.5),
        ("a_money", 500_000, 500_000),
        ("a_boolean", False, False),
        ("a_date", "2026-02-28", "2026-02-28"),
        ("a_datetime", "2026-02-28T09:00:00+08:00", "2026-02-28T09:00:00+08:00"),
        ("an_enum", "high", "high"),
        ("a_phone", "010 1234", "010 1234"),
        ("an_email", "a@b.cn", "a@b.cn"),
        ("a_list", [1, 2], [1, 2]),
        ("a_geo", "苏州", "苏州市"),
    ],
)
def test_what_fits_is_taken(door: Door, field: str, value: Any, stored: Any) -> None:
    """A value of the field's type is stored, unchanged but for blanks and a place's full name."""
    assert sent(door, field, value) == stored


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("a_string", 5, "5 is not text"),
        ("a_string", "x" * 1001, "at most 1000"),
        ("a_text", "a\u0000b", "U+0000 is not allowed"),
        ("an_integer", "600", "not a whole number"),
        ("an_integer", 6.0, "not a whole number"),
        ("an_integer", True, "not a whole number"),
        ("a_number", "2.5", "not a number"),
        ("a_number", float("nan"), "not finite"),
        ("a_money", "50万", "not a number"),
        ("a_boolean", "true", "not true or false"),
        ("a_date", "2026-02-30", "not a date"),
        ("a_date", "20260228", "not a date"),
        ("a_datetime", "2026-02-28T09:00:00", "no time zone"),
        ("an_enum", "High", "none of low, high"),
        ("a_list", "1,2", "not a list"),
        ("a_list", [1, "2"], "not a whole number"),
        ("a_geo", "纽约", "no province, city or district of China"),
    ],
)
def test_what_does_not_fit_is_refused(door: Door, field: str, value: Any, why: str) -> None:
    """Nothing is coerced: the event is refused, and the message quotes field and value."""
    message = sent(door, field, value)
    assert why in message
    assert field in message


def test_properties_of_events_are_checked_too(door: Door) -> None:
    """Each property by its own type; all mistakes at once, with their paths."""
    good = read(door, {"type": "measured", "properties": {"branch": "昆山", "level": "low"}})
    assert isinstance(good, Arrival)
    assert good.event.properties == {"branch": "昆山市", "level": "low"}
    bad = {"branch": "昆仑", "level": "lo", "price": "5", "prise": 5}
    refused = read(door, {"type": "measured", "properties": bad})
    assert isinstance(refused, Outcome)
    assert refused.error is not None
    assert [d["path"] for d in refused.error["details"]] == [f"properties.{n}" for n in bad]


# --- what plugins add ------------------------------------------------------------------------


class Extending:
    """A plugin that adds this to the catalogue."""

    def __init__(self, added: Any) -> None:
        self.added = added

    @hookimpl
    def extend_catalogue(self) -> Any:
        """Return what it was made with."""
        return self.added


CRM = {
    "fields": {"crm.tier": {"type": "enum", "values": ["gold", "blue"], "label": "客户级别"}},
    "events": {"crm_synced": {"group": "people", "properties": {"at_crm": "datetime"}}},
}


def loaded(folder: Path, catalogue: str = "", **plugins: Any) -> Loaded:
    """Load a small configuration with plugins that extend its catalogue."""
    config = write_config(folder / "config")
    (config / "catalog.yaml").write_text(catalogue, encoding="utf-8")
    known = Plugins({name: Extending(added) for name, added in plugins.items()}, entry_points=False)
    return load_folder(config, {}, known.extensions)


def test_a_plugins_fields_and_events_are_known(tmp_path: Path) -> None:
    """They are taken at the door and completed by editors, like those of catalog.yaml."""
    found = loaded(tmp_path, firm=CRM)
    assert found.diagnostics == []
    assert found.definitions is not None
    door = Door(found.definitions.catalogue, IDENTITIES)
    synced = {"type": "crm_synced", "properties": {"at_crm": "2026-03-01T09:00:00+08:00"}}
    assert isinstance(read(door, synced), Arrival)
    assert sent(door, "crm.tier", "gold") == "gold"
    assert "none of gold, blue" in sent(door, "crm.tier", "silver")
    assert found.definitions.catalogue.events["crm_synced"].behaviour is False


def test_a_built_in_event_may_get_more_properties(tmp_path: Path) -> None:
    """They are taken at the door beside those that it has."""
    more = {"events": {"page_viewed": {"properties": {"page": "string", "theme": "string"}}}}
    found = loaded(tmp_path, firm=more)
    assert found.definitions is not None
    door = Door(found.definitions.catalogue, IDENTITIES)
    viewed = {"type": "page_viewed", "properties": {"page": "pricing", "theme": "dark"}}
    assert isinstance(read(door, viewed), Arrival)


def test_a_property_keeps_its_type(tmp_path: Path) -> None:
    """Whoever gives another one to it is told so, and nothing loads."""
    other = {"events": {"page_viewed": {"properties": {"page": "integer"}}}}
    found = loaded(tmp_path, firm=other)
    assert found.definitions is None
    assert [(d.code, d.message, d.source.file) for d in found.diagnostics] == [
        (
            "field-type",
            '"page" is a property of "page_viewed" already, of type string; its type stays',
            "plugin firm",
        )
    ]


def test_a_plugin_that_adds_nothing_is_no_extension(tmp_path: Path) -> None:
    """Neither None nor an empty map counts."""
    assert loaded(tmp_path, quiet=None, empty={}).diagnostics == []


def test_the_version_knows_what_plugins_add(tmp_path: Path) -> None:
    """Another version of a plugin may give the same rules another meaning."""
    plain, extended = loaded(tmp_path / "a"), loaded(tmp_path / "b", firm=CRM)
    assert plain.definitions is not None
    assert extended.definitions is not None
    assert plain.definitions.version != extended.definitions.version


@pytest.mark.parametrize(
    ("added", "code", "said"),
    [
        ({"fields": {"x": {"type": "strng"}}}, "value", 'did you mean "string"?'),
        ({"feilds": {}}, "unknown-key", 'did you mean "fields"?'),
        ({"fields": {"x": {"type": "enum"}}}, "enum-values", "has no values"),
        ({"fields": {"employees": {"type": "string"}}}, "field-type", "is a built-in field"),
        ({"events": {"e": {"group": "engine"}}}, "value", "is none of"),
        (["fields"], "type", "is not a map"),
        ({"fields": {"x": {"type": object}}}, "bad-extension", "no plain data"),
        ({"fields": {"x": {"type": float("nan")}}}, "bad-extension", "no plain data"),
    ],
)
def test_a_bad_extension_names_its_plugin(tmp_path: Path, added: Any, code: str, said: str) -> None:
    """The finding stands at the line of what the plugin returned, under the plugin's name."""
    found = loaded(tmp_path, firm=added)
    (error,) = found.diagnostics
    assert found.definitions is None
    assert error.code == code
    assert said in error.message
    assert error.source.file == "plugin firm"


def test_two_plugins_may_not_disagree(tmp_path: Path) -> None:
    """The second one is told whose field it is."""
    other = {"fields": {"crm.tier": {"type": "string"}}}
    (error,) = loaded(tmp_path, firm=CRM, other=other).diagnostics
    assert error.source.file == "plugin other"
    assert 'is a field of the plugin "firm", of type enum' in error.message


def test_a_configuration_may_relabel_a_plugins_field(tmp_path: Path) -> None:
    """Its type stays; a configuration with another type is told whose field it is."""
    same = "fields: {crm.tier: {type: enum, values: [gold, blue, new], label: 级别}}"
    assert loaded(tmp_path / "a", same, firm=CRM).diagnostics == []
    other = "fields: {crm.tier: {type: string}}"
    (error,) = loaded(tmp_path / "b", other, firm=CRM).diagnostics
    assert error.code == "field-type"
    assert 'the plugin "firm"' in error.message
    assert error.source.file.endswith("catalog.yaml")
