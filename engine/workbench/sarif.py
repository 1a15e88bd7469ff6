"""Findings as SARIF 2.1.0, the OASIS format that code-scanning services read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from engine import __version__
from engine.language.diagnostic import Diagnostic
from engine.language.lint.pages import page
from engine.language.lint.registry import checks

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {"error": "error", "warning": "warning", "info": "note"}


def as_sarif(diagnostics: Iterable[Diagnostic], sources: Mapping[str, Sequence[str]]) -> str:
    """Return a SARIF log of one run on one line; ``sources`` maps a file to its lines."""
    found = list(diagnostics)
    codes = sorted({d.code for d in found})
    driver = {"name": "leadrules", "semanticVersion": __version__, "rules": _rules(codes)}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(d, codes.index(d.code), sources) for d in found],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False)


def _rules(codes: Sequence[str]) -> list[dict[str, Any]]:
    """Return what is known about the codes; a check brings its page along."""
    known = {c.code: c for c in checks()}
    rules: list[dict[str, Any]] = []
    for code in codes:
        rule: dict[str, Any] = {"id": code}
        check = known.get(code)
        if check is not None:
            rule["shortDescription"] = {"text": check.summary}
            rule["help"] = {"text": page(check), "markdown": page(check)}
            rule["defaultConfiguration"] = {"level": _LEVELS[check.severity]}
        rules.append(rule)
    return rules


def _result(
    diagnostic: Diagnostic, index: int, sources: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    d = diagnostic
    text = f"{d.message}\n{d.hint}" if d.hint and d.hint not in d.message else d.message
    place: dict[str, Any] = {"physicalLocation": _location(d)}
    if d.rule:
        place["logicalLocations"] = [{"name": d.rule}]
    return {
        "ruleId": d.code,
        "ruleIndex": index,
        "level": _LEVELS[d.severity],
        "message": {"text": text},
        "locations": [place],
        "partialFingerprints": {"leadrules/v1": _fingerprint(d, sources)},
    }


def _location(diagnostic: Diagnostic) -> dict[str, Any]:
    s = diagnostic.source
    region = {
        "startLine": s.line,
        "startColumn": s.column,
        "endLine": s.end_line or s.line,
        "endColumn": s.end_column or s.column,
    }
    return {"artifactLocation": {"uri": _uri(s.file)}, "region": region}


def _uri(file: str) -> str:
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _fingerprint(diagnostic: Diagnostic, sources: Mapping[str, Sequence[str]]) -> str:
    """Name a finding so that it is the same one when lines above it come or go."""
    d, lines = diagnostic, sources.get(diagnostic.source.file, ())
    line = lines[d.source.line - 1].strip() if 0 < d.source.line <= len(lines) else ""
    said = "\n".join((d.code, PurePath(d.source.file).name, d.rule or "", line))
    return hashlib.sha256(said.encode()).hexdigest()[:32]
