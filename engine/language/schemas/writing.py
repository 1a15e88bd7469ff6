"""Schemas as files: their text, and the folder in which editors look for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from engine.language.schemas.assembly import KINDS
from engine.language.schemas.forms import Schema
from engine.language.schemas.modeline import Modeline, find_modeline

SUFFIX: Final = ".schema.json"


def as_text(schema: Schema) -> str:
    """Return a schema as JSON, one definition a line, so that changes can be read."""
    parts = [f"  {_json(key)}: {_value(key, value)}" for key, value in schema.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _value(key: str, value: Any) -> str:
    if key not in ("properties", "definitions"):
        return _json(value)
    lines = [f"    {_json(name)}: {_json(each)}" for name, each in value.items()]
    return "{\n" + ",\n".join(lines) + "\n  }"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def texts(schemas: Mapping[str, Schema]) -> dict[str, str]:
    """Return the text of each schema by its file name."""
    return {f"{kind}{SUFFIX}": as_text(schema) for kind, schema in schemas.items()}


def expected_folder(folder: Path) -> Path:
    """Return where the modelines in ``folder`` point; ``schemas`` beside it without any."""
    for kind in KINDS:
        for file in (folder / f"{kind}.yaml", *sorted((folder / kind).glob("*.yaml"))):
            found = _modeline(file)
            if found is not None and found.is_relative:
                return (file.parent / found.target).resolve().parent
    return folder.resolve().parent / "schemas"


def modeline(file: Path) -> str | None:
    """Return the schema that the comments at the top of a file name."""
    found = _modeline(file)
    return found.target if found is not None else None


def _modeline(file: Path) -> Modeline | None:
    if not file.is_file():
        return None
    return find_modeline(file.read_text("utf-8", "replace").splitlines())
