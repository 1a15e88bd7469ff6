"""The tree of sources: what catalog.yaml adds to it, and what a source that is said falls in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.language.label import in_language
from engine.language.load import Loaded, load_folder
from engine.language.taxonomy import UNCLASSIFIED, Taxonomy
from tests.play import BASE

OWN = """
sources:
  online:
    kinds:
      livestream: {label: 直播带货, free: true, names: [视频号], events: [video_watched]}
      sem: {label: 竞价广告, names: [神马]}
  集市: {label: {en: Fair}}
"""


def loaded(folder: Path, text: str) -> Loaded:
    """Return a small configuration with this catalog.yaml, as it is read."""
    shutil.copytree(BASE, folder, dirs_exist_ok=True)
    (folder / "catalog.yaml").write_text(text, encoding="utf-8")
    return load_folder(folder)


@pytest.fixture
def tree(tmp_path: Path) -> Taxonomy:
    """The built-in tree with two kinds and a channel more."""
    found = loaded(tmp_path, OWN)
    assert found.definitions is not None, found.diagnostics
    return found.definitions.catalogue.sources


def test_what_is_said_again_is_added_to(tree: Taxonomy) -> None:
    """A new label counts, old names do still; ids and labels are told in the languages that there are."""
    assert tree.nodes["online", "sem"].label == "竞价广告"
    for name in ("神马", "SEM"):
        assert tree.named(name)[0] == ("online", "sem")
    assert tree.label(("online", "livestream")) == "直播带货"
    assert in_language(tree.label(("集市",)), "zh") == "Fair"
    assert in_language(tree.label(("online", "website")), "en") == "Website"
    assert tree.label(("没有",)) == "没有"
    assert "livestream" in tree.level(1)
    assert tree.is_free(("online", "livestream"))
    assert not tree.is_free(("没有",))


@pytest.mark.parametrize(
    ("said", "channel", "event", "path"),
    [
        ({"source.utm_source": "zhihu_crm_whitepaper"}, "", "", "zhihu"),
        ({"source.click_id": "bd_vid:88"}, "", "", "baidu"),
        ({"source.referrer": "https://u@www.baidu.com:443/s?wd=阀门"}, "", "", "baidu_search"),
        ({"source.utm_source": "baidu", "source.utm_medium": "cpc"}, "", "", "baidu"),
        ({"source.utm_medium": "cpc"}, "", "", "sem"),
        ({}, "", "video_watched", "livestream"),
        ({"source.name": "谁也不知道"}, "", "video_watched", None),
        ({"source.referrer": "不是地址"}, "", "", None),
    ],
)
def test_what_is_said_falls_in_its_place(
    tree: Taxonomy, said: dict[str, str], channel: str, event: str, path: str | None
) -> None:
    """The most telling word places it; a name that nobody knows is not guessed around."""
    found = tree.place(said, channel, event)
    assert (found[-1] if found else None) == path
    placed = tree.placed(said, channel, event)
    assert (placed["source.channel"] == UNCLASSIFIED) is (path is None)


def test_an_event_that_there_is_not_is_told_at_its_place(tmp_path: Path) -> None:
    """With the nearest one that there is."""
    found = loaded(tmp_path, OWN.replace("video_watched", "video_watch"))
    (told,) = found.diagnostics
    assert (told.code, told.source.line) == ("unknown-event", 5)
    assert "video_watched" in (told.hint or "")
