"""Where leads come from: the tree of sources, touches, and what the report of channels counts.

The requirements that these cite: CAP-2 and CAP-3 (taxonomy), CAP-12 (cost).
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from engine.host.clock import StreamClock
from engine.host.runtime import Runtime
from engine.language.instants import parse_instant
from engine.language.label import in_language
from engine.language.sections.catalog import builtin
from engine.language.taxonomy import ORIGINS
from engine.reports.index import REPORTS
from tests.host.test_merging import deed, event, of, run

CATALOG = """
sources:
  online:
    kinds:
      livestream: {label: {zh: 直播带货, en: Live streams}, origin: internal, free: true, names: [视频号]}
      sem: {names: [神马]}
"""
REPORTS_YAML = """
rates: {USD: 7}
costs:
  - {kind: sem, from: 2026-03-01, to: 2026-03-10, amount: 3000}
  - {source: 百度SEM, per_lead: 150}
  - {kind: offline/expo, from: 2026-03-01, to: 2026-03-02, amount: 200, currency: USD}
cost_files: [costs/march.csv]
"""
CSV = '来源,金额,开始,结束,名称\n知乎白皮书,"1,200",2026-03-01,2026-03-01,投放\n'
NAMED = {
    "internal": ("官网注册表单", "白皮书", "线上研讨会报名", "电商平台咨询"),
    "external": ("展会/活动留资", "合作伙伴推荐", "行业社群", "搜索引擎关键词广告"),
    "conversion": ("老客户转介绍", "售后升级需求"),
}
ONLINE = {
    "website": ("官方网站", "联系我们表单", "在线咨询", "产品试用申请", "价格咨询"),
    "sem": ("SEM", "百度SEM", "搜狗SEM"),
    "social": ("社交媒体", "微信公众号", "抖音", "知乎"),
    "content": ("内容营销", "白皮书", "行业报告", "案例集", "webinar"),
    "email": ("电子邮件营销",),
    "partner": ("第三方平台/合作伙伴",),
}
OFFLINE = {
    "expo": ("展会", "峰会", "名片", "二维码", "登记表"),
    "seminar": ("研讨会", "沙龙", "签到表"),
    "store": ("门店", "服务中心"),
    "outbound": ("销售自主开发",),
    "referral": ("客户推荐",),
}


@pytest.mark.parametrize("origin", ORIGINS)
def test_the_words_of_cap_2(origin: str) -> None:
    """CAP-2: each source that it lists is internal, external or conversion, as it says."""
    tree = builtin().sources
    for name in NAMED[origin]:
        assert tree.placed({"source.name": name})["source.origin"] == origin, name


def test_the_words_of_cap_3() -> None:
    """CAP-3: each channel that it lists is online or offline, of its kind, by name or category."""
    tree = builtin().sources
    for channel, kinds in (("online", ONLINE), ("offline", OFFLINE)):
        for kind, names in kinds.items():
            for name in names:
                for field in ("source.name", "source.category"):
                    assert tree.place({field: name})[:2] == (channel, kind), name


def test_every_node_has_a_label_in_both_languages() -> None:
    """CAP-2, CAP-3: what is built in reads in Chinese and in English."""
    for node in builtin().sources.nodes.values():
        assert in_language(node.label, "zh"), node.path
        assert in_language(node.label, "en") != in_language(node.label, "zh"), node.path


@pytest.mark.parametrize(
    ("said", "channel", "place"),
    [
        ({"utm_source": "baidu", "utm_medium": "cpc"}, "form", "online/sem/baidu"),
        ({"utm_source": "baidu", "utm_medium": "organic"}, "form", "online/seo/baidu_search"),
        ({"referrer": "https://www.baidu.com/link?url=x"}, "form", "online/seo/baidu_search"),
        ({"utm_source": "zhihu_crm_whitepaper"}, "form", "online/social/zhihu"),
        ({"click_id": "gclid:abc"}, "form", "online/sem/google"),
        ({"name": "2026华东工业展", "category": "ＥＸＰＯ"}, "form", "offline/expo"),
        ({"code": "k3x"}, "wecom", "online/social/wecom"),
        ({"name": "从未听说"}, "form", ""),
        ({}, "typeform", "online/partner/form_service"),
    ],
)
def test_what_is_said_finds_its_place(said: dict[str, str], channel: str, place: str) -> None:
    """The more telling of two clues counts, the other one makes it more exact; a name that
    nobody knows is not guessed at from the way it came in.
    """
    facts = {f"source.{name}": value for name, value in said.items()}
    assert "/".join(builtin().sources.place(facts, channel)) == place


def configured(folder: Path) -> Path:
    """Write what sources there are and what they cost."""
    (folder / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
    (folder / "reports.yaml").write_text(REPORTS_YAML, encoding="utf-8")
    (folder / "costs").mkdir()
    (folder / "costs" / "march.csv").write_text(CSV, encoding="utf-8")
    return folder


PERSON = {"phone": "13800138000", "name": "王芳"}
AD = {"name": "百度SEM", "utm_medium": "cpc", "utm_term": "阀门", "utm_campaign": "春季"}


def touched(id: str, minute: int, who: dict[str, Any], **source: str) -> dict[str, Any]:
    """Return a form that says where somebody comes from."""
    return event(id, "form_submitted", minute, {**who, "source": source}, form="询价")


def test_first_last_and_each_touch(folder: Path) -> None:
    """CAP-2: the first and the latest touch are facts, each as a whole, in whatever order they
    come; every touch is in the log with its place, and an unknown source is kept, unclassified.
    """

    async def use(runtime: Runtime) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        await runtime.submit([touched("b", 20, PERSON, **AD)])
        await runtime.submit([touched("a", 10, PERSON, category="展会", name="工博会")])
        (last,) = await runtime.submit([touched("c", 30, PERSON, name="从未听说")])
        await runtime.submit([event("d", "page_viewed", 40, PERSON, page="pricing")])
        log = runtime.reader.timeline(last.lead or "", 50)
        return of(runtime, last.lead)["fields"], log.items

    fields, log = run(configured(folder), use)
    assert fields["first_touch.channel"] == "offline"
    assert fields["first_touch.kind"] == "expo"
    assert fields["first_touch.name"] == "工博会"
    assert fields["first_touch.at"] == "2026-03-02T01:10:00Z"
    assert fields["first_touch.form"] == "询价"
    assert fields["last_touch.name"] == "从未听说"
    assert fields["last_touch.channel"] == "unclassified"
    assert "last_touch.utm_term" not in fields
    assert fields["source.name"] == "从未听说"
    assert fields["source.channel"] == "unclassified"
    assert "source.detail" not in fields
    placed = {item["id"]: item["lead"].get("source.kind") for item in log if "lead" in item}
    assert {n: placed.get(n) for n in "abcd"} == {
        "a": "expo", "b": "sem", "c": "unclassified", "d": None,
    }  # fmt: skip


def test_touches_of_two_that_are_one(folder: Path) -> None:
    """A merge keeps the earlier first touch and the later last one; parting gives back each's."""

    async def use(runtime: Runtime) -> tuple[dict[str, Any], dict[str, Any]]:
        (one,) = await runtime.submit([touched("a", 20, PERSON, **AD)])
        (two,) = await runtime.submit([touched("b", 10, {"email": "w@acme.cn"}, name="知乎")])
        assert one.lead
        assert two.lead
        await runtime.submit_event(deed("lead_merged", two.lead), one.lead)
        whole = of(runtime, one.lead)["fields"]
        await runtime.submit_event(deed("lead_unmerged", two.lead), one.lead)
        return whole, of(runtime, one.lead)["fields"]

    whole, parted = run(configured(folder), use)
    assert whole["first_touch.detail"] == "zhihu"
    assert "first_touch.utm_term" not in whole
    assert whole["last_touch.detail"] == "baidu"
    assert parted["first_touch.detail"] == "baidu"


