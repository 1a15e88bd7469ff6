"""Places in China: official names, usual names, and fields of the type geo."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.language.catalogue import BadValue, Field, convert
from engine.language.load import load_folder
from engine.language.operators import check_operand
from engine.language.places import nearest_place, place, usual_name
from tests.serving import write_config

GEO = Field("place", "geo")


@pytest.mark.parametrize(
    ("said", "official"),
    [
        ("广西", "广西壮族自治区"),
        ("内蒙古", "内蒙古自治区"),
        ("香港", "香港特别行政区"),
        ("苏州", "苏州市"),
        ("苏州市", "苏州市"),
        ("延边", "延边朝鲜族自治州"),
        ("克孜勒苏", "克孜勒苏柯尔克孜自治州"),
        ("海西", "海西蒙古族藏族自治州"),
        ("昆山", "昆山市"),
        ("浦东", "浦东新区"),
        ("海淀区", "海淀区"),
    ],
)
def test_usual_names_stand_for_official_ones(said: str, official: str) -> None:
    """Provinces, cities and districts with or without what they end in, and without peoples."""
    found = place(said)
    assert found is not None
    assert found.name == official


@pytest.mark.parametrize(("said", "official"), [("吉林", "吉林省"), ("朝阳", "朝阳市")])
def test_the_larger_place_of_a_name_counts(said: str, official: str) -> None:
    """A province before a city, a city before a district."""
    found = place(said)
    assert found is not None
    assert found.name == official


def test_a_name_may_belong_to_several_provinces() -> None:
    """There is a 朝阳区 in Beijing and in Jilin."""
    found = place("朝阳区")
    assert found is not None
    assert found.provinces == {"北京市", "吉林省"}


@pytest.mark.parametrize("said", ["纽约", "", "市", "苏洲市", "华东"])
def test_other_names_are_no_places(said: str) -> None:
    """Places abroad, misspelt ones and regions are not in the list."""
    assert place(said) is None


def test_a_misspelt_place_has_a_nearest_one() -> None:
    """One wrong character is found out."""
    assert nearest_place("苏洲市") == "苏州市"
    assert nearest_place("x") is None


def test_a_geo_field_stores_the_official_name() -> None:
    """What is no place in China is refused, and text of another type too."""
    assert convert(GEO, "昆山") == "昆山市"
    with pytest.raises(BadValue, match="'亚特兰蒂斯' is no province, city or district of China"):
        convert(GEO, "亚特兰蒂斯")
    with pytest.raises(BadValue, match="5 is not text"):
        convert(GEO, 5)


def test_a_condition_on_a_place_means_the_place() -> None:
    """Equality goes by the official name; a piece of a name stays a piece."""
    assert check_operand("eq", GEO, "昆山") == "昆山市"
    assert check_operand("in", GEO, ["昆山", "广西"]) == ("昆山市", "广西壮族自治区")
    assert check_operand("starts_with", GEO, "昆") == "昆"
    assert check_operand("contains_any", GEO, ["自治", "特别"]) == ("自治", "特别")


def test_a_misspelt_place_in_a_condition_names_the_nearest(tmp_path: Path) -> None:
    """The finding says which place may have been meant."""
    routing = """
rules:
  - {id: a, when: {lead.branch: 苏洲市}, assign: {pool: public}}
  - {id: rest, assign: {pool: public}}
pools: {public: {}}
"""
    config = write_config(tmp_path, routing=routing)
    (config / "catalog.yaml").write_text("fields: {branch: {type: geo}}", encoding="utf-8")
    (error,) = load_folder(config).diagnostics
    assert error.code == "operand"
    assert error.hint == 'did you mean "苏州市"?'


@pytest.mark.parametrize(
    ("official", "usual"),
    [
        ("上海市", "上海"),
        ("苏州市", "苏州"),
        ("江苏省", "江苏"),
        ("广西壮族自治区", "广西"),
        ("香港特别行政区", "香港"),
        ("延边朝鲜族自治州", "延边"),
        ("锡林郭勒盟", "锡林郭勒"),
        ("浦东新区", "浦东"),
        ("吉林市", "吉林市"),
        ("朝阳区", "朝阳区"),
        ("上海", "上海"),
        ("新加坡市", "新加坡市"),
        ("Singapore", "Singapore"),
        ("市", "市"),
        ("", ""),
    ],
)
def test_places_by_what_people_call_them(official: str, usual: str) -> None:
    """The ending goes unless the name then means another place; other places stay."""
    assert usual_name(official) == usual
    assert usual_name(usual) == usual


def test_a_configuration_may_call_cities_by_either_name(tmp_path: Path) -> None:
    """Conditions, what a step sets and territories are in the form in which leads have them."""
    folder = write_config(
        tmp_path / "config",
        catalog="fields:\n  city: {type: string, label: 所在城市}\n",
        journeys="""journeys:
  - id: east
    enter: {when: {lead.city: {in: [苏州市, 上海]}}}
    steps: [{id: there, set: {fields: {province: 江苏省}}}]
""",
        routing="""teams: {east: {members: [{id: li, cities: [上海市], provinces: [江苏省], industries: [城市]}]}}
rules: [{id: rest, assign: {pool: public}}]
pools: {public: {}}
""",
    )
    found = load_folder(folder).definitions
    assert found is not None
    assert found.catalogue.fields["city"].place
    journey = found.journeys[0]
    assert journey.steps[0].with_["fields"] == {"province": "江苏"}
    assert found.routing.teams["east"].members[0].areas == ("上海", "江苏", "城市")
    assert '("苏州", "上海")' in repr(journey.when).replace("'", '"')
