"""Labels in one language or in several: read, refused, and told to each reader."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import msgspec
import pytest

from engine.language.label import Label, Text, in_language, label_of, localised, texts_of
from engine.language.load import Loaded, load_folder
from engine.language.versions import decode, encode, stamped
from tests.play import BASE

WON = Label({"en": "Won", "zh": "赢单"})


def loaded(folder: Path, **files: str) -> Loaded:
    """Return a small configuration with these files, as it is read."""
    shutil.copytree(BASE, folder, dirs_exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_folder(folder)


@pytest.mark.parametrize(
    ("written", "zh", "en"),
    [
        ("赢单", "赢单", "赢单"),
        ({"zh": "赢单", "en": "Won"}, "赢单", "Won"),
        ({"en": "Won"}, "Won", "Won"),
        ({"zh": "赢单"}, "赢单", "赢单"),
        ({"fr": "Gagné", "en": "Won"}, "Won", "Won"),
        ({"fr": "Gagné"}, "Gagné", "Gagné"),
        (None, None, None),
    ],
)
def test_each_reader_has_their_own(
    written: str | dict[str, str] | None, zh: str | None, en: str | None
) -> None:
    """A text is for everybody; where a language is missing, Chinese and then English stand in."""
    label = label_of(written)
    assert (in_language(label, "zh"), in_language(label, "en")) == (zh, en)


def test_a_label_among_plain_data() -> None:
    """Only labels are put into a language; nothing else of the data is touched."""
    data = {"a": [WON, "赢单", 1], "b": {"c": None, "texts": {"en": "x"}}}
    assert localised(data, "en") == {
        "a": ["Won", "赢单", 1],
        "b": {"c": None, "texts": {"en": "x"}},
    }
    assert texts_of(WON) == ("Won", "赢单")
    assert (texts_of(None), texts_of("赢单")) == ((), ("赢单",))


def test_a_label_is_a_value() -> None:
    """Equal labels are one key of a map, and a label survives pickling and JSON."""
    again = Label({"en": "Won", "zh": "赢单"})
    assert {WON: 1}[again] == 1
    assert pickle.loads(pickle.dumps(WON)) == WON
    read: Text = msgspec.json.decode(msgspec.json.encode(WON), type=Text)
    assert in_language(read, "en") == "Won"


CATALOG = """
fields:
  plan: {type: enum, ordered: true, values: {none: 无, soon: {zh: 近期, en: Soon}}, label: {zh: 计划, en: Plan}}
events:
  demo: {label: {zh: 演示, en: Demo}, properties: {room: {type: string, label: {en: Room}}}}
sources:
  online: {kinds: {live: {label: {zh: 直播, en: Live stream}}}}
"""


def test_where_labels_are_taken(tmp_path: Path) -> None:
    """Fields, values of enums, events, properties, sources, stages and journeys are read so."""
    found = loaded(
        tmp_path,
        catalog=CATALOG,
        lifecycle="stages: [{id: new, label: {zh: 新, en: New}}, {id: won, label: {en: Won}},"
        " {id: lost}, {id: invalid, final: true}]\n",
    )
    assert found.definitions is not None, found.diagnostics
    catalogue = found.definitions.catalogue
    plan, demo = catalogue.fields["plan"], catalogue.events["demo"]
    assert plan.values == ("none", "soon")
    assert [in_language(plan.called[each], "en") for each in plan.values] == ["无", "Soon"]
    room = demo.properties["room"].label
    told = [plan.label, demo.label, room, catalogue.sources.label(("online", "live"))]
    told += [stage.label for stage in found.definitions.lifecycle.stages]
    english = [in_language(each, "en") for each in told]
    assert english == ["Plan", "Demo", "Room", "Live stream", "New", "Won", None, None]
    assert in_language(catalogue.fields["source.kind"].called["live"], "en") == "Live stream"


def test_built_in_fields_have_both_languages(tmp_path: Path) -> None:
    """Every field that there is for everybody is called something in Chinese and in English."""
    found = loaded(tmp_path)
    assert found.definitions is not None, found.diagnostics
    fields = found.definitions.catalogue.fields
    for name in ("title_level", "first_touch.utm_source", "last_touch.at", "source.origin"):
        label = fields[name].label
        assert isinstance(label, Label)
        assert label.texts["en"].isascii()
    touched = fields["first_touch.utm_source"].label
    assert in_language(touched, "zh") == "首次触点：UTM 来源"
    assert in_language(touched, "en") == "First touch: UTM source"


@pytest.mark.parametrize(
    ("label", "code", "column", "told"),
    [
        ("{zh: 甲, EN: A}", "format", 19, '"EN" does not have the right form'),
        ("{}", "empty", 11, "this must not be empty"),
        ("[甲]", "type", 11, "a list is not text or a map"),
        ("{zh: 3}", "type", 16, "3 is not text"),
        ('{zh: ""}', "empty", 16, "this must not be empty"),
    ],
)
def test_a_wrong_label_is_told_at_its_place(
    tmp_path: Path, label: str, code: str, column: int, told: str
) -> None:
    """What is wrong, where it stands to the column, and what to write instead."""
    found = loaded(tmp_path, catalog=f"fields: {{甲: {{type: string,\n  label: {label}}}}}\n")
    (one,) = found.diagnostics
    assert (one.code, one.source.line, one.source.column, one.message) == (
        code,
        2,
        column - 1,
        told,
    )
    assert one.hint


def test_a_journey_keeps_its_label_and_its_version(tmp_path: Path) -> None:
    """A label in two languages is stored with a journey's version and makes no other version."""
    text = """
journeys:
  - {id: j, label: %s, enter: {event: form_submitted}, steps: [{id: w, wait: {until: 1d}}]}
"""
    plain, two = (
        loaded(tmp_path / str(n), journeys=text % label).definitions
        for n, label in enumerate(("欢迎", "{zh: 欢迎, en: Welcome}"))
    )
    assert plain is not None
    assert two is not None
    (before,), (after,) = plain.journeys, two.journeys
    assert stamped(before).version == stamped(after).version
    assert in_language(decode(encode(after)).label, "en") == "Welcome"


def test_what_things_are_called_by_their_ids() -> None:
    """Of each kind of thing whose id alone is kept with leads, the label or that there is none."""
    found = load_folder(Path(__file__).parents[2] / "config").definitions
    assert found is not None
    said = [
        found.labels[kind][id]
        for kind, id in (
            ("stage", "new"),
            ("journey", "welcome"),
            ("message", "welcome"),
            ("team", "east"),
            ("pool", "public"),
            ("screen", "blacklisted"),
            ("route", "east-expo"),
        )
    ]
    assert [in_language(each, "en") for each in said] == [
        *("New", "Welcome", "Welcome and introduction", "East China sales", "Public pool"),
        *("Blacklist", None),
    ]
    assert found.labels["recycle"] == {}
