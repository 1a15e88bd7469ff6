"""Folders: which files are read, and what is said of those that cannot be."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from engine.language.load import Loaded, load_folder
from engine.language.reader import MAX_BYTES
from engine.language.schemas.union import Clash, together
from engine.language.schemas.vocabulary import ActionForms, Vocabulary
from engine.language.schemas.writing import expected_folder

BASE = Path(__file__).parents[1] / "broken" / "_base"
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A sound configuration to break."""
    return Path(shutil.copytree(BASE, tmp_path / "config"))


def said(loaded: Loaded, folder: Path) -> list[tuple[str, str, str]]:
    """Return each finding as (place, code, hint)."""
    return [
        (str(d.source).removeprefix(f"{folder}/"), d.code, d.hint or "") for d in loaded.diagnostics
    ]


def test_a_folder_that_is_not_there_is_one_finding(tmp_path: Path) -> None:
    """Nothing is read, nothing raised."""
    loaded = load_folder(tmp_path / "nowhere")
    assert loaded.definitions is None
    assert loaded.vocabulary is None
    assert [d.code for d in loaded.diagnostics] == ["no-folder"]
    assert loaded.diagnostics[0].hint == "name the folder that holds scoring.yaml"


def test_files_that_must_exist_are_missed_all_at_once(tmp_path: Path) -> None:
    """An empty folder lacks three files, and is told so once for each."""
    loaded = load_folder(tmp_path)
    found = [(place, code) for place, code, _ in said(loaded, tmp_path)]
    assert found == [
        ("journeys.yaml:1:1", "missing-file"),
        ("routing.yaml:1:1", "missing-file"),
        ("scoring.yaml:1:1", "missing-file"),
    ]


def test_a_kind_may_be_a_folder_of_files(config: Path) -> None:
    """What stands in several files is read as if it stood in one."""
    (config / "journeys").mkdir()
    shutil.move(config / "journeys.yaml", config / "journeys" / "old.yaml")
    more = "journeys: [{id: more, enter: {event: form_submitted}, steps: [{id: a, wait: 1d}]}]\n"
    (config / "journeys" / "new.yaml").write_text(more, "utf-8")
    loaded = load_folder(config)
    assert loaded.definitions is not None
    base = load_folder(BASE).definitions
    assert base is not None
    ids = [j.id for j in loaded.definitions.journeys]
    assert ids == ["more", *(j.id for j in base.journeys)]


def test_a_model_may_be_written_in_several_files(config: Path) -> None:
    """Its dimensions, rules and grades are those of all of them."""
    (config / "scoring").mkdir()
    (config / "scoring" / "talks.yaml").write_text(
        "models: {default: {dimensions: {talks: {max: 9}}, rules: ["
        "{id: talk, dimension: talks, event: chat_started, points: 3, repeat: each}]}}\n",
        "utf-8",
    )
    before = load_folder(BASE).definitions
    loaded = load_folder(config).definitions
    assert before is not None
    assert loaded is not None
    [one], [model] = before.models, loaded.models
    assert [d.id for d in model.dimensions] == [*(d.id for d in one.dimensions), "talks"]
    assert [r.id for r in model.rules] == [*(r.id for r in one.rules), "talk"]
    assert [g.grade for g in model.grades] == [g.grade for g in one.grades]


def test_what_a_kind_needs_may_stand_in_any_of_its_files(config: Path) -> None:
    """Teams in one file, rules in another, conditions in a third; without rules one is told."""
    folder = config / "routing"
    folder.mkdir()
    (config / "routing.yaml").unlink()
    (folder / "teams.yaml").write_text("teams: {east: {members: [{id: li.na}]}}\n", "utf-8")
    (folder / "pools.yaml").write_text("pools: {public: {label: 公海池}}\n", "utf-8")
    assert ("routing/pools.yaml:1:1", "missing-key", "add rules:") in said(
        load_folder(config), config
    )
    rules = "rules: [{id: all, assign: {team: east}}, {id: rest, assign: {pool: public}}]\n"
    (folder / "rules.yaml").write_text(rules, "utf-8")
    loaded = load_folder(config)
    assert loaded.diagnostics == []
    assert loaded.definitions is not None
    assert list(loaded.definitions.routing.teams) == ["east"]


TWICE = {
    "messages": "messages: {hello: {action: mail, text: 您好}}",
    "topics": "topics: {hello: {label: 您好}}",
    "teams": "rules: [{id: RULE, assign: {pool: public}}]\nteams: {hello: {members: [{id: a}]}}",
    "pools": "rules: [{id: RULE, assign: {pool: hello}}]\npools: {hello: {}}",
    "fields": "fields: {hello: {type: string}}",
    "conditions": "conditions: {hello: {lead.city: 上海}}",
}
FILES = {"topics": "messages", "teams": "routing", "pools": "routing", "fields": "catalog"}


