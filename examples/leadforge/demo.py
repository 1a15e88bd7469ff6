"""The demo: a company's last four months, streamed into a real server, then looked at.

Starts `leadrules serve` on a copy of `config/`, with the company's costs, goals and an experiment,
on a fresh database and with a mailbox that takes its e-mail over SMTP, posts the events of the
shipped world over HTTP, and prints what came of it. In a terminal it keeps the last days back and opens the console, where one sees
them pass, a day a minute; then the server runs on until Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from aiosmtpd.controller import Controller
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from examples.leadforge.company import configure
from examples.leadforge.stream import SHIPPED, instant, read, shifted, staggered

ROOT = Path(__file__).parents[2]
BATCH = 500
WEEKS = 17  # over which leads come in, in the stream's 118 days
TICK_S = 0.5
out = Console()
err = Console(stderr=True)


class Mailbox:
    """Takes e-mail over real SMTP and counts it; nothing leaves this machine."""

    def __init__(self) -> None:
        self.count = 0
        self.last: bytes = b""

    async def handle_DATA(  # noqa: N802 - the name aiosmtpd calls
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        """Take one message."""
        self.count += 1
        self.last = envelope.content
        return "250 taken"


def free_port() -> int:
    """Return a TCP port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    """Run the mailbox on a free port."""
    handler = Mailbox()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield handler, int(controller.port)
    finally:
        controller.stop()


@contextlib.contextmanager
def server(folder: Path, port: int, smtp: int) -> Iterator[str]:
    """Run `leadrules serve` on a fresh database and stop it at the end."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = configure(ROOT / "config", folder / "config", datetime.now(UTC).date())
    command = [sys.executable, "-m", "engine.cli", "serve", "--config", str(config)]
    command += ["--db", str(folder / "leadrules.db"), "--port", str(port), "--clock", "stream"]
    env = {**os.environ, "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(smtp)}
    env.pop("LEADRULES_TOKEN", None)
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(url, process, folder / "server.log")
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the server answers; raises SystemExit with its log if it ends first."""
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit(f"the server did not start:\n{log.read_text()}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/-/ready").status_code == 200:
                return
        time.sleep(0.1)
    raise SystemExit(f"the server was not ready within 30 s; see {log}")


