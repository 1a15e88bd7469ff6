"""The modelines, tried in the language server that editors run: completion, hover, red lines."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.cli.schema import schemas_of
from engine.language.schemas.writing import expected_folder, texts
from tests.schema.editor import VERSION, Editor

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WARNING = 2  # severities of the protocol: 1 error, 2 warning; beyond, mere hints
CONFIG = ROOT / "config"
EXAMPLES = sorted(p.parent for p in ROOT.glob("examples/*/scoring.yaml"))
SCORING = """\
# yaml-language-server: $schema=../schemas/scoring.schema.json
models:
  default:
    dimensions: {explicit: {label: 显性属性}}
    rules:
      - id: a
        dimension: explicit
"""
JOURNEYS = """\
# yaml-language-server: $schema=../schemas/journeys.schema.json
journeys:
  - id: a
    enter: {event: form_submitted}
    steps:
"""


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """Return an editor with the language server, installed for these tests alone."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("the language server needs node and npm, which are not installed")
    folder = tmp_path_factory.mktemp("language-server")
    package = f"yaml-language-server@{VERSION}"
    quiet = ["--silent", "--no-audit", "--no-fund", "--prefix", str(folder)]
    done = subprocess.run([npm, "install", *quiet, package], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"npm could not install {package}: {done.stderr.decode()[-200:]}")
    program = folder / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    opened = Editor([node, str(program), "--stdio"])
    yield opened
    opened.close()


def in_rule(editor: Editor, text: str) -> list[str]:
    """Return what is proposed at the mark in a scoring rule."""
    return editor.complete(CONFIG / "scoring.yaml", f"{SCORING}        {text}")


def in_steps(editor: Editor, text: str) -> list[str]:
    """Return what is proposed at the mark in the steps of a journey."""
    return editor.complete(CONFIG / "journeys.yaml", f"{JOURNEYS}      {text}")


def red(editor: Editor, text: str) -> list[tuple[int, str]]:
    """Return (line, message) of the diagnostics of a scoring rule with these lines."""
    found = editor.open(CONFIG / "scoring.yaml", f"{SCORING}        {text}\n        points: 5\n")
    return [(d["range"]["start"]["line"] - SCORING.count("\n"), d["message"]) for d in found]


def files(folder: Path) -> list[Path]:
    """Return the YAML files of a configuration."""
    return sorted(f for f in folder.rglob("*.yaml") if "templates" not in f.parts)


@pytest.mark.parametrize("file", files(CONFIG), ids=lambda f: f.name)
def test_the_default_configuration_has_no_red_line(editor: Editor, file: Path) -> None:
    """Every file of config/, by its own modeline and the schemas of the repository."""
    assert editor.open(file, file.read_text("utf-8")) == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.name)
def test_an_example_has_no_red_line(editor: Editor, example: Path, tmp_path: Path) -> None:
    """Every file of an example, with its schemas written where its modelines point."""
    copy = Path(shutil.copytree(example, tmp_path / "home" / "examples" / example.name))
    folder = expected_folder(copy)
    folder.mkdir(parents=True)
    for name, text in texts(schemas_of(copy)).items():
        (folder / name).write_text(text, encoding="utf-8")
    found = {f.name: editor.open(f, f.read_text("utf-8")) for f in files(copy)}
    wrong = {n: [d["message"] for d in ds if d["severity"] <= WARNING] for n, ds in found.items()}
    assert wrong == {name: [] for name in found}


def test_fields_are_completed_inside_when(editor: Editor) -> None:
    """Built-in fields and those of catalog.yaml, scores, stage, and the forms of conditions."""
    proposed = in_rule(editor, "when:\n          |")
    wanted = {"lead.employees", "lead.purchase_plan", "score.total", "grade", "stage"}
    assert wanted | {"source.utm_source", "journey.welcome", "all", "count", "absent"} <= set(
        proposed
    )
    assert "lead.employees" in in_rule(editor, "when: {l|}")
    assert "lead.employees" in in_rule(editor, "when: {any: [{l|}]}")


def test_operators_are_those_of_the_fields_type(editor: Editor) -> None:
    """A number rises and falls, a list includes, an ordered enum is at least."""
    numbers = in_rule(editor, "when:\n          lead.employees:\n            |")
    assert {"gte", "rises_to", "between"} <= set(numbers)
    assert not {"matches", "includes", "at_least"} & set(numbers)
    assert "at_least" in in_rule(editor, "when: {lead.title_level: {a|}}")
    assert "at_least" not in in_rule(editor, "when: {lead.email.kind: {a|}}")
    assert "includes_any" in in_rule(editor, "when: {lead.tags: {i|}}")


@pytest.mark.parametrize("text", ["{at_least: |}", "|", "[vp, |]"])
def test_values_of_an_enum_are_completed(editor: Editor, text: str) -> None:
    """Behind an operator, as a constant, and in a list."""
    proposed = in_rule(editor, f"when: {{lead.title_level: {text}}}")
    assert set(proposed) == {"staff", "manager", "director", "vp", "c_level"}


