"""Configurations to lint: the sound one in ``_base`` with other files laid over it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.language.instants import parse_instant
from engine.language.lint.registry import Check
from engine.language.lint.running import Linted, lint
from engine.language.load import load_folder
from engine.language.schemas.modeline import modeline_text

HERE = Path(__file__).parent
# A day for which no calendar has official data.
NOW = parse_instant("2032-03-01T09:00:00+08:00")
_BLOCK = re.compile(r"^## (\w+)|^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"(?:#|<!--) (\S+?\.\w+)\b")


class Example(msgspec.Struct, frozen=True):
    """One of a page's examples: "Bad" or "Good", and its files by name."""

    title: str
    files: dict[str, str]


def examples(check: Check) -> Iterator[Example]:
    """Yield the examples of a check's page."""
    found: dict[str, dict[str, str]] = {}
    title = ""
    for heading, language, text in _BLOCK.findall(check.page):
        if heading:
            title = heading
        elif language in ("yaml", "html"):
            name = _FILE.match(text)
            assert name, f"{check.code}: an example does not say which file it is: {text}"
            found.setdefault(title, {})[name[1]] = text
    yield from (Example(title, files) for title, files in found.items())


def lay(files: dict[str, str], folder: Path) -> Path:
    """Write the base configuration with ``files`` over it.

    Where one of them names its schema, the base does so too.
    """
    shutil.copytree(HERE / "_base", folder)
    if any("# yaml-language-server" in text for text in files.values()):
        for base in folder.glob("*.yaml"):
            line = modeline_text(f"../schemas/{base.stem}.schema.json")
            base.write_text(f"{line}\n{base.read_text('utf-8')}", "utf-8")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def texts(folder: Path) -> dict[str, str]:
    """Return the files that a case lays over the base, by name."""
    files = [p for p in folder.rglob("*") if p.is_file() and p.name != "expected.txt"]
    return {
        p.relative_to(folder).as_posix(): p.read_text("utf-8")
        for p in files
        if folder / "fixed" not in p.parents
    }


def linted(folder: Path, now: int = NOW) -> Linted:
    """Lint a folder, which must load."""
    loaded = load_folder(folder)
    assert loaded.definitions is not None, [f"{d.source} {d.message}" for d in loaded.diagnostics]
    templates = {
        str(p): p.read_text("utf-8").splitlines()
        for p in sorted((folder / "templates").rglob("*"))
        if p.is_file()
    }
    return lint(loaded, loaded.definitions, now, templates)


def shown(found: Linted, folder: Path) -> list[str]:
    """Return the findings as expected.txt writes them."""
    return [
        f"{os.path.relpath(d.source.file, folder)}:{d.source.line}:{d.source.column} {d.code}"
        for d in found.diagnostics
    ]
