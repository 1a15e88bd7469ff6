"""What each column means: by its heading, or as people say."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from engine.cli.table.problems import BadSheet
from engine.language.catalogue import Catalogue, Field
from engine.language.label import texts_of
from engine.language.nearest import did_you_mean

AT: Final = "at"
ID: Final = "id"
SKIP: Final = "skip"
DEFAULT_EVENT: Final = "note_added"
# What people write above a column, beside the catalogue's names and labels.
_HEADINGS: Final[Mapping[str, str]] = {
    "name": "联系人 联系人姓名 客户姓名 名字 称呼 fullname contact contactname",
    "phone": "手机号 手机号码 电话 联系电话 电话号码 联系方式 移动电话 "
    "mobile tel telephone phonenumber",
    "email": "电子邮箱 电子邮件 邮箱地址 邮件 mail emailaddress",
    "company": "公司名称 企业 企业名称 单位 单位名称 客户名称 "
    "companyname organization organisation",
    "title": "职务 岗位 jobtitle position",
    "industry": "所属行业 所在行业",
    "employees": "公司规模 员工人数 人数 规模 companysize",
    "province": "省 所在省份",
    "city": "所在城市",
    "address": "详细地址 联系地址 通讯地址",
    "amount": "金额 预计金额",
    "need": "需求描述 需求痛点 需求标签 留言 message",
    "source.name": "线索来源 渠道 来源渠道 source leadsource",
    AT: "时间 日期 创建时间 创建日期 登记时间 提交时间 date time createdat",
}


class Target(msgspec.Struct, frozen=True):
    """What a column's cells become.

    ``kind`` is field, property, at, id or skip; ``values`` say what certain cells mean, such
    as {总监: director}; ``dates`` is how dates are written (strftime).
    """

    kind: str
    field: Field | None = None
    dates: str | None = None
    values: Mapping[str, Any] = {}

    @property
    def shown(self) -> str:
        """What people read."""
        if self.kind == "property" and self.field is not None:
            return f"event.{self.field.name}"
        return self.field.name if self.field is not None else self.kind


class Columns:
    """Finds what headings mean, by one catalogue and the properties of one event type."""

    def __init__(self, catalogue: Catalogue, event: str = DEFAULT_EVENT) -> None:
        self._fields = {
            name: field
            for name, field in catalogue.fields.items()
            if not field.derived and field.type != "consent"
        }
        self._properties = catalogue.events[event].properties
        self._known = dict(self._headings())

    def _headings(self) -> Iterator[tuple[str, Target]]:
        at = Target(AT, Field(AT, "datetime"))
        targets = {name: Target("field", field) for name, field in self._fields.items()}
        targets[AT] = at
        for name, heading in _HEADINGS.items():
            if name in targets:
                yield from ((_plain(word), targets[name]) for word in heading.split())
        for name, target in targets.items():
            labels = texts_of(target.field.label) if target.field else ()
            yield from ((_plain(text), target) for text in (name, *labels))

    def named(self, name: str) -> Target | None:
        """Return what people mean by the name of a field, a property, ``at``, ``id`` or skip."""
        if name in ("", SKIP):
            return Target(SKIP)
        if name == ID:
            return Target(ID, Field(ID, "string"))
        if name.startswith("event."):
            field = self._properties.get(name.removeprefix("event."))
            return Target("property", field) if field is not None else None
        if name.startswith("consent."):
            return Target("field", Field(name, "consent"))
        return self._known.get(_plain(name))

    def names(self) -> list[str]:
        """Return every name that a column can be given."""
        properties = [f"event.{name}" for name in self._properties]
        return [*self._fields, *properties, AT, ID, SKIP]

    def assign(self, headings: Sequence[str], given: Mapping[str, Target]) -> dict[str, Target]:
        """Return what each heading means; ``given`` is what people said. Raises BadSheet.

        A heading that stands twice fills in where the first one is empty.
        """
        for heading in given:
            if heading not in headings:
                hint = did_you_mean(heading, headings)
                raise BadSheet(f'there is no column "{heading}"; {hint}')
        found: dict[str, Target] = {}
        unknown: list[str] = []
        for heading in headings:
            twin = re.sub(r" \(\d+\)$", "", heading)
            target = given.get(heading) or found.get(twin) or self._known.get(_plain(heading))
            if target is None:
                unknown.append(f'"{heading}" ({did_you_mean(heading, self._known)})')
                continue
            self._refuse_twins(heading, target, found)
            found[heading] = target
        if unknown:
            raise BadSheet(
                f"nobody knows the column {', '.join(unknown)}; say --map COLUMN=FIELD, "
                "or --map COLUMN= to leave it out"
            )
        return found

    def _refuse_twins(self, heading: str, target: Target, found: Mapping[str, Target]) -> None:
        if target.kind == SKIP:
            return
        for other, known in found.items():
            same = known.shown == target.shown
            if same and re.sub(r" \(\d+\)$", "", heading) != re.sub(r" \(\d+\)$", "", other):
                raise BadSheet(
                    f'"{other}" and "{heading}" both mean {target.shown}; use --map "{other}="'
                )


def _plain(heading: str) -> str:
    """Return a heading without what people vary: width, case, spaces, marks of a required cell."""
    text = unicodedata.normalize("NFKC", heading).casefold()
    return re.sub(r"[\s_*:()-]|必填|选填", "", text)