@pytest.mark.parametrize(
    "text", ["event: |", "when: {count: {event: |}}", "event: [page_viewed, |]"]
)
def test_event_types_are_completed(editor: Editor, text: str) -> None:
    """Built-in ones and those of catalog.yaml, wherever an event is named."""
    assert {"page_viewed", "demo_booked", "lead_assigned"} <= set(in_rule(editor, text))


def test_properties_are_those_of_the_event(editor: Editor) -> None:
    """Under `where`, what this event carries and not what another one does."""
    viewed = in_rule(editor, "event: page_viewed\n        where:\n          |")
    assert {"page", "url", "duration"} <= set(viewed)
    assert not {"webinar", "amount", "kind"} & set(viewed)
    booked = in_rule(editor, "when: {count: {event: demo_booked, where: {s|}}}")
    assert {"product", "slot"} <= set(booked)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("- {id: b, send: |}", {"welcome", "product-demo"}),
        ("- {id: b, do: |}", {"email", "notify"}),
        ("- {id: b, next: |}", {"end", "proposal"}),
        ("- {id: b, set: {stage: |}}", {"mql", "won"}),
        ("- {id: b, score: {dimension: |}}", {"explicit", "implicit"}),
        ("- {id: b, task: {title: c, to: |}}", {"owner", "zhao.min"}),
        ("- {id: b, set: {fields: {c|}}}", {"company", "city"}),
        ("- {id: b, w|}", {"wait", "with", "branch", "send"}),
    ],
)
def test_names_are_completed_in_steps(editor: Editor, text: str, wanted: set[str]) -> None:
    """Messages, connections, steps, stages, dimensions and people of this configuration."""
    assert wanted <= set(in_steps(editor, text))


def test_names_are_completed_in_routing_and_messages(editor: Editor) -> None:
    """Teams and pools behind assign, fields behind by, calendars, connections and templates."""
    head = "# yaml-language-server: $schema=../schemas/{}.schema.json\n"
    rule = head.format("routing") + "rules:\n  - {id: a, assign: "
    routing, messages = CONFIG / "routing.yaml", CONFIG / "messages.yaml"
    assert "key-accounts" in editor.complete(routing, rule + "{team: |}}")
    assert "public" in editor.complete(routing, rule + "{pool: |}}")
    assert "lead.city" in editor.complete(routing, rule + "{by: |}}")
    assert "cn" in editor.complete(routing, head.format("routing") + "sla: [{id: a, calendar: |}]")
    message = head.format("messages") + "messages:\n  a: "
    assert "notify" in editor.complete(messages, message + "{action: |}")
    assert "welcome.html" in editor.complete(messages, message + "{template: |}")


def test_events_of_a_test_are_completed(editor: Editor) -> None:
    """In a rule's test: the properties of its event, and what can be expected."""
    head = "# yaml-language-server: $schema=../../schemas/test.schema.json\ncases:\n  - name: a\n"
    file = CONFIG / "tests" / "a.test.yaml"
    event = head + "    events: [{at: 0d, event: page_viewed, p|}]"
    assert {"page", "url", "by"} <= set(editor.complete(file, event))
    expected = set(editor.complete(file, head + "    expect: [{at: 0d, s|}]"))
    assert {"score.total", "sends", "fired", "stage"} <= expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("when: {lead.emplo|yees: {gte: 5}}", "员工数 lead.employees: a whole number."),
        ("when: {lead.title_level: {at_le|ast: vp}}", "This value or a higher one."),
        ("event: page_vie|wed", "浏览页面"),
        ("event: order_placed\n        where: {amo|unt: 5}", "amount: an amount."),
        ("expi|res: 30d", "taken back"),
    ],
)
def test_hovering_explains(editor: Editor, text: str, shown: str) -> None:
    """A field shows its label and type, an operator and a key what they mean."""
    assert shown in editor.hover(CONFIG / "scoring.yaml", f"{SCORING}        {text}")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("when: {lead.employees: many}", 0, "Incorrect type"),
        ("when: {lead.employees: {gte: many}}", 0, "Incorrect type"),
        ("when: {lead.employees: {startswith: 5}}", 0, "startswith is not allowed"),
        ("when: {lead.title_level: boss}", 0, "Value is not accepted"),
        ("when: {lead.title_level: {at_leest: vp}}", 0, "at_leest is not allowed"),
        ("when: {lead.titel_level: vp}", 0, "lead.titel_level is not allowed"),
        ("event: page_viewd", 0, "Value is not accepted"),
        ("event: page_viewed\n        where: {pgae: a}", 1, "pgae is not allowed"),
        ("repet: each", 0, "repet is not allowed"),
        ("expires: 30", 0, "Incorrect type"),
        ("expires: 30 days", 0, "pattern"),
    ],
)
def test_mistakes_are_red(editor: Editor, text: str, line: int, message: str) -> None:
    """One red line, under the mistake, that names it: a wrong type, value, key or name."""
    found = red(editor, text)
    assert [at for at, _ in found] == [line]
    assert message in found[0][1]


def test_a_misspelt_message_is_red(editor: Editor) -> None:
    """A name that another file must declare and does not."""
    found = editor.open(CONFIG / "journeys.yaml", f"{JOURNEYS}      - {{id: b, send: welcom}}\n")
    assert [d["range"]["start"]["line"] for d in found] == [5]
    assert "welcome" in found[0]["message"]
