"""``leadrules lint`` and ``leadrules docs``, and the formats for programs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from engine.cli.main import run
from engine.language.lint.registry import checks
from tests.lint.configs import HERE, lay, texts

ROOT = HERE.parents[1]
CONFIG = ROOT / "config"
NOW = "--now=2026-03-02T09:00:00+08:00"


class Ran(msgspec.Struct, frozen=True):
    """What a command line gave."""

    code: int
    out: str
    err: str


@pytest.fixture
def leadrules(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """Runs a command line in this process, as if on no CI server."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)

    def command(*arguments: str | Path) -> Ran:
        capsys.readouterr()
        code = run([str(a) for a in arguments])
        return Ran(code, *capsys.readouterr())

    return command


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A configuration with one warning, which can be mended."""
    return lay(texts(HERE / "exclusive-of-one" / "bad"), tmp_path / "config")


def test_the_default_configuration_is_clean(leadrules: Callable[..., Ran]) -> None:
    """What everybody begins with has no finding, not even a mild one."""
    ran = leadrules("lint", CONFIG, NOW, "--fail-on", "info")
    assert ran.code == 0
    assert ran.out == "0 errors, 0 warnings in 8 files (20 rules)\n"


def test_a_finding_is_shown_with_its_line(leadrules: Callable[..., Ran], bad: Path) -> None:
    """Findings look like those of validate, and warnings alone do not fail the run."""
    ran = leadrules("lint", bad, NOW)
    assert ran.code == 0
    assert ": warning[exclusive-of-one] no other rule" in ran.out
    assert '^^^^^  in rule "boss"' in ran.out
    assert ran.out.splitlines()[-1].startswith("0 errors, 1 warning in 6 files")


def test_fail_on_sets_the_mildest_finding_that_fails(
    leadrules: Callable[..., Ran], bad: Path
) -> None:
    """Exit code 1 from the chosen severity on."""
    assert leadrules("lint", bad, NOW, "--fail-on", "warning").code == 1
    assert leadrules("lint", bad, NOW, "--fail-on", "info").code == 1


def test_mild_and_hidden_findings_are_counted(
    leadrules: Callable[..., Ran], tmp_path: Path
) -> None:
    """The last line says how many there are, also of those that are not shown."""
    folder = lay(texts(HERE / "message-without-topic" / "good-ignored"), tmp_path / "config")
    shutil.copy(HERE / "unreachable-cap" / "bad" / "scoring.yaml", folder)
    last = leadrules("lint", folder, NOW).out.splitlines()[-1]
    assert last.endswith("(5 rules), 1 info, 1 ignored")


def test_fix_writes_the_files(leadrules: Callable[..., Ran], bad: Path) -> None:
    """What can be mended is gone from the file and from the findings."""
    ran = leadrules("lint", bad, NOW, "--fix")
    assert ran.err == "fixed 1 in 1 file\n"
    assert ran.out.startswith("0 errors, 0 warnings")
    assert "exclusive" not in (bad / "scoring.yaml").read_text("utf-8")
    assert leadrules("lint", bad, NOW, "--fix").err == "fixed 0 in 0 files\n"


def test_fix_keeps_line_ends(leadrules: Callable[..., Ran], bad: Path) -> None:
    """A file with Windows line ends has them afterwards, too."""
    file = bad / "scoring.yaml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    leadrules("lint", bad, NOW, "--fix")
    raw = file.read_bytes()
    assert b"exclusive" not in raw
    assert raw.count(b"\n") == raw.count(b"\r\n") > 0


def test_a_line_that_a_fix_adds_ends_like_the_others(
    leadrules: Callable[..., Ran], tmp_path: Path
) -> None:
    """In a file with Windows line ends a new line has one, too."""
    folder = lay(texts(HERE / "schema-modeline" / "bad-places"), tmp_path / "config")
    file = folder / "routing.yaml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert leadrules("lint", folder, NOW, "--fix").err == "fixed 3 in 3 files\n"
    raw = file.read_bytes()
    wanted = "# yaml-language-server: $schema=../schemas/routing.schema.json\r\n# 分配规则\r\n"
    assert raw.startswith(wanted.encode())
    assert raw.count(b"\n") == raw.count(b"\r\n")


def test_fixing_again_and_again_settles(leadrules: Callable[..., Ran], tmp_path: Path) -> None:
    """Fixes that touch each other are done in turn, within one run."""
    files = {
        "scoring.yaml": (HERE / "_base" / "scoring.yaml")
        .read_text("utf-8")
        .replace("[制造业, 金融业]", "[制造业, 金融业, 制造业, 制造业, 金融业]")
    }
    folder = lay(files, tmp_path / "config")
    assert leadrules("lint", folder, NOW, "--fix").err == "fixed 3 in 1 file\n"
    assert "[制造业, 金融业]}" in (folder / "scoring.yaml").read_text("utf-8")


def test_rules_with_errors_are_not_linted(leadrules: Callable[..., Ran], bad: Path) -> None:
    """The errors are shown instead."""
    file = bad / "scoring.yaml"
    file.write_text(file.read_text("utf-8").replace("lead.industry", "lead.industri"), "utf-8")
    ran = leadrules("lint", bad, NOW, "--fix")
    assert ran.code == 1
    assert "error[unknown-field]" in ran.out
    assert "meaning was not checked" in ran.err


def test_a_folder_that_is_not_there(leadrules: Callable[..., Ran], tmp_path: Path) -> None:
    """It could not do the job: exit code 2."""
    assert leadrules("lint", tmp_path / "nowhere").code == 2


@pytest.mark.parametrize("verb", ["validate", "lint", "test"])
def test_sarif_is_all_there_is_on_stdout(verb: str, leadrules: Callable[..., Ran]) -> None:
    """A program can read stdout as one log; what people read goes to stderr."""
    ran = leadrules(verb, CONFIG, "--format", "sarif")
    assert ran.code == 0
    assert json.loads(ran.out)["version"] == "2.1.0"
    assert ran.err


@pytest.mark.parametrize("verb", ["validate", "lint", "test"])
def test_junit_is_all_there_is_on_stdout(verb: str, leadrules: Callable[..., Ran]) -> None:
    """A CI server can read stdout as one document; each file or test is in it."""
    ran = leadrules(verb, CONFIG, "--format", "junit")
    root = ElementTree.fromstring(ran.out.encode())
    assert root.get("failures") == "0"
    assert len(list(root.iter("testcase"))) >= 7
    assert ran.err


@pytest.mark.parametrize("format", ["sarif", "junit"])
def test_a_failed_test_is_in_the_document(
    format: str, leadrules: Callable[..., Ran], tmp_path: Path
) -> None:
    """What was expected and what was found is told in both formats."""
    folder = Path(shutil.copytree(CONFIG, tmp_path / "config"))
    file = folder / "scoring.yaml"
    text = file.read_text("utf-8")
    assert "points: 15\n        repeat: {at_most: 1, per: 7d}" in text
    changed = text.replace(
        "points: 15\n        repeat: {at_most: 1, per: 7d}",
        "points: 10\n        repeat: {at_most: 1, per: 7d}",
    )
    file.write_text(changed, encoding="utf-8")
    ran = leadrules("test", folder, "-k", "SCO-16", "--format", format)
    assert ran.code == 1
    assert "test-failed" in ran.out
    assert "expected 15" in ran.out


def test_on_github_lint_annotates(
    leadrules: Callable[..., Ran], bad: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On GitHub's runners nobody needs to choose the format."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert leadrules("lint", bad, NOW).out.startswith("::warning file=")


@pytest.mark.parametrize("check", checks(), ids=lambda c: c.code)
def test_docs_prints_the_page_of_a_check(check: object, leadrules: Callable[..., Ran]) -> None:
    """What is printed is the page in docs/lint/."""
    code = check.code  # type: ignore[attr-defined]
    ran = leadrules("docs", code)
    assert ran.code == 0
    assert ran.out == (ROOT / "docs" / "lint" / f"{code}.md").read_text("utf-8")


def test_docs_prints_the_section_of_a_diagnostic(leadrules: Callable[..., Ran]) -> None:
    """What the loader says has a page, too, without the heading of the next one."""
    ran = leadrules("docs", "duplicate-key")
    assert ran.out.startswith("# duplicate-key\n")
    assert "A key stands twice in one map." in ran.out
    assert "Way out" in ran.out
    assert "###" not in ran.out
    assert "# broken:" not in ran.out


def test_every_expected_code_of_broken_configurations_has_a_page(
    leadrules: Callable[..., Ran],
) -> None:
    """No code leaves people without an explanation."""
    expected = {
        line.split()[1]
        for file in (HERE.parent / "broken").glob("*/expected.txt")
        for line in file.read_text("utf-8").splitlines()
        if line
    }
    assert {code for code in expected if leadrules("docs", code).code != 0} == set()


def test_docs_names_the_nearest_code(leadrules: Callable[..., Ran]) -> None:
    """A misspelt code is no page, and the right one is named."""
    ran = leadrules("docs", "shadowed-rout")
    assert ran.code == 2
    assert 'did you mean "shadowed-route"?' in ran.err
    assert "leadrules docs" in leadrules("docs", "xyz").err


def test_docs_without_a_code_lists_all(leadrules: Callable[..., Ran]) -> None:
    """Checks with their summaries, then the loader's codes."""
    out = leadrules("docs").out
    assert all(f"- `{c.code}` ({c.severity}): {c.summary}\n" in out for c in checks())
    assert "- `unknown-field`\n" in out


