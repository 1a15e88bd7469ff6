"""``leadrules graph``: the rules as a drawing."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli.codes import DONE
from engine.cli.common import config_option, definitions_of, format_option


@click.command("graph")
@click.argument("what", required=False, type=click.Choice(["journeys", "routing", "lifecycle"]))
@config_option
@format_option("mermaid", "dot")
def command(what: str | None, config: Path, format: str) -> int:
    """Draw WHAT, or all of it: journeys with their steps, routing with its SLAs, lifecycle.

    Mermaid is what GitHub, GitLab and wikis show; dot is for Graphviz.
    """
    from engine.network.ruleset import Ruleset
    from engine.workbench.graph.drawing import draw

    ruleset = Ruleset(definitions_of(config))
    for line in draw(ruleset, what, format):
        click.echo(line)
    return DONE