def stream(client: httpx.Client, events: list[dict[str, Any]]) -> dict[str, int]:
    """Post every event in order and return how many were accepted, known and rejected."""
    totals = {"accepted": 0, "duplicates": 0, "rejected": 0}
    columns = (TextColumn("streaming"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err) as progress:
        task = progress.add_task("events", total=len(events))
        for start in range(0, len(events), BATCH):
            batch = events[start : start + BATCH]
            answer = client.post("/v1/events", json=batch).raise_for_status().json()
            for name in totals:
                totals[name] += answer.get(name, 0)
            progress.advance(task, len(batch))
    return totals


def split(events: list[dict[str, Any]], days: float) -> tuple[list[Any], list[Any]]:
    """Return what happened before the last `days`, and what happens in them."""
    if not events:
        return [], []
    at = bisect_left(events, instant(events[-1]) - timedelta(days=days), key=instant)
    return events[:at], events[at:]


def live(client: httpx.Client, events: list[dict[str, Any]], day_s: float) -> None:
    """Post events as they fall due, where a day takes ``day_s`` seconds; Ctrl-C ends it."""
    begins, began, done = instant(events[0]), time.monotonic(), 0
    with err.status("") as told:
        while done < len(events):
            now = begins + timedelta(days=(time.monotonic() - began) / day_s)
            due = min(bisect_left(events, now, key=instant), done + BATCH)
            if due > done:
                client.post("/v1/events", json=events[done:due]).raise_for_status()
                done = due
            told.update(f"{now:%Y-%m-%d %H:%M}, a day takes {day_s:g} s")
            time.sleep(TICK_S)


def open_browser(url: str) -> None:
    """Open the console, where there is a desktop to open it on."""
    desktop = sys.platform in ("darwin", "win32") or os.environ.keys() & {
        "DISPLAY",
        "WAYLAND_DISPLAY",
    }
    if desktop:
        webbrowser.open(f"{url}/console/")


def wait_for_mail(client: httpx.Client) -> None:
    """Wait until the outbox has handed over what it has, a minute at most."""
    with err.status("handing over e-mail"):
        for _ in range(120):
            waiting = client.get("/v1/deliveries", params={"status": "queued", "limit": 1}).json()
            if not waiting["items"]:
                return
            time.sleep(0.5)


def show_funnel(client: httpx.Client) -> None:
    """Print the funnel by stage."""
    table = Table(title="漏斗 funnel: leads that reached each stage")
    for name in ("stage", "阶段", "reached", "of all"):
        table.add_column(name, justify="right" if name in ("reached", "of all") else "left")
    report = client.get("/v1/reports/funnel").raise_for_status().json()
    for row in report["stages"]:
        share = f"{row['share']:.1%}" if row.get("share") is not None else ""
        table.add_row(row["stage"], row.get("label") or "", str(row["reached"]), share)
    out.print(table)


def show_leads(client: httpx.Client) -> str:
    """Print the ten leads of most points and return the id of one that has an owner."""
    best = {"grade": "A", "sort": "score", "limit": 10}
    rows = client.get("/v1/leads", params=best).raise_for_status().json()
    table = Table(title="十条高意向线索 ten hot leads")
    for name in ("name", "company", "score", "grade", "stage", "owner"):
        table.add_column(name, justify="right" if name == "score" else "left")
    for lead in rows["items"]:
        fields = lead["fields"]
        table.add_row(
            fields.get("name", ""),
            fields.get("company", ""),
            str(lead["score"]),
            lead["grade"] or "",
            lead["stage"],
            lead["owner"] or "",
        )
    out.print(table)
    owned = [lead["id"] for lead in rows["items"] if lead["owner"]]
    return str((owned or [lead["id"] for lead in rows["items"]])[0])


def explain(url: str, lead: str) -> None:
    """Run the command line's own `explain`."""
    command = [sys.executable, "-m", "engine.cli", "explain", lead, "--url", url]
    sys.stdout.flush()
    subprocess.run(command, cwd=ROOT, check=True)


def where_to_look(url: str, lead: str, config: Path) -> None:
    """Print the places that are worth a look."""
    out.print("\n[bold]Where to look[/bold]")
    out.print(f"  console   {url}/console/")
    out.print(f"  a lead    {url}/v1/leads/{lead}/timeline", soft_wrap=True)
    out.print(f"  why       .venv/bin/leadrules explain {lead} --url {url}", soft_wrap=True)
    scoring = config / "scoring.yaml"
    reload = f".venv/bin/leadrules reload --url {url}"
    out.print(f"  rules     edit {scoring}, then: {reload}", soft_wrap=True)


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8787)
    parser.add_argument("--stream", type=Path, default=SHIPPED, help="NDJSON, also .xz or .gz")
    parser.add_argument("--leads", type=int, help="only the first N leads")
    parser.add_argument("--folder", type=Path, default=ROOT / ".demo", help="made anew each time")
    parser.add_argument("--days", type=float, default=10, help="kept back and seen passing")
    parser.add_argument("--day", type=float, default=60, help="seconds that each of them takes")
    parser.add_argument("--no-browser", action="store_true", help="open none")
    options = parser.parse_args()
    watched = sys.stdin.isatty() and sys.stdout.isatty()
    events = world(options.stream, options.leads)
    past, coming = split(events, options.days if watched else 0)
    began = time.monotonic()
    with (
        mailbox() as (mail, smtp),
        server(options.folder, options.port, smtp) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        totals = stream(client, past + ([] if watched else coming))
        seconds = time.monotonic() - began
        wait_for_mail(client)
        show_funnel(client)
        lead = show_leads(client)
        explain(url, lead)
        out.print(
            f"\n{totals['accepted']} events accepted, {totals['duplicates']} known before, "
            f"{totals['rejected']} rejected, in {seconds:.0f} s; "
            f"{mail.count} e-mails arrived in the demo's mailbox over SMTP."
        )
        where_to_look(url, lead, options.folder / "config")
        if watched:
            with contextlib.suppress(KeyboardInterrupt):
                watch(client, url, coming, options)


def world(path: Path, leads: int | None) -> list[dict[str, Any]]:
    """Return the events of a stream so that the newest happens now; of the first ``leads`` only."""
    events = shifted(staggered(read(path), WEEKS), datetime.now(UTC))
    if leads:
        known = set(list(dict.fromkeys(e["lead"]["user_id"] for e in events))[:leads])
        events = [e for e in events if e["lead"]["user_id"] in known]
    return events


def watch(
    client: httpx.Client, url: str, coming: list[dict[str, Any]], options: argparse.Namespace
) -> None:
    """Let the days that are left pass before one's eyes, then serve until Ctrl-C."""
    if not options.no_browser:
        open_browser(url)
    if coming:
        out.print(f"\nThe last {options.days:g} days pass now, see the console; Ctrl-C ends it.")
        live(client, coming, options.day)
    out.print("\nThe demo has come to the present. The server runs on; Ctrl-C ends it.")
    signal.pause()


if __name__ == "__main__":
    main()
