"""What is wrong with the settings of a plugin, where it stands, and what may have been meant.

Values are never said: they may be passwords.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema

from engine.language.diagnostic import Source
from engine.language.nearest import nearest
from engine.language.reader import Path


def faults(
    schema: Mapping[str, Any], params: Any, places: Mapping[Path, Source], source: Source
) -> Iterator[tuple[str, Source]]:
    """Yield what ``schema`` finds wrong, each with its place.

    ``places`` are those of keys, by their path in ``params``; ``source`` is that of all of it.
    """
    validator = jsonschema.Draft7Validator(dict(schema))
    found = sorted(validator.iter_errors(params), key=lambda e: [str(p) for p in e.absolute_path])
    said = [(each, tuple(error.absolute_path)) for error in found for each in _said(error)]
    # One error comes for each key that is missing, and each of them names them all.
    for (below, text), path in dict.fromkeys(said):
        yield text, _place(places, (*path, *below), source)


def _place(places: Mapping[Path, Source], path: Path, source: Source) -> Source:
    """Return the place of the path, or of the nearest above it."""
    while path and path not in places:
        path = path[:-1]
    return places.get(path, source)


def _said(error: Any) -> Iterator[tuple[Path, str]]:
    """Yield texts about a ValidationError, each with the key below its place that it is about."""
    where = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        needs = ", ".join(f'"{name}"' for name in missing)
        yield (), f'"{where}" needs {needs}' if where else f"it needs {needs}"
    elif error.validator == "additionalProperties" and error.schema.get("properties"):
        known = error.schema["properties"]
        for name in [name for name in error.instance if name not in known]:
            best = nearest(str(name), known)
            hint = f'did you mean "{best}"?' if best else f"known here: {', '.join(sorted(known))}"
            yield (name,), f'there is no "{name}"; {hint}'
    elif error.validator == "additionalProperties":
        yield (), str(error.message)
    else:
        best = nearest(str(error.instance), _names(error)) if error.validator == "enum" else None
        hint = f'; did you mean "{best}"?' if best else ""
        yield (), f'"{where}" must match {{{error.validator}: {error.validator_value}}}{hint}'


def _names(error: Any) -> list[str]:
    return [each for each in error.validator_value if isinstance(each, str)]
