"""docs/cli.md tells of every verb and option of the command line."""

from __future__ import annotations

import re

import click
import pytest

from engine.cli import codes
from engine.cli.main import VERBS, cli
from tests.docs.pages import code, headings, read, rows, section


def command(verb: str) -> click.Command:
    """Return the command of a verb."""
    found = cli.get_command(click.Context(cli), verb)
    assert found is not None
    return found


def test_every_verb_has_its_section() -> None:
    """The page has a section for each verb in their order, and none for another."""
    assert headings(read("cli.md"), 2) == [f"leadrules {verb}" for verb in VERBS]


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_has_its_row(verb: str) -> None:
    """A verb's table lists its options, and no other."""
    options = {
        name
        for parameter in command(verb).params
        if isinstance(parameter, click.Option)
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    told = {
        name for row in rows(section(read("cli.md"), f"leadrules {verb}")) for name in code(row[0])
    }
    assert told == options


@pytest.mark.parametrize("verb", VERBS)
def test_every_argument_is_named(verb: str) -> None:
    """A verb's section shows how it is called, with its arguments."""
    text = section(read("cli.md"), f"leadrules {verb}")
    for parameter in command(verb).params:
        if isinstance(parameter, click.Argument):
            name = str(parameter.name).upper()
            shown = name if parameter.required else f"[{name}]"
            assert re.search(rf"`leadrules {verb}( [^`]*)? {re.escape(shown)}[ `]", text)


@pytest.mark.parametrize("verb", VERBS)
def test_every_choice_is_named(verb: str) -> None:
    """The row of an option with fixed values, such as --format, names them all."""
    table = {
        name: row[1]
        for row in rows(section(read("cli.md"), f"leadrules {verb}"))
        for name in code(row[0])
    }
    for parameter in command(verb).params:
        if isinstance(parameter, click.Option) and isinstance(parameter.type, click.Choice):
            assert set(parameter.type.choices) <= set(code(table[parameter.opts[0]]))


def test_every_exit_code_is_told() -> None:
    """The table of exit codes has those that the command line can give."""
    known = {value for name, value in vars(codes).items() if name.isupper()}
    told = {int(row[0]) for row in rows(read("cli.md")) if row[0].isdecimal()}
    assert told == known
