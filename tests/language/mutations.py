"""Mistakes made at random in a sound configuration."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from engine.language.diagnostic import Diagnostics
from engine.language.operators import OPERATORS
from engine.language.reader import read_document

CONFIG = Path(__file__).parents[2] / "config"
# What the default configuration has no file for; one that it has goes before.
BESIDES = {
    "calendars": {
        "calendars": {
            "展会": {"base": "cn", "hours": ["08:30", "24:00"], "off": ["2026-03-02"]},
            "week": {"zone": "Asia/Shanghai", "days": ["mon", "sat"], "official_until": 2026},
        }
    },
    "intake": {"identity": {"keys": ["phone", "email"]}},
}

Where = tuple[str | int, ...]
Files = dict[str, Any]


def sound() -> Files:
    """Return the plain data of the default configuration, by kind of file."""
    return copy.deepcopy(_sound())


@lru_cache(maxsize=1)
def _sound() -> Files:
    files: Files = copy.deepcopy(BESIDES)
    for path in sorted(CONFIG.glob("*.yaml")):
        document = read_document(path.read_bytes(), path.name, Diagnostics())
        assert document is not None
        files[path.stem] = document.data
    return files


def places(data: Any, path: Where = ()) -> Iterator[Where]:
    """Yield the path of every value but the whole."""
    inner = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in inner:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def kinds_of_places(data: Any) -> list[Where]:
    """Return a path of each kind of value: of the items of a list, the first that has it."""
    found: dict[Where, Where] = {}
    for path in places(data):
        found.setdefault(tuple("*" if isinstance(key, int) else key for key in path), path)
    return list(found.values())


def at(data: Any, path: Where) -> Any:
    """Return the value at a path."""
    for part in path:
        data = data[part]
    return data


def words(files: Files) -> list[str]:
    """Return every text and key of a configuration: what a misplaced value would be."""
    found = set()
    for data in files.values():
        for path in places(data):
            found.add(str(path[-1]))
            value = at(data, path)
            if isinstance(value, str):
                found.add(value)
    return sorted(found)


WORDS = words(sound())
MORE = (*WORDS, "any", "always", "24 working_hours", "9999d", "2026-13-45", "王芳")
GRAMMAR = (
    *WORDS,
    *("all", "any", "not", "use", "count", "sum", "max", "last", "absent", "time"),
    *("event", "where", "when", "within", "for", "of", "field", "between", "days"),
    *("eq", "in", "gte", "rises_to", "matches", "exists", "older_than", "includes"),
)


def one_of(names: Sequence[str]) -> st.SearchStrategy[str]:
    """Draw one of many names; `sampled_from` would list them all wherever it is shown."""
    return st.integers(0, len(names) - 1).map(lambda i: names[i])


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    one_of(MORE),
)
KEYS = st.text(max_size=4) | one_of(GRAMMAR)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


FACTS = st.sampled_from(
    [
        *("lead.industry", "lead.employees", "lead.title_level", "lead.city", "lead.birthday"),
        *("lead.tags", "lead.email.kind", "lead.consent.邮件", "score.total", "score.fit", "grade"),
        *("stage", "owner", "tags", "event.page", "lead.employes", "journey.fast-conversion"),
    ]
)
OPERANDS = st.one_of(SCALARS, st.lists(SCALARS, max_size=2), FACTS.map(lambda f: {"field": f}))
TESTS = st.dictionaries(
    st.sampled_from(sorted({op for ops in OPERATORS.values() for op in ops})), OPERANDS, max_size=2
)
EVENTS = st.one_of(
    st.sampled_from(["page_viewed", "any", "email_opened", "order_placed", "page_veiwed"]),
    st.lists(st.sampled_from(["page_viewed", "order_placed", 7, None]), max_size=2),
    SCALARS,
)
SPANS = st.one_of(st.sampled_from(["7d", "90m", "0d"]), SCALARS)
OVER_TIME = st.fixed_dictionaries(
    {"event": EVENTS},
    optional={
        "where": st.dictionaries(st.sampled_from(["page", "amount", "kind"]), TESTS, max_size=2),
        "of": st.one_of(st.sampled_from(["amount", "page"]), VALUES),
        "within": SPANS,
        "for": SPANS,
        "gte": OPERANDS,
        "lt": OPERANDS,
        "between": OPERANDS,
    },
)
GUARDS = st.fixed_dictionaries(
    {},
    optional={
        "between": st.one_of(st.just(["09:00", "18:00"]), VALUES),
        "days": st.one_of(st.just(["mon", "sun"]), VALUES),
        "calendar": st.one_of(st.sampled_from(["cn", "展会"]), VALUES),
        "zone": st.one_of(st.just("Asia/Tokyo"), VALUES),
    },
)


def _conditions(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw what has the form of a condition, with what is right and wrong in it by turns."""
    parts = {
        **dict.fromkeys(("count", "sum", "max", "last", "absent"), OVER_TIME | VALUES),
        "time": GUARDS | VALUES,
        "not": inner,
        "all": st.lists(inner, max_size=2),
        "any": st.lists(inner, max_size=2),
        "use": st.one_of(st.just("worth-a-call"), VALUES),
    }
    one = st.one_of(*(value.map(lambda v, k=key: {k: v}) for key, value in parts.items()))
    facts = st.dictionaries(FACTS, TESTS | OPERANDS, min_size=1, max_size=2)
    return st.builds(lambda a, b: {**a, **b}, facts, one) | one | facts


