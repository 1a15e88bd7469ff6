"""The schemas: draft-07, fresh, right about every file of the repository and about broken ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from jsonschema import Draft7Validator

from engine.cli.schema import schemas_of
from engine.language.diagnostic import Diagnostics
from engine.language.load import KINDS as FILES
from engine.language.load import load_folder
from engine.language.operators import OPERATORS
from engine.language.reader import read_document
from engine.language.schemas import KINDS, base, specialised
from engine.language.schemas.vocabulary import ActionForms
from engine.language.schemas.writing import modeline, texts
from engine.plugin import Action, ActionContext, OutgoingDelivery, Result
from engine.workbench.cases import LISTS

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
BROKEN = ROOT / "tests" / "broken"
FOLDERS = [CONFIG, *sorted(p.parent for p in ROOT.glob("examples/*/scoring.yaml"))]
# What a schema can see; names and types need the catalogue's checks too, but mostly it sees them.
STRUCTURAL = {"unknown-key", "missing-key", "type", "value", "format", "empty"}


@lru_cache(maxsize=32)
def schemas(folder: Path) -> dict[str, Any]:
    """Return the schemas for a configuration."""
    return schemas_of(folder)


def data(file: Path) -> Any:
    """Return what a YAML file says, None where it is no YAML."""
    document = read_document(file.read_bytes(), str(file), Diagnostics())
    return None if document is None else document.data


def kind_of(file: Path, folder: Path) -> str:
    """Return the kind of a file by its name, or by its folder."""
    first = file.relative_to(folder).parts[0]
    return "test" if first == "tests" else first.removesuffix(".yaml")


def errors(file: Path, folder: Path, known: Path) -> list[str]:
    """Return what the schemas for the configuration ``known`` say of a file."""
    validator = Draft7Validator(schemas(known)[kind_of(file, folder)])
    found = validator.iter_errors(data(file) or {})
    return [f"{file.name}: {list(e.absolute_path)}: {e.message}" for e in found]


def keywords(schema: Any) -> Iterator[str]:
    """Yield every key in a schema."""
    if isinstance(schema, dict):
        yield from schema
        for value in schema.values():
            yield from keywords(value)
    elif isinstance(schema, list):
        for each in schema:
            yield from keywords(each)


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_draft_07_without_one_of(kind: str) -> None:
    """Each is valid by the draft that editors know, and says nothing by `oneOf`."""
    for schema in (base(kind), schemas(CONFIG)[kind]):
        Draft7Validator.check_schema(schema)
        assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
        assert "oneOf" not in set(keywords(schema))


def test_every_kind_of_file_has_its_schema() -> None:
    """What the loader reads, tests, and mapping files of imports have a schema each."""
    assert set(KINDS) == {*FILES, "test", "import"}


def test_the_schemas_in_the_repository_are_fresh() -> None:
    """schemas/ is what `leadrules schema` writes for config/, byte for byte, and nothing more."""
    written = {p.name: p.read_text("utf-8") for p in (ROOT / "schemas").iterdir()}
    assert written == texts(schemas(CONFIG))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_a_configurations_own_schemas_accept_its_files(folder: Path) -> None:
    """No line of config/ or of an example is red."""
    files = [f for f in folder.rglob("*.yaml") if "templates" not in f.parts]
    assert files
    assert [e for file in files for e in errors(file, folder, folder)] == []


def cases(codes: set[str]) -> list[str]:
    """Return the broken configurations whose findings all have one of these codes."""
    found = []
    for file in BROKEN.glob("*/expected.txt"):
        said = {line.split()[1] for line in file.read_text("utf-8").splitlines() if line}
        if said <= codes:
            found.append(file.parent.name)
    return sorted(found)


# What hangs together beyond one value.
BEYOND = {
    "absence-backwards",
    "calendar-closes-before-it-opens",
    "dimension-upside-down",
    "empty-file",
}


def broken_files(case: str) -> list[Path]:
    """Return the files of a broken configuration."""
    return sorted((BROKEN / case).glob("*.yaml"))


@pytest.mark.parametrize("case", cases(STRUCTURAL))
def test_schemas_reject_what_is_broken_in_structure(case: str) -> None:
    """A wrong key, type or form is red in an editor, too."""
    found = [e for f in broken_files(case) for e in errors(f, BROKEN / case, BROKEN / "_base")]
    assert bool(found) is (case not in BEYOND), found


@pytest.mark.parametrize("case", cases({"unknown-field", "unknown-operator", "unknown-property"}))
def test_schemas_reject_names_of_other_catalogues(case: str) -> None:
    """A misspelt field, operator or property of an event is red in an editor, too."""
    assert [e for f in broken_files(case) for e in errors(f, BROKEN / case, BROKEN / "_base")]


def fields(kind: str = "scoring") -> dict[str, Any]:
    """Return what a condition may name, in the schemas of config/."""
    known: dict[str, Any] = schemas(CONFIG)[kind]["definitions"]["condition"]["properties"]
    return known


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference into the definitions."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return schemas(CONFIG)["scoring"]["definitions"][name] if name else schema


@pytest.mark.parametrize(
    ("field", "family"),
    [
        ("lead.city", "string"),
        ("lead.employees", "number"),
        ("lead.phone.valid", "boolean"),
        ("lead.birthday", "date"),
        ("lead.tags", "list"),
        ("lead.title_level", "enum"),
    ],
)
def test_a_field_takes_the_operators_of_its_type(field: str, family: str) -> None:
    """Those that the condition checker takes, no more and no fewer."""
    assert tuple(resolved(fields()[field])["properties"]) == OPERATORS[family]


def test_an_unordered_enum_is_not_compared() -> None:
    """Neither at_least nor at_most is offered where values have no order."""
    assert not {"at_least", "at_most"} & set(fields()["lead.email.kind"]["properties"])


def test_descriptions_tell_label_and_type() -> None:
    """What an editor shows over a field: its label, its type, and what is special about it."""
    assert fields()["lead.employees"]["description"] == "员工数 lead.employees: a whole number."
    assert "Personal data." in fields()["lead.phone"]["description"]
    assert "staff < manager < director" in fields()["lead.title_level"]["description"]


def test_expectations_have_the_lists_of_the_workbench() -> None:
    """sends, does, blocked and tasks take the keys that `leadrules test` takes."""
    told = schemas(CONFIG)["test"]["definitions"]["expectation"]["properties"]
    lists = {name: tuple(told[name]["items"]["properties"]) for name in LISTS}
    assert {n: set(keys) for n, keys in lists.items()} == {n: set(k) for n, k in LISTS.items()}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a copy of config/."""
    return Path(shutil.copytree(CONFIG, tmp_path / "config"))


