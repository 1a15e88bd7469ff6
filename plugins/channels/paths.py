"""JSON by dotted paths, as settings name what stands in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Tree:
    """JSON, looked up by dotted paths such as ``address.city`` or ``items.0.sku``."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def get(self, name: str, /) -> Any:
        """Return what stands at a path; a key that itself has dots comes first."""
        found = self._data
        if isinstance(found, Mapping) and name in found:
            return found[name]
        for part in name.split(".")[:32]:
            if isinstance(found, Mapping):
                found = found.get(part)
            elif isinstance(found, list) and part.isascii() and part.isdecimal():
                found = found[int(part)] if len(part) < 6 and int(part) < len(found) else None
            else:
                return None
        return found

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield what stands at the top and is no map: those are reached by their paths."""
        if isinstance(self._data, Mapping):
            yield from ((k, v) for k, v in self._data.items() if not isinstance(v, Mapping))


def mapped(data: Any) -> Mapping[str, Any]:
    """Return a map as it is; an empty one instead of anything else."""
    return data if isinstance(data, Mapping) else {}


def listed(data: Any) -> list[Any]:
    """Return a list as it is; an empty one instead of anything else."""
    return data if isinstance(data, list) else []
