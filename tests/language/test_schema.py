"""What a schema refuses is said in plain words."""

from __future__ import annotations

import shutil
from itertools import product
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from engine.language.diagnostic import MAX_MESSAGE, Diagnostics, Source, line
from engine.language.load import load_folder
from engine.language.reader import read_document
from engine.language.schema import check_structure, explain
from engine.language.schemas import specialised

BASE = Path(__file__).parents[1] / "broken" / "_base"
HEAD = "models: {default: {dimensions: {fit: {}}, rules: [%s]}}\n"
RULE = "{id: a, dimension: fit, points: 1, when: {lead.city: 上海}, %s}"


def said(kind: str, text: str) -> list[tuple[str, str, str]]:
    """Return (code, message, hint) of what the structure of a file has wrong with it."""
    found = Diagnostics()
    document = read_document(text.encode(), f"{kind}.yaml", found)
    assert document is not None
    check_structure(document, kind, found)
    return [(d.code, d.message, d.hint or "") for d in found.sorted()]


@pytest.mark.parametrize(
    ("kind", "text", "code", "message", "hint"),
    [
        ("scoring", "models: 7\n", "type", "7 is not a map", "write a map."),
        ("scoring", "models: {}\n", "empty", "this must not be empty", "add at least one entry"),
        ("routing", "rules: []\n", "empty", "this must not be empty", "add at least one entry"),
        (
            "calendars",
            "calendars: {a: {hours: ['09:00']}}\n",
            "value",
            "1 given, at least 2 needed",
            "write it thus: Opening and closing",
        ),
        (
            "calendars",
            "calendars: {a: {hours: ['09:00', '12:00', '18:00']}}\n",
            "value",
            "3 given, at most 2 needed",
            "write it thus: Opening and closing",
        ),
        (
            "calendars",
            "calendars: {a: {official_until: 3000}}\n",
            "value",
            "3000 is more than 2100",
            "write 2100 or less",
        ),
        (
            "calendars",
            "calendars: {a: {official_until: 1999}}\n",
            "value",
            "1999 is less than 2018",
            "write 2018 or more",
        ),
        (
            "intake",
            "identity: {keys: [phone, phone]}\n",
            "value",
            "one of these stands here twice",
            "remove one of the two",
        ),
        ("scoring", HEAD % (RULE % "expires: 3"), "type", "3 is not text", "write text."),
        (
            "scoring",
            HEAD % (RULE % "expires: soon"),
            "format",
            '"soon" does not have the right form',
            "write it thus: A duration such as 30d",
        ),
    ],
)
def test_each_kind_of_mistake_has_its_words(
    kind: str, text: str, code: str, message: str, hint: str
) -> None:
    """The value is quoted, and the way out says what to write."""
    ((found, said_so, way_out),) = said(kind, text)
    assert (found, said_so) == (code, message)
    assert way_out.startswith(hint)


def test_a_mistake_belongs_to_its_rule() -> None:
    """The innermost id around it is named."""
    found = Diagnostics()
    text = HEAD % (RULE % "expires: soon")
    document = read_document(text.encode(), "scoring.yaml", found)
    assert document is not None
    bad = check_structure(document, "scoring", found)
    assert [d.rule for d in found.items] == ["a"]
    assert bad == {("models", "default", "rules", 0, "expires")}


def test_a_keyword_without_words_of_its_own_is_told_in_the_schemas() -> None:
    """What a later schema forbids in some other way is still a finding with a way out."""
    schema = {"multipleOf": 5, "description": "In steps of five."}
    (error,) = Draft7Validator(schema).iter_errors(7)
    assert explain(error) == ("value", "7 is not a multiple of 5", "In steps of five.")
    (error,) = Draft7Validator({"exclusiveMinimum": 0}).iter_errors(0)
    assert explain(error) == ("value", "0 is not more than 0", "write more than 0")


def test_a_message_is_one_readable_line() -> None:
    """What is quoted neither breaks the line nor speaks to the terminal, and has an end."""
    assert line("甲\n乙\x1b[31m丙\u2028") == "甲 乙 [31m丙"
    long = line("字" * 10_000)
    assert len(long) == MAX_MESSAGE
    assert long.endswith("…")


def test_the_same_finding_is_told_once() -> None:
    """A named condition that is used twice has its mistake once, and in order of place."""
    found = Diagnostics()
    for number in (2, 1, 2):
        found.error("a", f"{number}", Source("a.yaml", number, 1), hint="b")
    assert [d.message for d in found.sorted()] == ["1", "2"]
    assert str(found.sorted()[0].source) == "a.yaml:1:1"


def test_editors_offer_nothing_under_where_that_the_loader_refuses() -> None:
    """Each property in the schema of an event's ``where`` is one that the loader knows of it."""
    vocabulary = load_folder(BASE).vocabulary
    assert vocabulary is not None
    definitions = specialised(vocabulary)["scoring"]["definitions"]
    logic = {"all", "any", "not", "use"}
    offered = 0
    for case in definitions["hears"]["allOf"]:
        events = case["if"]["properties"]["event"].get("enum", ())
        where = definitions[case["then"]["properties"]["where"]["$ref"].rpartition("/")[2]]
        for name, key in product(events, where["properties"].keys() - logic):
            assert vocabulary.scope.resolve(f"event.{key}", (name,)), (name, key)
            offered += 1
    assert offered > 200


@pytest.mark.parametrize("name", ["channel", "type"])
def test_what_is_no_property_is_refused_by_both(tmp_path: Path, name: str) -> None:
    """An event's type is what ``event`` says, and its channel no property."""
    folder = Path(shutil.copytree(BASE, tmp_path / "config"))
    file = folder / "scoring.yaml"
    text = file.read_text("utf-8").replace("{page: pricing}", f"{{{name}: web}}")
    file.write_text(text, "utf-8")
    loaded = load_folder(folder)
    assert [d.code for d in loaded.diagnostics] == ["unknown-property"]
    assert loaded.vocabulary is not None
    schema = specialised(loaded.vocabulary)["scoring"]
    document = read_document(text.encode(), str(file), Diagnostics())
    assert document is not None
    found = [e.message for e in Draft7Validator(schema).iter_errors(document.data)]
    assert any(f"'{name}' was unexpected" in message for message in found)