CONDITIONS = st.recursive(
    st.dictionaries(FACTS, TESTS | OPERANDS, min_size=1, max_size=2)
    | st.fixed_dictionaries({"time": GUARDS})
    | st.dictionaries(st.sampled_from(["count", "sum", "max", "last", "absent"]), OVER_TIME)
    | VALUES,
    _conditions,
    max_leaves=4,
)


def _remove(holder: Any, key: Any, draw: Any, files: Files) -> None:
    del holder[key]


def _repeat(holder: Any, key: Any, draw: Any, files: Files) -> None:
    if isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[f"{key}x"] = copy.deepcopy(holder[key])


def _retype(holder: Any, key: Any, draw: Any, files: Files) -> None:
    value = holder[key]
    others = [[value], {"id": value}, str(value), None, 0, True, 1.5, {}, [], ""]
    holder[key] = draw(st.sampled_from(others))


def _misspell(holder: Any, key: Any, draw: Any, files: Files) -> None:
    if isinstance(holder, dict):
        letters = [*str(key)]
        letters.insert(draw(st.integers(0, len(letters))), draw(st.sampled_from("xé_. 的")))
        holder["".join(letters)] = holder.pop(key)
    elif isinstance(holder[key], str):
        holder[key] = holder[key][1:]


def _invent(holder: Any, key: Any, draw: Any, files: Files) -> None:
    holder[key] = draw(VALUES)


def _misplace(holder: Any, key: Any, draw: Any, files: Files) -> None:
    """Put what stands anywhere else in its place."""
    data = files[draw(st.sampled_from(sorted(files)))]
    every = [()] if not isinstance(data, dict | list) else [(), *places(data)]
    holder[key] = copy.deepcopy(at(data, every[draw(st.integers(0, len(every) - 1))]))


ASKING = ("when", "where")
CHANGES: tuple[Callable[[Any, Any, Any, Files], None], ...] = (
    *(_remove, _repeat, _retype, _misspell, _invent, _misplace),
)


@st.composite
def mistaken(draw: Any) -> dict[str, str]:
    """Draw the YAML texts of a configuration with one to four mistakes in it."""
    files = sound()
    for _ in range(draw(st.integers(1, 4))):
        every = [(kind, p) for kind, data in files.items() for p in _of(data)]
        kind, path = every[draw(st.integers(0, len(every) - 1))]
        draw(st.sampled_from(CHANGES))(at(files[kind], path[:-1]), path[-1], draw, files)
    return changed(files)


def _of(data: Any) -> Iterator[Where]:
    return places(data) if isinstance(data, dict | list) else iter(())


def changed(files: Files) -> dict[str, str]:
    """Return the texts of all files; of those without a mistake it is kept."""
    same = {kind: data == _sound()[kind] for kind, data in files.items()}
    return {k: _kept()[k] if same[k] else written(data) for k, data in files.items()}


@lru_cache(maxsize=1)
def _kept() -> dict[str, str]:
    return {kind: written(data) for kind, data in _sound().items()}


def written(data: Any) -> str:
    """Return plain data as YAML, on many lines and without aliases."""
    return yaml.dump(data, Dumper=_Plain, allow_unicode=True, sort_keys=False)


class _Plain(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    def ignore_aliases(self, data: Any) -> bool:
        return True


@st.composite
def with_condition(draw: Any) -> dict[str, str]:
    """Draw the YAML texts of a configuration one rule of which has a condition drawn at random."""
    files = sound()
    files["scoring"]["conditions"] = {"worth-a-call": draw(CONDITIONS)}
    asking = [(kind, p) for kind, data in files.items() for p in places(data) if p[-1] in ASKING]
    kind, path = draw(st.sampled_from(asking))
    at(files[kind], path[:-1])[path[-1]] = draw(CONDITIONS)
    return changed(files)


@st.composite
def scrambled(draw: Any) -> dict[str, str]:
    """Draw the YAML texts of a configuration, one of them with an accident in its text."""
    texts = {path.stem: path.read_text("utf-8") for path in sorted(CONFIG.glob("*.yaml"))}
    kind = draw(st.sampled_from(sorted(texts)))
    lines = texts[kind].splitlines(keepends=True)
    number = draw(st.integers(0, len(lines) - 1))
    column = draw(st.integers(0, len(lines[number])))
    line, junk = lines[number], draw(JUNK)
    changed = draw(st.sampled_from(["insert", "cut", "repeat", "drop"]))
    lines[number] = {
        "insert": line[:column] + junk + line[column:],
        "cut": line[:column],
        "repeat": line + line,
        "drop": "",
    }[changed]
    return {**texts, kind: "".join(lines)}


JUNK = st.one_of(
    st.sampled_from(["\t", "{", "}", "[", "]", ":", ": ", "- ", "&a ", "*a", "!!str ", "|", "'"]),
    st.sampled_from(['"', "#", "?", "%", "@", "---\n", "...\n", "<<: *a\n", "\x00", "\x85", "\n"]),
    st.text(max_size=3),
)


def lay(texts: Mapping[str, str], folder: Path) -> None:
    """Write the texts into a folder, beside the default configuration's templates and lists."""
    folder.mkdir()
    for kind, text in texts.items():
        (folder / f"{kind}.yaml").write_text(text, "utf-8", "surrogatepass", newline="")
    for beside in (p for p in CONFIG.iterdir() if p.is_dir() and p.name != "tests"):
        (folder / beside.name).symlink_to(beside)
