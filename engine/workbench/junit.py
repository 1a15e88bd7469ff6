"""Results as JUnit XML, which every CI server shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from xml.etree import ElementTree

import msgspec

from engine.language.diagnostic import Diagnostic

# What XML 1.0 cannot hold.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a CI server's table: passed when ``failure`` is empty.

    ``note`` is text to show with one that passed; ``kind`` says what sort of failure it is.
    """

    group: str
    name: str
    failure: str = ""
    kind: str = ""
    note: str = ""


def as_junit(name: str, outcomes: Iterable[Outcome]) -> str:
    """Return a JUnit document with one suite for each group, in the order in which they come."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.group, []).append(outcome)
    root = ElementTree.Element("testsuites", _counts(name, [o for g in groups.values() for o in g]))
    for group, members in groups.items():
        suite = ElementTree.SubElement(root, "testsuite", _counts(group, members))
        for outcome in members:
            _case(suite, outcome)
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'


def outcomes_of(
    diagnostics: Iterable[Diagnostic], files: Sequence[str], failing: frozenset[str]
) -> Iterator[Outcome]:
    """Yield an outcome for each finding, and one for each file without any.

    Findings whose severity is not in ``failing`` have passed, with a note.
    """
    found = list(diagnostics)
    for d in found:
        text = f"{d.source}: {d.severity}[{d.code}] {d.message}"
        text = f"{text}\n{d.hint}" if d.hint else text
        place = f"{d.code} at {d.source.line}:{d.source.column}"
        fails = d.severity in failing
        yield Outcome(
            group=d.source.file,
            name=place,
            failure=text if fails else "",
            kind=d.code if fails else "",
            note="" if fails else text,
        )
    for file in files:
        if all(d.source.file != file for d in found):
            yield Outcome(group=file, name="no findings")


def _counts(name: str, outcomes: Sequence[Outcome]) -> dict[str, str]:
    failures = sum(bool(o.failure) for o in outcomes)
    return {
        "name": _clean(name),
        "tests": str(len(outcomes)),
        "failures": str(failures),
        "errors": "0",
        "skipped": "0",
    }


def _case(suite: ElementTree.Element, outcome: Outcome) -> None:
    names = {"classname": _clean(outcome.group), "name": _clean(outcome.name)}
    case = ElementTree.SubElement(suite, "testcase", names)
    if outcome.failure:
        first = _clean(outcome.failure).splitlines()[0]
        details = {"type": _clean(outcome.kind), "message": first}
        ElementTree.SubElement(case, "failure", details).text = _clean(outcome.failure)
    elif outcome.note:
        ElementTree.SubElement(case, "system-out").text = _clean(outcome.note)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("�", text)
