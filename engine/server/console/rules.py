"""Rules: the YAML as it was loaded, what fired how often, and what a later version changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from starlette.requests import Request
from starlette.responses import Response

from engine.errors import NotFound
from engine.host.runtime import Runtime
from engine.language.comparing import differences
from engine.language.diagnostic import Diagnostic, Source
from engine.language.instants import format_instant
from engine.language.label import Text
from engine.server.console.forms import ask, done, form_of
from engine.server.console.pages import get, post
from engine.server.console.room import page
from engine.server.endpoint import TEXT, reading, services
from engine.store.happened import OF_RULES

_NARROWED: Final = {"kind": TEXT, "never": TEXT, "check": TEXT}
_TWO: Final = {"from": TEXT, "to": TEXT}


class Line(msgspec.Struct, frozen=True):
    """A rule: of which kind, what it gives, how often it has fired, where it stands."""

    kind: str
    id: str
    label: Text | None
    gives: str
    hits: int
    source: Source


async def rules(request: Request) -> Response:
    """The rules in use, or one file of them."""
    return page(request, "rules.html", "rules", **await reading(_read, request))


def _read(request: Request) -> dict[str, Any]:
    runtime = services(request).runtime
    definitions = runtime.ruleset.definitions
    lines = list(_lines(request))
    never, wanted = request.query_params.get("never") == "1", request.query_params.get("kind")
    last = runtime.last
    shown = [
        line
        for line in lines
        if (not never or line.hits == 0) and (not wanted or line.kind == wanted)
    ]
    return {
        "lines": shown,
        "kinds": sorted({line.kind for line in lines}),
        "kind": wanted,
        "behind": OF_RULES,
        "never": never,
        "fired": sum(line.hits > 0 for line in lines),
        "silent": sum(line.hits == 0 for line in lines),
        "ruleset": runtime.ruleset.version,
        "revision": _revision(runtime),
        "loaded_at": runtime.moment()["loaded_at"],
        "last": last,
        "last_at": last and format_instant(last.at),
        "checked": _findings(runtime) if request.query_params.get("check") == "1" else None,
        "files": [_short(definitions.folder, name) for name in sorted(runtime.sources)],
        "short": lambda source: _short(definitions.folder, source.file),
    }


def _revision(runtime: Runtime) -> str | None:
    """Return the commit that the rules in use came from, None where nobody knows."""
    version = runtime.ruleset.definitions.version
    kept = runtime.reader.configurations()
    return next((each.revision for each in kept if each.version == version), None)


def _findings(runtime: Runtime) -> list[Diagnostic]:
    """Return what a reload would find in the files as they are now; nothing is loaded."""
    return Runtime(runtime.folder, Path(), plugins=runtime.plugins).load()


def _lines(request: Request) -> Iterator[Line]:
    runtime = services(request).runtime
    definitions, hits = runtime.ruleset.definitions, runtime.telemetry.hits
    for model in definitions.models:
        for rule in model.rules:
            fired = hits[("rule", rule.id)]
            yield Line("rule", rule.id, rule.label, f"{rule.points:+g}", fired, rule.source)
    for stage in definitions.lifecycle.stages:
        yield Line("stage", stage.id, stage.label, "", hits[("stage", stage.id)], stage.source)
    for route in definitions.routing.rules:
        gives = route.team or route.pool or ""
        yield Line("route", route.id, route.label, gives, hits[("route", route.id)], route.source)
    for sla in definitions.routing.slas:
        yield Line("sla", sla.id, sla.label, "", hits[("sla", sla.id)], sla.source)
    for each in definitions.journeys:
        fired = hits[("journey", each.id)]
        yield Line("journey", each.id, each.label, "", fired, each.source)


def _short(folder: str, file: str) -> str:
    """Return a file's name in its folder; one that came with leadrules is ``default/NAME``."""
    if not file.startswith(f"{folder}/") and Path(file).is_absolute():
        return f"default/{Path(file).name}"
    return file.removeprefix(f"{folder}/")


async def file(request: Request) -> Response:
    """A file of the configuration, as it was loaded."""
    name = request.path_params["name"]
    runtime = services(request).runtime
    folder = runtime.ruleset.definitions.folder
    known = {_short(folder, path): lines for path, lines in runtime.sources.items()}
    if name not in known:
        raise NotFound(f"no rules were loaded from {name[:80]!r}")
    return page(request, "file.html", "rules", file=name, lines=known[name])


async def compare(request: Request) -> Response:
    """What differs between two configurations that were in use here."""
    return page(request, "compare.html", "rules", **await reading(_compared, request))


def _compared(request: Request) -> dict[str, Any]:
    runtime, query = services(request).runtime, request.query_params
    kept = runtime.reader.configurations()
    versions = [each.version for each in kept]
    after = query.get("to") or next(iter(versions), "")
    before = query.get("from") or next((v for v in versions if v != after), after)
    old, new = (runtime.reader.configuration(version) for version in (before, after))
    if old is None or new is None:
        wanted = before if old is None else after
        raise NotFound(f"no configuration {wanted[:80]!r} is kept")
    return {
        "kept": kept,
        "before": before,
        "after": after,
        "found": differences(old, new),
        "present": runtime.ruleset.definitions.version,
        "as_yaml": _as_yaml,
    }


def _as_yaml(value: Any) -> str:
    """Return a value as people write it."""
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=None, sort_keys=False)
    return text.removesuffix("...\n").rstrip()


async def reload(request: Request) -> Response:
    """Load the rules anew, all or nothing."""
    await form_of(request)
    doing = ask(request, "POST", "/-/reload", {}, {})
    return await done(request, doing, "/console/rules", "said.reload")


ENDPOINTS: Final = (
    get("/console/rules", rules, "The rules in use", query=_NARROWED),
    get("/console/rules/compare", compare, "Two versions side by side", query=_TWO),
    get("/console/rules/{name:path}", file, "A file of the rules"),
    post("/console/rules/reload", reload, "Load the rules anew", scope="operate"),
)