def test_own_fields_and_events_are_known(config: Path) -> None:
    """A field, an event with its property and a Chinese name, and a stage, all from the files."""
    (config / "catalog.yaml").write_text(
        "fields: {信用: {type: enum, values: [好, 坏], ordered: true, label: 信用等级}}\n"
        "events: {展会/签到: {properties: {展位: string}}}\n",
        encoding="utf-8",
    )
    made = schemas_of(config)["scoring"]
    Draft7Validator.check_schema(made)
    rule = {"id": "a", "dimension": "explicit", "points": 1}
    good = {
        "event": "展会/签到",
        "where": {"展位": "A1"},
        "when": {"lead.信用": {"at_least": "好"}},
    }
    bad = {"event": "展会/签到", "where": {"展台": "A1"}, "when": {"lead.信用": {"at_least": "优"}}}
    verdicts = [_rule_errors(made, {**rule, **each}) for each in (good, bad)]
    assert verdicts[0] == []
    assert len(verdicts[1]) == 2


def _rule_errors(schema: dict[str, Any], rule: dict[str, Any]) -> list[str]:
    model = {"dimensions": {"explicit": None}, "rules": [rule]}
    validator = Draft7Validator(schema)
    return [e.message for e in validator.iter_errors({"models": {"default": model}})]


def test_a_configuration_with_mistakes_still_gets_schemas(config: Path) -> None:
    """Who is in the middle of writing needs the editor's help most."""
    (config / "journeys.yaml").write_text(
        "journeys: [{id: x, steps: [{id: a, sent: b}]}]\n", "utf-8"
    )
    (config / "messages.yaml").write_text("messages: {fresh: {actoin: email}}\n", "utf-8")
    messages = schemas_of(config)["journeys"]["definitions"]["message"]
    assert messages["enum"] == ["fresh"]


def test_names_written_in_the_same_file_are_proposed_not_demanded() -> None:
    """A team that was declared a line above is not red until the schemas are written again."""
    routing = schemas(CONFIG)["routing"]
    assert routing["definitions"]["team"]["examples"] == [
        "east",
        "key-accounts",
        "regions",
        "marketing",
    ]
    file = {"rules": [{"id": "a", "assign": {"team": "brand-new"}}]}
    assert list(Draft7Validator(routing).iter_errors(file)) == []


