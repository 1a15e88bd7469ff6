"""``leadrules preview``: what would this lead get to read?"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.cli.codes import DONE, FINDINGS
from engine.cli.common import config_option, format_option, load, print_diagnostics

if TYPE_CHECKING:
    from engine.host.rendering import Rendered
    from engine.language.definitions import Message
    from engine.language.load import Loaded
    from engine.machines.state import Lead
    from engine.network.ruleset import Ruleset

# Stands for the address that each real message gets for itself.
UNSUBSCRIBE = "https://example.com/unsubscribe/preview"


@click.command("preview")
@click.argument("message")
@click.option(
    "--lead",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A YAML or JSON file with the lead's fields.",
)
@click.option("--owner", metavar="ID", help="A salesperson to whom the lead belongs.")
@click.option("--lang", metavar="TAG", help="A language instead of the lead's own, such as en.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write it into this file, not to the terminal.",
)
@config_option
@format_option("text", "html", "json")
def command(
    message: str,
    lead: Path,
    owner: str | None,
    lang: str | None,
    out: Path | None,
    config: Path,
    format: str,
) -> int:
    """Show MESSAGE as this lead would get it, by the code that sends it.

    The lead comes in as by simulate, scored and graded by the rules in --config.
    Nothing is stored or sent.
    """
    from engine.host.rendering import Renderer
    from engine.host.templates.press import Press
    from engine.host.templates.typesetting import BadTemplate
    from engine.network.ruleset import Ruleset

    loaded = load(config)
    if loaded.definitions is None:
        print_diagnostics([d for d in loaded.diagnostics if d.severity == "error"], "text", loaded)
        click.echo("The rules have errors, so nothing is shown.", err=True)
        return FINDINGS
    ruleset = Ruleset(loaded.definitions)
    found = _find(ruleset, message)
    reader = _lead(ruleset, lead, loaded)
    if reader is None:
        return FINDINGS
    if owner is not None:
        reader.facts["owner"] = _salesperson(ruleset, owner)
    press = Press(processes=1)
    try:
        params = {"unsubscribe_url": UNSUBSCRIBE}
        rendered = Renderer(ruleset, press).render(found, params, reader, lang)
    except BadTemplate as error:
        click.echo(f"leadrules: {error}", err=True)
        return FINDINGS
    finally:
        press.close()
    shown = _show(found, rendered, _address(found, reader), format)
    if out is None:
        click.echo(shown)
    else:
        out.write_text(shown + "\n", encoding="utf-8")
        click.echo(f"{out}: written", err=True)
    return DONE


def _find(ruleset: Ruleset, name: str) -> Message:
    from engine.language.nearest import did_you_mean

    messages = ruleset.definitions.messages
    if name not in messages:
        raise click.UsageError(f'there is no message "{name}"; {did_you_mean(name, messages)}')
    return messages[name]


def _salesperson(ruleset: Ruleset, id: str) -> str:
    from engine.language.nearest import did_you_mean

    known = [m.id for team in ruleset.definitions.routing.teams.values() for m in team.members]
    if id not in known:
        raise click.UsageError(f'there is no salesperson "{id}"; {did_you_mean(id, known)}')
    return id


def _lead(ruleset: Ruleset, file: Path, loaded: Loaded) -> Lead | None:
    """Return the lead as he stands when he has come in, None after saying what is wrong."""
    from engine.host.clock import system_time
    from engine.language.diagnostic import Diagnostics
    from engine.workbench.simulate import simulate
    from engine.workbench.stream import StreamReader, read_lead

    found = Diagnostics()
    raw = file.read_bytes()
    loaded.sources[str(file)] = raw.decode("utf-8", "replace").splitlines()
    document = read_lead(raw, str(file), found)
    now = system_time()
    if document is not None:
        arrivals = StreamReader(ruleset, document, str(file), found).read([], now)
        if not found.has_errors:
            return simulate(ruleset, arrivals, now, now).leads[0]
    print_diagnostics(found.sorted(), "text", loaded)
    click.echo("The lead has mistakes, so nothing is shown.", err=True)
    return None


def _address(message: Message, lead: Lead) -> str | None:
    address = lead.facts.get(message.to) if message.to else None
    return None if address is None else str(address)


def _show(message: Message, rendered: Rendered, to: str | None, format: str) -> str:
    if format == "json":
        return json.dumps(_as_data(message, rendered, to), ensure_ascii=False, indent=2)
    if format == "html":
        if rendered.html is None:
            raise click.UsageError(f'the message "{message.id}" has no HTML; see --format text')
        return _with_images(rendered)
    head = [
        ("To", to),
        ("Subject", rendered.subject),
        ("Made from", ", ".join(rendered.templates.values())),
        *(("Attached", f"{a.name} ({len(a.content):,} bytes)") for a in rendered.attachments),
    ]
    lines = [f"{name + ':':<11}{value}" for name, value in head if value]
    body = rendered.markdown or rendered.text or ""
    return "\n".join([*lines, "", body.rstrip("\n")])


def _as_data(message: Message, rendered: Rendered, to: str | None) -> dict[str, Any]:
    return {
        "message": message.id,
        "action": message.action,
        "to": to,
        "templates": dict(rendered.templates),
        "subject": rendered.subject,
        "text": rendered.text,
        "html": rendered.html,
        "markdown": rendered.markdown,
        "params": dict(rendered.params),
        "attachments": [
            {"name": a.name, "type": a.media_type, "bytes": len(a.content), "cid": a.cid}
            for a in rendered.attachments
        ],
    }


def _with_images(rendered: Rendered) -> str:
    """Return the HTML with its images in it, so that a browser shows what a reader sees."""
    html = rendered.html or ""
    for each in rendered.attachments:
        if each.cid:
            data = base64.b64encode(each.content).decode()
            html = html.replace(f"cid:{each.cid}", f"data:{each.media_type};base64,{data}")
    return html