def test_who_is_forgotten_leaves_no_touch(folder: Path) -> None:
    """Nothing of a touch is left of a person but the count of its kind."""

    async def use(runtime: Runtime) -> Any:
        (one,) = await runtime.submit([touched("a", 20, PERSON, **AD)])
        await runtime.forget(one.lead or "")
        return REPORTS["channels"](runtime.reader, runtime.ruleset, {"period": "all"}, 0)

    async def whole() -> Any:
        runtime = Runtime(configured(folder), folder.parent / "leads.db", StreamClock(), environ={})
        assert runtime.load() == []
        runtime.start()
        try:
            return await use(runtime)
        finally:
            await runtime.stop()

    report = asyncio.run(whole())
    assert [row.cells["leads"] for row in report.tables[0].rows if row.cells["kind"] == "sem"] == [
        1
    ]
    database = sqlite3.connect(folder.parent / "leads.db")
    assert "阀门" not in "\n".join(database.iterdump())


def test_costs_and_shares_by_kind(folder: Path) -> None:
    """CAP-12: cost per lead, CAC and ROI by kind, of what YAML and a CSV file declare, in another
    currency too; and the share of each free kind, such as SEO with 45 % of the free leads.
    """
    came = [
        *[{"utm_source": "baidu", "utm_medium": "organic"}] * 9,
        *[{"category": "livestream", "name": "视频号"}] * 5,
        *[{"category": "客户推荐"}] * 6,
        *[{"name": "百度SEM"}] * 10,
        *[{"category": "展会", "name": "工博会"}] * 4,
        *[{"name": "知乎白皮书"}] * 2,
    ]

    async def use(runtime: Runtime) -> Any:
        for n, source in enumerate(came):
            who = {"phone": f"138001380{n:02}"}
            await runtime.submit([touched(f"e{n}", 10, who, **source)])
        query = {"from": "2026-03-01", "to": "2026-03-31"}
        now = parse_instant("2026-04-01T09:00:00+08:00")
        return REPORTS["channels"](runtime.reader, runtime.ruleset, query, now)

    report = run(configured(folder), use)
    kinds = {row.cells["kind"]: row for row in report.tables[0].rows}
    assert kinds["seo"].cells["free_share"] == 0.45
    figures = {figure.key: figure.value for figure in report.figures}
    assert figures["free"] == 20
    assert figures["free_share.seo"] == 0.45
    assert figures["free_share.livestream"] == 0.25
    assert kinds["sem"].cells["cost"] == 3000 + 10 * 150
    assert kinds["sem"].cells["cost_per_lead"] == 450
    assert kinds["expo"].cells["cost"] == 1400
    assert kinds["expo"].cells["roi"] == -1.0
    assert kinds["social"].cells["cost_per_lead"] == 600
    assert kinds["seo"].cells["cost"] is None
    origins = {row.cells["origin"]: row.cells["leads"] for row in report.tables[1].rows}
    assert origins == {"内部": 16, "外部": 14, "转化": 6}
