"""China's eight regions (大区), by province and by well-known city."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from engine.language.places import place

# Region: its provinces, then cities that forms often name alone.
_TABLE: Final = (
    ("华北", "北京 天津 河北 山西 内蒙古", "石家庄 唐山 保定 廊坊 太原 呼和浩特 包头"),
    ("东北", "辽宁 吉林 黑龙江", "沈阳 大连 鞍山 长春 哈尔滨 大庆"),
    (
        "华东",
        "上海 江苏 浙江 安徽 福建 江西 山东",
        "南京 苏州 无锡 常州 南通 徐州 扬州 昆山 杭州 宁波 温州 绍兴 嘉兴 金华 义乌 台州 湖州 "
        "合肥 芜湖 福州 厦门 泉州 南昌 赣州 济南 青岛 烟台 潍坊 临沂",
    ),
    ("华中", "河南 湖北 湖南", "郑州 洛阳 武汉 宜昌 襄阳 长沙 株洲"),
    ("华南", "广东 广西 海南", "广州 深圳 东莞 佛山 珠海 中山 惠州 汕头 南宁 柳州 桂林 海口 三亚"),
    ("西南", "重庆 四川 贵州 云南 西藏", "成都 绵阳 贵阳 遵义 昆明 大理 拉萨"),
    ("西北", "陕西 甘肃 青海 宁夏 新疆", "西安 咸阳 兰州 西宁 银川 乌鲁木齐"),
    ("港澳台", "香港 澳门 台湾", "台北 高雄 新竹"),
)


def _index(column: int) -> Mapping[str, str]:
    found = {name: row[0] for row in _TABLE for name in row[column].split()}
    return MappingProxyType(found)


_BY_PROVINCE: Final = _index(1)
_BY_CITY: Final = _index(2)


@lru_cache(maxsize=4_096)
def region_of(province: str | None, city: str | None) -> str | None:
    """Return the region of a place, None when it is not known; the province counts first.

    Full names such as 广西壮族自治区 and 苏州市 are understood, and the names of all cities and
    districts that only one region has.
    """
    for name, table in ((province, _BY_PROVINCE), (city, _BY_PROVINCE), (city, _BY_CITY)):
        found = _listed(name, table)
        if found is not None:
            return found
    return _looked_up(city)


def _listed(name: str | None, table: Mapping[str, str]) -> str | None:
    # 内蒙古 and 黑龙江 have three characters, all other names in the table two, three or four.
    for length in (2, 3, 4) if name else ():
        found = table.get((name or "")[:length])
        if found is not None:
            return found
    return None


def _looked_up(city: str | None) -> str | None:
    found = place(city) if city else None
    regions = {_listed(province, _BY_PROVINCE) for province in found.provinces} if found else set()
    return regions.pop() if len(regions) == 1 else None
