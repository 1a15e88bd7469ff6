"""Time zones, and what is said of names that are none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.language.load import load_folder
from engine.language.zones import is_zone, zone_hint

BASE = Path(__file__).parents[1] / "broken" / "_base"


@pytest.mark.parametrize("name", ["Asia/Shanghai", "Asia/Urumqi", "UTC", "America/New_York"])
def test_iana_names_are_zones(name: str) -> None:
    """Whatever the database of time zones names."""
    assert is_zone(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Asia/Shangai", "Asia/Shanghai"),
        ("asia/shanghai", "Asia/Shanghai"),
        ("Shanghai", "Asia/Shanghai"),
        ("Asia/Beijing", "Asia/Shanghai"),
        ("北京", "Asia/Shanghai"),
        ("UTC+8", "Asia/Shanghai"),
        ("+08:00", "Asia/Shanghai"),
        ("new york", "America/New_York"),
        ("Europe/Pars", "Europe/Paris"),
    ],
)
def test_the_nearest_zone_is_named(name: str, meant: str) -> None:
    """Misspelt, in small letters, a city alone, and what people in China write instead."""
    assert not is_zone(name)
    assert is_zone(meant)
    assert zone_hint(name) == f'did you mean "{meant}"?'


@pytest.mark.parametrize("name", ["", "火星", "../../etc/passwd", "\x00", 8, None, ["UTC"]])
def test_what_is_like_no_zone_gets_an_example(name: object) -> None:
    """Nothing is guessed, and no file is read that the name may lead to."""
    assert not is_zone(name)
    assert zone_hint(name) == "write an IANA name such as Asia/Shanghai"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("server", "zone: Asia/Shangai\n"),
        ("calendars", "calendars: {工厂: {zone: Asia/Shangai}}\n"),
        ("catalog", "conditions: {上班: {time: {zone: Asia/Shangai}}}\n"),
    ],
)
def test_every_place_with_a_zone_names_the_nearest(tmp_path: Path, file: str, text: str) -> None:
    """In server.yaml, in a calendar and in a condition alike."""
    folder = Path(shutil.copytree(BASE, tmp_path / "config"))
    path = folder / f"{file}.yaml"
    before = path.read_text("utf-8") if path.is_file() else ""
    path.write_text(before + text, "utf-8")
    [found] = load_folder(folder).diagnostics
    assert found.code == "unknown-zone"
    assert found.message == '"Asia/Shangai" is no time zone; did you mean "Asia/Shanghai"?'