def test_connections_are_checked_by_their_plugins_schema() -> None:
    """A setting that the plugin does not know is red; a variable may stand for a number."""
    schema = schemas(CONFIG)["server"]
    good = {"plugin": "email", "host": "h", "from": "a@b.cn", "timeout_s": "${SECONDS}"}
    verdicts = [
        [e.message for e in Draft7Validator(schema).iter_errors({"connections": {"m": each}})]
        for each in (good, {**good, "prot": 25}, {**good, "timeout_s": "long"})
    ]
    assert [bool(v) for v in verdicts] == [False, True, True]
    assert "'prot' was unexpected" in verdicts[1][0]


def test_without_a_model_there_is_no_grade_to_name(config: Path) -> None:
    """What a configuration does not have is not proposed."""
    (config / "scoring.yaml").write_text("models: {}\n", "utf-8")
    known = schemas_of(config)["scoring"]["definitions"]["condition"]["properties"]
    assert "grade" not in known
    assert "lead.city" in known


class Open(Action):
    """An action whose connection takes any setting, and whose step says one of two things."""

    name = "open"
    connection_schema: ClassVar[dict[str, Any]] = {"type": "object"}
    params_schema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "oneOf": [{"required": ["to"]}, {"required": ["all"]}],
        "properties": {"all": {"type": "boolean"}, "to": {"type": "array"}},
    }

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        """Do nothing."""
        raise NotImplementedError


def test_other_peoples_actions_speak_our_dialect() -> None:
    """`oneOf` in a plugin's schema becomes `anyOf`; a template may stand for a value."""
    loaded = load_folder(CONFIG).vocabulary
    assert loaded is not None
    actions = {"open": ActionForms(Open.params_schema, Open.connection_schema)}
    made = specialised(
        msgspec.structs.replace(loaded, actions=actions, connections={"mine": "open"})
    )
    assert "oneOf" not in set(keywords(made["journeys"]))
    steps = [
        {"id": "a", "do": "mine", "with": each} for each in ({"all": "{{ x }}"}, {}, {"to": 1})
    ]
    verdicts = [_step_errors(made["journeys"], step) for step in steps]
    assert [bool(v) for v in verdicts] == [False, True, True]
    connection = {"connections": {"mine": {"plugin": "open", "anything": 5}}}
    assert list(Draft7Validator(made["server"]).iter_errors(connection)) == []


def test_settings_of_channels_are_completed() -> None:
    """An editor knows the settings of each channel plugin."""
    server = Draft7Validator(schemas_of(CONFIG)["server"])
    assert list(server.iter_errors({"channels": {"form": {"honeypot": "website"}}})) == []
    assert list(server.iter_errors({"channels": {"form": {"honeypott": "website"}}}))


def test_a_setting_may_be_named_like_a_keyword() -> None:
    """A plugin's setting `type` is a setting, and takes a variable in place of its value."""
    loaded = load_folder(CONFIG).vocabulary
    assert loaded is not None
    own = {"type": {"type": "string", "enum": ["a", "b"]}, "items": {"type": "integer"}}
    form = {"type": "object", "properties": own, "additionalProperties": False}
    made = specialised(msgspec.structs.replace(loaded, channels={"mine": form}))["server"]
    Draft7Validator.check_schema(made)
    found = [
        list(Draft7Validator(made).iter_errors({"channels": {"mine": each}}))
        for each in ({"type": "a", "items": 1}, {"type": "${KIND}"}, {"type": "c"}, {"items": "x"})
    ]
    assert [bool(errors) for errors in found] == [False, False, True, True]


def _step_errors(schema: dict[str, Any], step: dict[str, Any]) -> list[str]:
    journey = {"id": "j", "enter": {"event": "form_submitted"}, "steps": [step]}
    found = Draft7Validator(schema).iter_errors({"journeys": [journey]})
    return [e.message for e in found]


def test_a_modeline_stands_in_the_comments_at_the_top(tmp_path: Path) -> None:
    """After other comments, not after the first key; a file of comments alone has none."""
    file = tmp_path / "a.yaml"
    line = "# yaml-language-server: $schema=../schemas/a.schema.json\n"
    for text, found in (
        ("# 评分\n\n" + line + "a: 1\n", "../schemas/a.schema.json"),
        ("a: 1\n" + line, None),
        ("# 评分\n", None),
    ):
        file.write_text(text, "utf-8")
        assert modeline(file) == found
    assert modeline(tmp_path / "b.yaml") is None


def test_schema_files_are_json() -> None:
    """Each file reads back as the schema that it was made from."""
    made = schemas(CONFIG)
    read = {name.partition(".")[0]: json.loads(text) for name, text in texts(made).items()}
    assert read == json.loads(json.dumps(made))
