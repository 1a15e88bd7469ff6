"""What files declare by name, whatever form the rest of it has, and files that nobody reads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.language.nearest import did_you_mean
from engine.language.sections.part import Part


def strangers(
    folder: Path, kinds: Collection[str], aside: Collection[str]
) -> Iterator[tuple[Path, str]]:
    """Yield the YAML files and folders that are not read, each with what to do about it."""
    for path in sorted(folder.iterdir()):
        name = path.name
        other = path.is_dir() and name not in (*kinds, *aside) and any(path.glob("*.yaml"))
        file = path.is_file() and path.suffix in (".yaml", ".yml")
        if other or (file and name not in [f"{kind}.yaml" for kind in kinds]):
            yield path, did_you_mean(path.stem, kinds)
        elif path.is_dir() and name in kinds:
            yield from _beneath(path)
    for path in sorted((folder / "tests").rglob("*.test.yml")):
        yield path, f"call it {path.stem}.yaml"


def _beneath(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".yml":
            yield path, f"call it {path.stem}.yaml"
        elif path.suffix == ".yaml" and path.parent != folder:
            yield path, f"move it into {folder.name}/"


def members(parts: Sequence[Part], key: str) -> list[tuple[str, Part]]:
    """Return (name, part) of what stands under ``key``, in all files."""
    return [member for part in parts for member in part.entries(key)]


def written(found: Iterable[Any]) -> dict[str, list[dict[str, Any]]]:
    """Return what stands under each name of maps, of which one may stand in several files."""
    every: dict[str, list[dict[str, Any]]] = {}
    for data in found:
        for name, value in data.items() if isinstance(data, dict) else ():
            if isinstance(value, dict):
                every.setdefault(name, []).append(value)
    return every


def joined(found: Iterable[dict[str, Any]], key: str) -> Any:
    """Return what maps have under ``key`` as one map or list."""
    values = [value for data in found if (value := data.get(key)) is not None]
    if values and all(isinstance(value, dict) for value in values):
        return {name: each for value in values for name, each in value.items()}
    return [each for value in values if isinstance(value, list) for each in value]


def keys(data: Any) -> Sequence[str]:
    """Return the keys of a map; none of what is no map."""
    return list(data) if isinstance(data, dict) else []


def bands(data: Any) -> list[str]:
    """Return the grades of a model, best first, however they are written."""
    items = data if isinstance(data, list) else []
    found = [i for i in items if isinstance(i, dict) and isinstance(i.get("grade"), str)]
    floors = [b.get("from") if isinstance(b.get("from"), int | float) else 0 for b in found]
    order = sorted(range(len(found)), key=lambda i: -(floors[i] or 0))
    return [found[i]["grade"] for i in order]


def names(data: Any, key: str) -> list[str]:
    """Return the texts under ``key`` in a list of maps."""
    items = data if isinstance(data, list) else []
    return [i[key] for i in items if isinstance(i, dict) and isinstance(i.get(key), str)]
