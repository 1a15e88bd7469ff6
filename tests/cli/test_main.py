"""The command itself: verbs, exit codes, and what people read when something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import engine
from engine.cli import main
from tests.cli.conftest import Ran

Command = Callable[..., Ran]


def test_version(leadrules: Command) -> None:
    """--version names the program and its version."""
    assert leadrules("--version") == Ran(0, f"leadrules, version {engine.__version__}\n", "")


@pytest.mark.parametrize("verb", main.VERBS)
def test_every_verb_has_help(verb: str, leadrules: Command) -> None:
    """Each verb says what it does."""
    ran = leadrules(verb, "--help")
    assert ran.code == 0
    assert f"leadrules {verb}" in ran.out


def test_all_verbs_are_listed(leadrules: Command) -> None:
    """--help lists every verb."""
    listed = leadrules("--help").out
    assert all(f"\n  {verb} " in listed for verb in main.VERBS)


def test_a_misspelt_verb_is_answered_with_the_nearest(leadrules: Command) -> None:
    """A wrong verb is no riddle."""
    ran = leadrules("tset")
    assert ran.code == 2
    assert 'there is no verb "tset"; did you mean "test"?' in ran.err


@pytest.mark.parametrize(
    "arguments", [("validate", "--formt"), ("report", "nothing"), ("explain",)]
)
def test_a_bad_command_line_is_2(arguments: tuple[str, ...], leadrules: Command) -> None:
    """What cannot be done at all exits with 2 and says why on stderr."""
    ran = leadrules(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "Error" in ran.err


@pytest.mark.parametrize("verb", ["validate", "test"])
def test_a_missing_folder_is_2(verb: str, leadrules: Command, tmp_path: Path) -> None:
    """A folder that is not there is named."""
    ran = leadrules(verb, tmp_path / "nowhere")
    assert (ran.code, ran.out) == (2, "")
    assert "there is no folder" in ran.err
    assert "nowhere" in ran.err


def test_a_defect_is_3_and_says_so(leadrules: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nobody foresaw is our fault, and shown whole only when asked for."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(main.cli, "main", broken)
    ran = leadrules("validate")
    assert ran.code == 3
    assert "this is a defect in leadrules, not in your rules: ZeroDivisionError: oops" in ran.err
    assert "Traceback" not in ran.err
    monkeypatch.setenv("LEADRULES_DEBUG", "1")
    assert "Traceback" in leadrules("validate").err


def test_an_interrupt_is_no_defect(leadrules: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C exits as shells expect it."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main.cli, "main", interrupted)
    assert leadrules("validate").code == 130