@pytest.mark.parametrize("key", TWICE)
def test_a_name_in_two_files_is_refused_as_in_one(config: Path, key: str) -> None:
    """Nobody has to guess which of the two counts."""
    folder = config / FILES.get(key, "messages")
    folder.mkdir()
    for number in (1, 2):
        text = TWICE[key].replace("RULE", f"r{number}")
        (folder / f"{number}.yaml").write_text(f"{text}\n", "utf-8")
    loaded = load_folder(config)
    found = [d for d in loaded.diagnostics if d.code == "duplicate-id"]
    assert [Path(d.source.file).name for d in found] == ["2.yaml"]
    assert 'hello" stands here twice; first at' in found[0].message


def test_a_file_that_looks_as_if_it_were_read_is_named(config: Path) -> None:
    """In folders, too: .yml, a folder in a folder, and tests."""
    for name in ("journeys/more.yml", "journeys/old/more.yaml", "tests/a.test.yml"):
        (config / name).parent.mkdir(parents=True, exist_ok=True)
        (config / name).write_text("journeys: []\n", "utf-8")
    loaded = load_folder(config)
    assert said(loaded, config) == [
        ("journeys/more.yml:1:1", "unknown-file", "call it more.yaml"),
        ("journeys/old/more.yaml:1:1", "unknown-file", "move it into journeys/"),
        ("tests/a.test.yml:1:1", "unknown-file", "call it a.test.yaml"),
    ]


def test_what_is_not_read_is_named_with_the_nearest_name(config: Path) -> None:
    """A misspelt file or folder is not silently left out; other files are nobody's business."""
    (config / "scoring.yml").write_text("models: {}\n", "utf-8")
    (config / "mesages").mkdir()
    (config / "mesages" / "a.yaml").write_text("messages: {}\n", "utf-8")
    (config / "NOTES.txt").write_text("笔记\n", "utf-8")
    (config / "pictures").mkdir()
    assert said(load_folder(config), config) == [
        ("mesages:1:1", "unknown-file", 'did you mean "messages"?'),
        ("scoring.yml:1:1", "unknown-file", 'did you mean "scoring"?'),
    ]


