"""What plugins add to the catalogue: the same plain data as ``catalog.yaml``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from engine.language.diagnostic import Diagnostics, Source
from engine.language.reader import Document, read_document
from engine.language.schema import check_structure
from engine.language.sections.part import Part


def place(plugin: str) -> str:
    """Return what stands for the file name in findings about a plugin's extension."""
    return f"plugin {plugin}"


def read_extensions(
    extensions: Mapping[str, Mapping[str, Any]], found: Diagnostics
) -> dict[str, Part]:
    """Return each plugin's fields and events as a part, as if it were a file of that name.

    What is not of the form of ``catalog.yaml`` goes to ``found``, named after the plugin.
    """
    parts: dict[str, Part] = {}
    for plugin, data in extensions.items():
        document = _document(plugin, data, found)
        if document is not None:
            bad = check_structure(document, "catalog", found)
            parts[plugin] = Part(document, document.data, (), bad)
    return parts


def _document(plugin: str, data: Any, found: Diagnostics) -> Document | None:
    name = place(plugin)
    try:
        text = json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False)
    except (TypeError, ValueError) as error:
        found.error(
            "bad-extension",
            f'what the plugin "{plugin}" adds to the catalogue is no plain data: {error}',
            Source(name, 1, 1, 1, 1),
            hint="return maps, lists, texts, numbers, true or false from extend_catalogue",
        )
        return None
    return read_document(text.encode("utf-8", "replace"), name, found)
