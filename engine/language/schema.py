"""Check a document's structure against its JSON Schema and say what is wrong in plain words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final

from jsonschema import Draft7Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from engine.language.diagnostic import Diagnostics
from engine.language.instants import TooLong, parse_duration, parse_working
from engine.language.nearest import did_you_mean, nearest
from engine.language.reader import Document, Path
from engine.language.retention import PATTERN, kept_for
from engine.language.schemas import base
from engine.language.schemas.shared import DURATION, KEPT, LENGTH

_WORDS: Final = {
    "object": "a map",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "nothing",
}

_BOUNDS: Final = {
    "minimum": ("less than", "write {} or more"),
    "maximum": ("more than", "write {} or less"),
    "exclusiveMinimum": ("not more than", "write more than {}"),
}
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_KEPT: Final = re.compile(PATTERN)
_SPAN: Final = re.compile(f"{DURATION}|[1-9][0-9]* working_(hours|days)")
_LIMITS: Final = {"minItems": "at least", "maxItems": "at most"}


@lru_cache(maxsize=16)
def _validator(kind: str) -> Draft7Validator:
    formats = FormatChecker(formats=())
    formats.checks(LENGTH, raises=TooLong)(_is_duration)
    formats.checks(KEPT, raises=TooLong)(_is_kept)
    return Draft7Validator(base(kind), format_checker=formats)


def _is_duration(value: object) -> bool:
    """Whether a duration is not too long; what is of another form is said by ``pattern``."""
    if isinstance(value, str) and _SPAN.fullmatch(value) and parse_working(value) is None:
        parse_duration(value)
    return True


def _is_kept(value: object) -> bool:
    if isinstance(value, str) and _KEPT.fullmatch(value):
        kept_for(value)
    return True


def check_structure(document: Document, kind: str, found: Diagnostics) -> frozenset[Path]:
    """Write every structural error to ``found``; return the paths that are wrong."""
    bad: set[Path] = set()
    for error in _validator(kind).iter_errors(document.data):
        for path, say in _findings(error):
            bad.add(path)
            say(document, found)
    return frozenset(bad)


Say = Callable[[Document, Diagnostics], None]


def _findings(error: ValidationError) -> Iterator[tuple[Path, Say]]:
    path: Path = tuple(error.absolute_path)
    schema: Any = error.schema
    value: Any = error.instance
    required: Any = error.validator_value
    if "propertyNames" in error.absolute_schema_path:
        yield (*path, value), _misnamed((*path, value), error)
    elif error.validator == "additionalProperties":
        known = list(schema.get("properties", {}))
        for key in value:
            if key not in known:
                yield (*path, key), _unknown_key((*path, key), key, known)
    elif error.validator == "required":
        for key in required:
            if key not in value:
                yield path, _missing((*path, key), path, key)
    else:
        yield path, _wrong(path, error)


def _unknown_key(path: Path, key: str, known: list[str]) -> Say:
    hint = did_you_mean(key, known)
    if "：" in key:
        hint = 'the colon "：" is a full-width one; write ":" and a blank'

    def say(document: Document, found: Diagnostics) -> None:
        text = f'"{key}" is not known here; {hint}'
        found.error("unknown-key", text, document.key(path), rule=owner(document, path), hint=hint)

    return say


def _missing(path: Path, parent: Path, key: str) -> Say:
    def say(document: Document, found: Diagnostics) -> None:
        found.error(
            "missing-key",
            f"{key}: is missing here",
            document.key(parent),
            rule=owner(document, path),
            hint=f"add {key}:",
        )

    return say


def _misnamed(path: Path, error: ValidationError) -> Say:
    code, text, hint = explain(error)

    def say(document: Document, found: Diagnostics) -> None:
        found.error(code, text, document.key(path), rule=owner(document, path), hint=hint)

    return say


def _wrong(path: Path, error: ValidationError) -> Say:
    code, text, hint = explain(error)

    def say(document: Document, found: Diagnostics) -> None:
        found.error(code, text, document.at(path), rule=owner(document, path), hint=hint)

    return say


def explain(error: ValidationError) -> tuple[str, str, str]:
    """Return the code, the message and the way out."""
    given: Any = error.instance
    value = _show(given)
    wanted: Any = error.validator_value
    schema: Any = error.schema
    described: str = schema.get("description", "")
    if error.validator == "type":
        types = [wanted] if isinstance(wanted, str) else wanted
        words = " or ".join(_WORDS[t] for t in types)
        hint = f"write {words}. {described}".strip()
        if isinstance(given, str) and _NUMBER.fullmatch(given) and {"number", "integer"} & {*types}:
            hint = f"write {given} without quotes"
        return "type", f"{value} is not {words}", hint
    if error.validator == "enum":
        text = f"{value} is none of {', '.join(map(str, wanted))}"
        best = nearest(str(given), map(str, wanted))
        hint = f'did you mean "{best}"?' if best else ""
        return "value", f"{text}; {hint}" if hint else text, hint or "write one of these"
    if error.validator == "format":
        return "duration", str(error.cause), "write a shorter one"
    if error.validator == "pattern":
        return "format", f"{value} does not have the right form", f"write it thus: {described}"
    if error.validator in ("minItems", "maxItems") and given:
        number, limit = len(given), _LIMITS[error.validator]
        return "value", f"{number} given, {limit} {wanted} needed", f"write it thus: {described}"
    if error.validator == "minLength":
        return "empty", "this must not be empty", f"write it thus: {described}"
    if error.validator in ("minItems", "minProperties"):
        return "empty", "this must not be empty", "add at least one entry"
    if error.validator in _BOUNDS:
        text, hint = _BOUNDS[error.validator]
        return "value", f"{value} is {text} {wanted}", hint.format(wanted)
    if error.validator == "uniqueItems":
        return "value", "one of these stands here twice", "remove one of the two"
    return "value", error.message, described or "see the documentation of this key"


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return json.dumps(value, ensure_ascii=False)


def owner(document: Document, path: Path) -> str | None:
    """Return the id of the innermost rule, journey or stage around ``path``."""
    data, name = document.data, None
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            break
        if isinstance(data, dict) and isinstance(data.get("id"), str):
            name = data["id"]
    return name