def test_a_file_too_large_is_not_read(config: Path) -> None:
    """Its names are then unseen, not unknown: there is one finding."""
    (config / "messages.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    found = said(load_folder(config), config)
    assert found == [
        (
            "messages.yaml:1:1",
            "too-large",
            "split it: any file may be a folder of files of the same kind",
        )
    ]


@pytest.mark.skipif(IS_ROOT, reason="root may read everything")
def test_a_file_without_permission_is_a_finding(config: Path) -> None:
    """The system's own words say why."""
    (config / "messages.yaml").chmod(0)
    assert said(load_folder(config), config)[0][:2] == ("messages.yaml:1:1", "unreadable")


def test_a_file_that_vanishes_is_a_finding(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be read, whatever the reason, is told with the system's words."""
    read = Path.read_bytes

    def gone(self: Path) -> bytes:
        if self.name == "messages.yaml":
            raise OSError(5, "Input/output error")
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", gone)
    loaded = load_folder(config)
    assert loaded.definitions is None
    assert [(d.code, d.message) for d in loaded.diagnostics] == [
        ("unreadable", "cannot read it: Input/output error")
    ]


def test_an_empty_file_declares_nothing(config: Path) -> None:
    """A file of comments, or of nothing behind a dash, is as good as none where none must be."""
    (config / "catalog.yaml").write_text("# 以后再写\n", "utf-8")
    (config / "intake.yaml").write_text("---\n", "utf-8")
    assert load_folder(config).diagnostics == []


def test_templates_are_read_at_any_depth_and_must_be_utf8(config: Path) -> None:
    """One that is not UTF-8 is a finding in it; folders are no templates."""
    inner = config / "templates" / "深"
    inner.mkdir(parents=True)
    (inner / "好.html").write_text("您好", "utf-8")
    (config / "templates" / "坏.html").write_bytes("您好".encode("gbk"))
    loaded = load_folder(config)
    assert [(Path(d.source.file).name, d.code) for d in loaded.diagnostics] == [
        ("坏.html", "unreadable")
    ]
    assert loaded.vocabulary is not None
    assert loaded.vocabulary.templates == ("深/好.html",)


# --- what plugins add -----------------------------------------------------------------------


def test_a_plugins_fields_and_events_can_be_used(config: Path) -> None:
    """They are part of the catalogue, with their labels."""
    added = {"crm": {"fields": {"crm_id": {"type": "string", "label": "客户号"}}}}
    loaded = load_folder(config, None, added)
    assert loaded.definitions is not None
    assert loaded.definitions.catalogue.fields["crm_id"].label == "客户号"


def test_a_plugins_field_keeps_its_type(config: Path) -> None:
    """catalog.yaml may not make something else of it, and is told whose it is."""
    (config / "catalog.yaml").write_text("fields: {crm_id: {type: integer}}\n", "utf-8")
    loaded = load_folder(config, None, {"crm": {"fields": {"crm_id": {"type": "string"}}}})
    assert [(d.code, d.message) for d in loaded.diagnostics] == [
        ("field-type", '"crm_id" is a field of the plugin "crm", of type string; its type stays')
    ]


def test_what_a_plugin_adds_is_checked_like_a_file(config: Path) -> None:
    """A misspelt key is found in what stands for the plugin's file."""
    loaded = load_folder(config, None, {"crm": {"feilds": {}}})
    assert [(d.source.file, d.code, d.hint) for d in loaded.diagnostics] == [
        ("plugin crm", "unknown-key", 'did you mean "fields"?')
    ]
    assert "plugin crm" in loaded.sources


def test_what_is_no_plain_data_is_refused(config: Path) -> None:
    """A plugin that hands out objects breaks nothing but its own extension."""
    loaded = load_folder(config, None, {"crm": {"fields": {"a": object()}}})
    assert [(d.source.file, d.code) for d in loaded.diagnostics] == [
        ("plugin crm", "bad-extension")
    ]
    assert loaded.definitions is None


# --- one vocabulary for several configurations ----------------------------------------------


def vocabulary(folder: Path, name: str, catalog: str) -> Vocabulary:
    """Return the names of the base with a catalogue of one's own."""
    made = Path(shutil.copytree(BASE, folder / name))
    (made / "catalog.yaml").write_text(catalog, "utf-8")
    found = load_folder(made).vocabulary
    assert found is not None
    return found


def test_two_configurations_share_a_vocabulary(tmp_path: Path) -> None:
    """Names of both are known, each once; an enum has the values of both."""
    one = vocabulary(
        tmp_path,
        "one",
        "fields: {plan: {type: enum, values: [甲, 乙]}}\nevents: {chosen: {properties: {a: string}}}\n",
    )
    two = vocabulary(
        tmp_path,
        "two",
        "fields: {plan: {type: enum, values: [乙, 丙]}, seats: {type: integer}}\n"
        "events: {chosen: {properties: {b: number}}}\n",
    )
    both = together([one, two])
    catalogue = both.scope.catalogue
    assert catalogue.fields["plan"].values == ("甲", "乙", "丙")
    assert catalogue.fields["seats"].type == "integer"
    assert set(catalogue.events["chosen"].properties) == {"a", "b"}
    assert both.messages == one.messages
    assert both.scope.models == {n: tuple(d) for n, d in one.scope.models.items()}
    assert together([one]) is one


def test_two_configurations_may_not_mean_two_things_by_one_name(tmp_path: Path) -> None:
    """The text says what differs, and the way out."""
    one = vocabulary(tmp_path, "one", "fields: {plan: {type: string}}\n")
    two = vocabulary(tmp_path, "two", "fields: {plan: {type: integer}}\n")
    with pytest.raises(Clash) as caught:
        together([one, two])
    assert str(caught.value) == (
        '"plan" of lead is of type string in one configuration and of type integer in another; '
        "write their schemas into different folders"
    )


def test_actions_and_connections_of_both_are_known(tmp_path: Path) -> None:
    """A later configuration's connection of the same name counts."""
    one = vocabulary(tmp_path, "one", "fields: {}\n")
    form = ActionForms({"type": "object"}, {})
    two = Vocabulary(scope=one.scope, connections={"email": "log"}, actions={"log": form})
    both = together([one, two])
    assert both.connections == {**one.connections, "email": "log"}
    assert both.actions == {"log": form}


# --- where schemas are ----------------------------------------------------------------------


def test_schemas_are_where_the_first_relative_modeline_points(config: Path) -> None:
    """A file in a folder of its kind counts from there; an address on the web is no folder."""
    assert expected_folder(config) == config.parent / "schemas"
    web = "# yaml-language-server: $schema=https://example.com/schemas/catalog.schema.json\n"
    (config / "catalog.yaml").write_text(web, "utf-8")
    assert expected_folder(config) == config.parent / "schemas"
    (config / "scoring").mkdir()
    line = "# yaml-language-server: $schema=../../../shared/scoring.schema.json\n"
    (config / "scoring" / "a.yaml").write_text(line, "utf-8")
    assert expected_folder(config) == config.parent.parent / "shared"


# --- small things that are right ------------------------------------------------------------


def test_what_may_be_left_out_or_written_another_way_loads(config: Path) -> None:
    """A message's own properties, an absence to the hour, a wait from here on, a plain zone."""
    (config / "journeys.yaml").write_text(
        """
journeys:
  - id: care
    enter: {event: email_opened, where: {journey: care}}
    steps:
      - {id: a, wait: {until: 2d}}
      - {id: b, wait: 1 working_days}
""",
        "utf-8",
    )
    routing = (config / "routing.yaml").read_text("utf-8")
    exact = routing.replace(
        "{from: 2026-02-14, to: 2026-02-24}",
        "{from: 2026-02-14T12:00:00+08:00, to: 2026-02-14T18:00:00+08:00}",
    )
    assert exact != routing
    (config / "routing.yaml").write_text(exact, "utf-8")
    loaded = load_folder(config)
    assert loaded.definitions is not None, loaded.diagnostics
    (away,) = loaded.definitions.routing.teams["east"].members[0].away
    assert away.until - away.since == 6 * 3_600_000
    first = loaded.definitions.journeys[0].steps[0]
    assert first.since is None
    assert first.span is not None
    assert first.span.ms == 2 * 86_400_000
