"""How long does a table of a million leads take, when the import is killed on the way?

Writes a CSV in GB18030 as companies keep them: dates and telephone numbers in several forms,
full-width digits, line ends within cells, rows that are there twice, rows that name nobody. Its
import into a new database is killed with signal 9 after a part of the time, and run again; then
as many leads and rejected rows must be there as the table has.

    python benchmarks/importing.py [--rows 1000000] [--kills 2]
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import _root  # noqa: F401 - before the engine
from msgspec import Struct

CONFIG = Path(__file__).parents[1] / "config"
HEAD = ("姓名", "手机", "邮箱", "公司", "职位", "行业", "城市", "备注", "创建时间")
CITIES, TITLES = ("苏州", "上海", "无锡", "广州市", "成都"), ("采购经理", "总经理", "工程师", "")
NAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
DATES = ("2026-03-02 09:30:00", "2026/3/2", "2026年3月2日", "2026-03-02T09:30:00+08:00", "")
NOBODY, AGAIN = 50, 100  # every so manieth row names nobody, or is the one before once more


class Table(Struct):
    """What a table has."""

    rows: int = 0
    leads: int = 0
    rejected: int = 0


def rows(count: int, table: Table) -> Iterator[tuple[str, ...]]:
    """Yield a table's rows, and count in ``table`` what is to become of them."""
    chance = random.Random(7)
    before: tuple[str, ...] = ()
    for number in range(1, count + 1):
        table.rows += 1
        if number % AGAIN == 0:
            yield before
            continue
        named = number % NOBODY != 1
        table.leads += named
        table.rejected += not named
        before = _row(number, chance, named)
        yield before


def _row(number: int, chance: random.Random, named: bool) -> tuple[str, ...]:
    phone = f"13{number % 10**9:09d}"
    forms = (phone, f"+86 {phone}", f"{phone[:3]}-{phone[3:7]}-{phone[7:]}", _wide(phone))
    mail = f"lead{number}@example-{number % 997}.cn"
    contact = (chance.choice(forms), mail) if named else ("", "")
    company = f"金泰阀门({chance.choice(CITIES)})有限公司{number % 5_000}"
    note = chance.choice(("", '要"防爆"型号', "展会认识,\n想看样品", "已寄样本"))
    name = chance.choice(NAMES) + chance.choice(NAMES)
    told = (chance.choice(TITLES), "制造业", chance.choice(CITIES), note, chance.choice(DATES))
    return (name, *contact, company, *told)


def _wide(text: str) -> str:
    return "".join(chr(ord(each) + 0xFEE0) for each in text)


def fill(path: Path, count: int) -> Table:
    """Write the table; returns what it has."""
    table = Table()
    with path.open("w", encoding="gb18030", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEAD)
        writer.writerows(rows(count, table))
    return table


def bring_in(file: Path, database: Path, log: Path, seconds: float | None) -> tuple[float, int]:
    """Import, killed after ``seconds``; returns seconds it took and its peak memory in bytes."""
    command = [sys.executable, "-m", "engine.cli", "import", str(file)]
    command += ["--config", str(CONFIG), "--db", str(database), "--batch", "1000", "--map", "备注="]
    began, peak = monotonic(), 0
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=CONFIG.parent)
        while process.poll() is None:
            peak = max(peak, _memory(process.pid))
            if seconds is not None and monotonic() - began > seconds:
                process.send_signal(signal.SIGKILL)
            sleep(0.1)
    if seconds is None and process.returncode not in {0, 1}:  # 1: rows were rejected
        raise SystemExit(f"the import failed:\n{log.read_text('utf-8')[-2_000:]}")
    return monotonic() - began, peak


def _memory(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1_024 for line in lines if line.startswith("VmHWM")), 0)


def found_in(database: Path, rejects: Path) -> Table:
    """Return what came of the table."""
    connection = sqlite3.connect(database)
    (leads,) = connection.execute("SELECT count(*) FROM leads").fetchone()
    connection.close()
    with rejects.open(encoding="utf-8-sig", newline="") as file:
        rejected = sum(1 for _ in csv.reader(file)) - 1
    return Table(leads=leads, rejected=rejected)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--each", type=float, default=60.0, help="seconds until a kill")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        file, database = folder / "leads.csv", folder / "leads.db"
        table = fill(file, options.rows)
        log = folder / "import.log"
        limits = [*([options.each] * options.kills), None]
        runs = [bring_in(file, database, log, limit) for limit in limits]
        found = found_in(database, folder / "leads.csv.rejected.csv")
        size = database.stat().st_size
        said = log.read_text("utf-8").strip().splitlines()[-1]
    seconds = sum(took for took, _ in runs)
    equal = (found.leads, found.rejected) == (table.leads, table.rejected)
    print(said)
    print(f"{table.rows:,} rows in {seconds:,.0f} s, killed {options.kills} times")
    figures = {
        "benchmark": "importing",
        "python": platform.python_version(),
        "rows": table.rows,
        "kills": options.kills,
        "seconds": round(seconds, 1),
        "rows_s": round(table.rows / seconds),
        "peak_mb": round(max(peak for _, peak in runs) / 1e6),
        "database_mb": round(size / 1e6),
        "leads": [found.leads, table.leads],
        "rejected": [found.rejected, table.rejected],
        "equal": equal,
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(figures))
    sys.exit(not equal)


if __name__ == "__main__":
    main()
