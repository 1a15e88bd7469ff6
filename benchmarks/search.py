"""Finding leads among many: two characters of a name or company, e-mail and telephone.

    python -m benchmarks.search [--leads 1000000]

Fills a database with leads of made-up people and companies through the store's own commit path,
in transactions of 1,000, and says what the search index adds to writing; then asks for two
characters that are rare, usual and everywhere, for words, addresses and numbers, and walks
lists to their last pages.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import _root  # noqa: F401 - before the engine

from engine.machines.state import Lead
from engine.store import search, writing
from engine.store.database import Store
from engine.store.reading import Reader
from engine.store.writing import Rows, write_leads

SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅建国文辉志鹏飞雪琴云莲"
CITIES = "北京 上海 深圳 广州 杭州 苏州 南京 成都 武汉 重庆 天津 西安 宁波 无锡 佛山 青岛".split()
STEMS = "金泰 华瑞 鼎盛 恒远 天合 博雅 中科 联创 瑞丰 宏图 启明 海纳 正阳 东方".split()
TRADES = "阀门 机械 精密 电子 医疗 软件 物流 纺织 化工 新能源 生物 环保 食品 建材 汽配".split()
ENDS = "有限公司 科技有限公司 集团股份有限公司 贸易有限公司".split()
BATCH = 1_000


def leads(count: int, chance: random.Random) -> Iterator[tuple[Lead, tuple[tuple[str, str], ...]]]:
    for n in range(count):
        name = chance.choice(SURNAMES) + "".join(chance.sample(GIVEN, chance.choice((1, 2, 2))))
        company = "".join(map(chance.choice, (CITIES, STEMS, TRADES, ENDS)))
        if n % 50_000 == 7:
            company = f"龘靐{company}"
        phone = f"+861{'3578'[n % 4]}{n * 700_000_001 % 10**9:09}"
        email = f"user{n}@{chance.choice(['qq.com', '163.com', f'acme{n % 997}.cn'])}"
        facts = {
            "lead.name": name, "lead.company": company, "lead.email": email, "lead.phone": phone,
            "score.default.total": chance.randrange(100), "grade": chance.choice("ABCD"),
            "stage": "new", "owner": f"sales{n % 500}" if n % 3 else None,
        }  # fmt: skip
        id = f"{n * 7919 % 2**32:08x}-0000-7000-8000-{n:012x}"
        yield (
            Lead(id, n, n + chance.randrange(count), facts={k: v for k, v in facts.items() if v}),
            (("email", email), ("phone", phone)),
        )


def fill(path: Path, count: int) -> float:
    """Write all leads; returns leads per second."""
    store = Store(path)
    begun = time.perf_counter()
    batch: list[Lead] = []
    rows = Rows()

    def flush() -> None:
        nonlocal rows
        with store.transaction() as connection:
            rows.write(connection)
            write_leads(connection, batch, {}, "default", rows.linked)
        batch.clear()
        rows = Rows()

    for lead, identities in leads(count, random.Random(7)):
        batch.append(lead)
        rows.link(identities, lead.id)
        if len(batch) == BATCH:
            flush()
    flush()
    store.close()
    return count / (time.perf_counter() - begun)


def timed(ask: Callable[[], Any], times: int = 15) -> tuple[float, float, Any]:
    """Return (median ms, worst ms, answer)."""
    took, answer = [], None
    for _ in range(times):
        begun = time.perf_counter()
        answer = ask()
        took.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(took), max(took), answer


QUESTIONS: dict[str, dict[str, Any]] = {
    "two characters, rare": {"text": "龘靐"},
    "two characters, a name": {"text": "王芳"},
    "two characters, a trade": {"text": "阀门"},
    "two characters, everywhere": {"text": "公司"},
    "two characters, nowhere": {"text": "鑫森"},
    "one character": {"text": "龘"},
    "one character, everywhere": {"text": "司"},
    "six characters": {"text": "苏州金泰阀门"},
    "two words": {"text": "王 阀门"},
    "rare, by score": {"text": "龘靐", "sort": "score"},
    "a trade, by score": {"text": "阀门", "sort": "score"},
    "everywhere, one owner": {"text": "公司", "filters": {"owner": "sales7"}},
    "everywhere, one grade": {"text": "公司", "filters": {"grade": "A"}},
    "e-mail address": {"text": "user4711@"},
    "e-mail, a part": {"text": "acme42"},
    "telephone, whole": {"text": "13800138000"},
    "telephone, first three": {"text": "138"},
    "telephone, first four": {"text": "1380"},
    "telephone, last four": {"text": "8000"},
    "lead id, first eight": {"text": "00001eef-"},
    "no text, by update": {},
    "no text, by score": {"sort": "score"},
}


def deep(reader: Reader, pages: int, **asked: Any) -> float:
    """Return the ms that the last of many pages takes."""
    cursor = None
    for _ in range(pages):
        page = reader.leads(limit=200, cursor=cursor, **asked)
        cursor = page.next
    return timed(lambda: reader.leads(limit=50, cursor=cursor, **asked))[0]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--leads", type=int, default=1_000_000)
    options.add_argument("--db", type=Path)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures: dict[str, Any] = {"leads": given.leads}
        path = given.db or Path(folder) / "leads.db"
        if not path.exists():
            few = min(given.leads, 50_000)
            figures["write_per_s"] = round(fill(Path(folder) / "with.db", few))
            kept, search.refresh = search.refresh, lambda *given: None
            assert writing.search is search
            figures["write_per_s_without_search"] = round(fill(Path(folder) / "without.db", few))
            search.refresh = kept
            figures["write_per_s_all"] = round(fill(path, given.leads))
        figures["size_mb"] = round(path.stat().st_size / 1e6)
        reader = Reader(path)
        print(f"{'question':<30}{'found':>7}{'median ms':>11}{'worst ms':>10}")
        for name, asked in QUESTIONS.items():
            median, worst, page = timed(lambda asked=asked: reader.leads(**asked))
            figures[name] = round(median, 2)
            more = "+" if page.next else " "
            print(f"{name:<30}{len(page.items):>6}{more}{median:>11.2f}{worst:>10.2f}")
        for name in ("updated", "score", "created"):
            figures[f"page 200 by {name}"] = round(deep(reader, 200, sort=name), 2)
        figures["page 200 of 公司"] = round(deep(reader, 200, text="公司"), 2)
        reader.close()
    print(json.dumps(figures, ensure_ascii=False))


if __name__ == "__main__":
    main()
