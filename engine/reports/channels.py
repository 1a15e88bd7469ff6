"""The sources by the tree of catalog.yaml: kinds, whose work they are, and what is free."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from engine.language.label import LANGUAGES, Text, in_language
from engine.language.taxonomy import UNCLASSIFIED, Taxonomy
from engine.reports import outcomes, sources
from engine.reports.asking import Given
from engine.reports.context import Context, figure, number, share_figure, text
from engine.reports.costs import Key
from engine.reports.outcomes import Line, Measured, grouped, together
from engine.reports.shape import Figure, Report, Table, Words

TITLE: Final = Words("渠道", "Channels")
_K = TypeVar("_K")
Path = tuple[str, ...]
_SHARE: Final = number(
    "share", "share", ("占比", "share"), ("线索 / 全部线索", "leads / all leads")
)
_FREE: Final = number(
    "free",
    "count",
    ("免费渠道线索", "free leads"),
    ("不付媒体费的渠道的线索", "leads of kinds where no media is paid for"),
)
_FREE_SHARE: Final = number(
    "free_share",
    "share",
    ("占免费线索", "share of free leads"),
    ("线索 / 免费渠道的全部线索", "leads / the leads of all free kinds"),
)
_NAMED: Final = (
    text("channel", "渠道", "channel"),
    text("kind", "类型", "kind"),
    text("label", "名称", "name"),
)


def build(context: Context) -> Report:
    """Return the report without its head."""
    tree = context.definitions.catalogue.sources
    found = outcomes.measured(context)
    whole, free = found.whole.leads, _free(tree, found.lines)
    kinds, behind = _by(found, _kind), _places(found, _kind)
    by_kind = []
    for path, each in _largest(kinds):
        shares = {"share": (each.leads, whole)}
        if tree.is_free(path):
            shares["free_share"] = (each.leads, free)
        if path != (UNCLASSIFIED,):
            behind[path] = {"placed": "/".join(path)}
        by_kind.append(sources.row(context, _named(context, path), each, behind[path], shares))
    origins = context.definitions.catalogue.fields["source.origin"].called
    of_origin = _places(found, lambda placed: _origin(tree, placed))
    by_origin = [
        sources.row(
            *(context, {"origin": origins[name]}, each, of_origin[name]),
            {"share": (each.leads, whole)},
        )
        for name, each in _largest(_by(found, lambda placed: _origin(tree, placed)))
    ]
    of_free = _places(found, lambda placed: tree.is_free(_kind(placed))).get(True)
    columns = sources.columns_of(context)
    origin = text("origin", "来源性质", "origin")
    tables = [
        Table(
            *("kinds", Words("按渠道类型", "By kind")),
            [*_NAMED, *columns, _SHARE, _FREE_SHARE],
            by_kind,
            None,
            "bar",
        ),
        Table("origins", Words("按来源性质", "By origin"), [origin, *columns, _SHARE], by_origin),
    ]
    return Report("channels", TITLE, "", {}, _figures(context, kinds, free, of_free), tables)


def _figures(
    context: Context, kinds: Mapping[Path, Line], free: int, of_free: dict[str, Given] | None
) -> list[Figure]:
    """Return how many leads came free, and which part of them each free kind brought."""
    tree, link = context.definitions.catalogue.sources, context.question.link
    found = [figure(_FREE, free, None if of_free is None else link(**of_free))]
    for path, each in _largest(kinds):
        if each.leads and tree.is_free(path):
            zh, en = (in_language(tree.label(path), each) for each in LANGUAGES)
            label = f"{zh}占免费线索", f"{en}, share of free leads"
            formula = f"{zh}的线索 / 免费渠道的全部线索", "its leads / those of all free kinds"
            column = number(f"free_share.{path[-1]}", "share", label, formula)
            behind = link(placed="/".join(path))
            found.append(share_figure(column, each.leads, free, behind))
    return found


def _kind(placed: str) -> Path:
    path = tuple(placed.split("/")[:2])
    return (UNCLASSIFIED,) if path[0] in ("", UNCLASSIFIED) else path


def _origin(tree: Taxonomy, placed: str) -> str:
    return tree.origin(placed.split("/")) or UNCLASSIFIED


def _free(tree: Taxonomy, lines: Mapping[Key, Line]) -> int:
    return sum(each.leads for key, each in lines.items() if tree.is_free(_kind(key[2])))


def _by(found: Measured, by: Callable[[str], _K]) -> dict[_K, Line]:
    """Return the lines of each kind or origin, with the costs that name a place and no source."""
    lines = grouped(found.lines, lambda key: by(key[2]))
    for placed, cost in found.shared.items():
        if placed:
            lines[by(placed)] = together([lines.get(by(placed), Line())], cost)
    return lines


def _places(found: Measured, by: Callable[[str], _K]) -> dict[_K, dict[str, Given]]:
    """Return the filter of the leads of each kind or origin: the places that it has."""
    places: dict[_K, list[str]] = {}
    for placed in sorted({key[2] for key in found.lines} | {each for each in found.shared if each}):
        places.setdefault(by(placed), []).append(placed)
    return {name: {"placed_at": some} for name, some in places.items()}


def _named(context: Context, path: Path) -> dict[str, Text | None]:
    kind = path[1] if len(path) > 1 else None
    catalogue = context.definitions.catalogue
    if path[0] == UNCLASSIFIED:
        called = catalogue.fields["source.origin"].called[UNCLASSIFIED]
    else:
        called = catalogue.sources.label(path)
    return {"channel": path[0], "kind": kind, "label": called}


def _largest(lines: Mapping[_K, Line]) -> list[tuple[_K, Line]]:
    return sorted(lines.items(), key=lambda each: (-each[1].leads, str(each[0])))