def test_pages_are_set_for_people(
    monkeypatch: pytest.MonkeyPatch, leadrules: Callable[..., Ran]
) -> None:
    """On a terminal the page is laid out, without Markdown's own marks."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    ran = leadrules("docs", "grade-gap")
    assert "Way out" in ran.out
    assert "```" not in ran.out


def test_without_the_documentation_checks_have_their_pages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, leadrules: Callable[..., Ran]
) -> None:
    """The checks' pages are in the code; only the loader's need the file."""
    monkeypatch.setattr("engine.language.data.shipped", lambda name: tmp_path / name)
    assert leadrules("docs", "grade-gap").code == 0
    assert leadrules("docs", "duplicate-key").code == 2
    assert "What validate finds" not in leadrules("docs").out


def test_a_fix_that_breaks_the_rules_is_taken_back(
    monkeypatch: pytest.MonkeyPatch, leadrules: Callable[..., Ran], bad: Path
) -> None:
    """Rules that load are never left broken."""
    before = (bad / "scoring.yaml").read_bytes()
    monkeypatch.setattr("engine.language.lint.fixing.mended", lambda text, groups: ("models: [", 1))
    ran = leadrules("lint", bad, NOW, "--fix")
    assert ran.code == 2
    assert "nothing was changed" in ran.err
    assert (bad / "scoring.yaml").read_bytes() == before


def test_fixes_that_never_settle_stop(
    monkeypatch: pytest.MonkeyPatch, leadrules: Callable[..., Ran], bad: Path
) -> None:
    """A fix that leaves its finding is tried a few times, not for ever."""
    monkeypatch.setattr("engine.language.lint.fixing.mended", lambda text, groups: (text, 1))
    ran = leadrules("lint", bad, NOW, "--fix")
    assert ran.err == "fixed 10 in 1 file\n"
    assert "exclusive-of-one" in ran.out
