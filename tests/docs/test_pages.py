"""The pages hang together: links lead somewhere, and each room's page knows its modules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, code, headings, pages, rows, section

ROOMS = sorted(p.stem for p in (DOCS / "rooms").glob("*.md"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
IDS = {"ids": lambda p: p.relative_to(ROOT).as_posix()}


def anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    """Return all anchors of a page."""
    text = page.read_text(encoding="utf-8")
    return {anchor(h) for level in range(1, 5) for h in headings(text, level)}


def room_folder(room: str) -> Path:
    """Return where a room's modules are."""
    return ROOT / room if room == "plugins" else ROOT / "engine" / room


@pytest.mark.parametrize("page", pages(), **IDS)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A link within the repository names a file or folder that exists, and a heading that it has."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        name, _, heading = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name} links to {target}"
        if heading:
            assert heading in anchors(file), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", pages(), **IDS)
def test_tables_are_whole(page: Path) -> None:
    """Each row of a table has as many cells as its head."""
    width = 0
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = len(re.split(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not (width and cells) or cells == width, line
        width = cells


@pytest.mark.parametrize("page", [p for p in pages() if p.parent == DOCS / "rules"], **IDS)
def test_every_page_of_the_rules_is_linked(page: Path) -> None:
    """Each page of the rules can be reached from files.md, which the README links to."""
    if page.name == "files.md":
        return
    text = (DOCS / "rules" / "files.md").read_text(encoding="utf-8")
    assert f"({page.name}" in text


@pytest.mark.parametrize("room", ROOMS)
def test_every_module_has_its_row(room: str) -> None:
    """A room's page lists the room's modules with one line each, and no other.

    A row that names a folder, such as `lint/`, stands for all modules in it; one may name
    several modules that do one thing.
    """
    folder = room_folder(room)
    modules = {p.relative_to(folder).as_posix() for p in folder.rglob("*.py")}
    kept = {
        m for m in modules if not m.endswith("__init__.py") or (folder / m).stat().st_size > 200
    }
    text = (DOCS / "rooms" / f"{room}.md").read_text(encoding="utf-8")
    told = {name for cells in rows(section(text, "Modules")) for name in code(cells[0])}
    whole = tuple(name for name in told if name.endswith("/"))
    assert all((folder / name).is_dir() for name in whole)
    single = {name for name in kept if not name.startswith(whole)}
    assert {name for name in told if name.endswith(".py")} == single


def test_every_room_has_its_page() -> None:
    """architecture.md links to one page for each room, and no room is without."""
    folders = {p.name for p in (ROOT / "engine").iterdir() if (p / "__init__.py").is_file()}
    assert set(ROOMS) == {*folders, "plugins"}
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    assert all(f"(rooms/{room}.md)" in text for room in ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_page_is_short_and_complete(room: str) -> None:
    """A room's page has 40 to 80 lines and says what it promises and how to extend it."""
    text = (DOCS / "rooms" / f"{room}.md").read_text(encoding="utf-8")
    assert 40 <= len(text.splitlines()) <= 80
    assert {"Modules", "Main types and functions", "Promises", "Extending it"} <= set(
        headings(text, 2)
    )


@pytest.mark.parametrize("room", ROOMS)
def test_test_files_that_a_room_names_exist(room: str) -> None:
    """A test file in brackets behind a folder is in that folder."""
    text = re.sub(r"\s+", " ", (DOCS / "rooms" / f"{room}.md").read_text(encoding="utf-8"))
    for folder, named in re.findall(r"\((\.\./\.\./tests/\w+)\) \(([^)]*)\)", text):
        for name in re.findall(r"`(test_\w+\.py)`", named):
            assert (DOCS / "rooms" / folder / name).resolve().is_file(), f"{room}: {name}"


def test_measurements_are_a_table() -> None:
    """Every figure has its date, machine and command."""
    lines = (DOCS / "measurements.md").read_text(encoding="utf-8").splitlines()
    assert "| date | machine | command | figure |" in lines
