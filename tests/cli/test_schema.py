"""``leadrules schema``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.language.schemas import KINDS
from tests.cli.conftest import CONFIG, Ran

Command = Callable[..., Ran]


def names(folder: Path) -> set[str]:
    """Return the schemas in a folder."""
    return {p.name for p in folder.glob("*.schema.json")}


def test_schemas_are_written_where_the_modelines_point(leadrules: Command, config: Path) -> None:
    """Without --out they come to lie where an editor looks for them."""
    ran = leadrules("schema", "--config", config)
    assert ran.code == 0
    assert names(config.parent / "schemas") == {f"{kind}.schema.json" for kind in KINDS}
    count = len(KINDS)
    assert ran.out == f"{count} schemas in {config.parent / 'schemas'}, {count} of them new\n"


def test_modelines_that_point_elsewhere_are_followed(leadrules: Command, config: Path) -> None:
    """The folder is the one that the first lines name, wherever that is."""
    for file in config.rglob("*.yaml"):
        text = file.read_text("utf-8").replace("=../schemas/", "=../tools/editor/")
        file.write_text(text, encoding="utf-8")
    assert leadrules("schema", "--config", config).code == 0
    assert names(config.parent / "tools" / "editor")


def test_without_modelines_schemas_lie_beside_the_folder(leadrules: Command, config: Path) -> None:
    """`../schemas` is what the documentation tells people to write."""
    for file in config.rglob("*.yaml"):
        file.write_text(file.read_text("utf-8").partition("\n")[2], encoding="utf-8")
    assert leadrules("schema", "--config", config).code == 0
    assert names(config.parent / "schemas")


def test_check_tells_what_is_not_fresh(leadrules: Command, config: Path, tmp_path: Path) -> None:
    """Nothing is written; the exit code is 1 until the schemas know a new message."""
    out = tmp_path / "out"
    arguments = ("schema", "--config", config, "--out", out)
    assert leadrules(*arguments, "--check").code == 1
    assert not out.exists()
    leadrules(*arguments)
    assert leadrules(*arguments, "--check") == Ran(0, "", "")
    messages = config / "messages.yaml"
    messages.write_text(messages.read_text("utf-8").replace("  welcome:", "  hello:"), "utf-8")
    ran = leadrules(*arguments, "--check")
    assert ran.code == 1
    assert f"{out / 'journeys.schema.json'} is not fresh" in ran.out


def test_writing_again_changes_nothing(leadrules: Command, config: Path) -> None:
    """The same names give the same bytes, so that git shows no change."""
    leadrules("schema", "--config", config)
    assert leadrules("schema", "--config", config).out.endswith("0 of them new\n")


def test_what_cannot_be_read_is_told(leadrules: Command, config: Path) -> None:
    """The schemas are written without the names of that file, and a note says so."""
    (config / "messages.yaml").write_text("messages: [", encoding="utf-8")
    ran = leadrules("schema", "--config", config)
    assert ran.code == 0
    assert "messages.yaml cannot be read, so its names are missing" in ran.err


def test_a_misspelt_folder_is_no_defect(leadrules: Command, tmp_path: Path) -> None:
    """A folder that is not there is named, with the exit code 2."""
    ran = leadrules("schema", "--config", tmp_path / "confg")
    assert ran.code == 2
    assert "there is no folder" in ran.err


def both(leadrules: Command, config: Path, tmp_path: Path, catalogue: str) -> Ran:
    """Write the schemas of config/ and of a folder with this catalogue together."""
    (config / "catalog.yaml").write_text(catalogue, encoding="utf-8")
    folders = ("--config", CONFIG, "--config", config)
    return leadrules("schema", *folders, "--out", tmp_path / "out")


def test_several_folders_may_share_their_schemas(
    leadrules: Command, config: Path, tmp_path: Path
) -> None:
    """The schemas know the fields, values and properties of both."""
    own = "fields: {purchase_plan: {type: enum, values: [never]}, seats: {type: integer}}\n"
    own += "events: {demo_booked: {properties: {room: string}}}\n"
    assert both(leadrules, config, tmp_path, own).code == 0
    schema = json.loads((tmp_path / "out" / "scoring.schema.json").read_text("utf-8"))
    known = schema["definitions"]["condition"]["properties"]
    assert {"lead.seats", "lead.product_line"} <= set(known)
    assert known["lead.purchase_plan"]["examples"] == ["none", "this_year", "this_quarter", "never"]
    assert {"room", "slot"} <= set(schema["definitions"]["where-demo_booked"]["properties"])


@pytest.mark.parametrize(
    "catalogue",
    [
        "fields: {product_line: {type: integer}}\n",
        "events: {demo_booked: {properties: {slot: string}}}\n",
    ],
)
def test_folders_that_contradict_each_other_are_refused(
    leadrules: Command, config: Path, tmp_path: Path, catalogue: str
) -> None:
    """A field of two types cannot have one schema; the message names field and types."""
    ran = both(leadrules, config, tmp_path, catalogue)
    assert ran.code == 2
    assert "in one configuration and of type" in ran.err
    assert not (tmp_path / "out").exists()
