"""How soon after its event does a message reach the provider, and does a dead one disturb others?

A real `leadrules serve` in a process of its own, real mail servers on loopback in another, and
this program, which posts forms over HTTP at a steady rate. Each form sends three mails over
connections of their own: a plain one, an urgent one (with a deadline), and another. Time runs
from before the post to the end of DATA at the mail server, so it has everything in it: HTTP,
decision, commit, lease, lead, template, SMTP.

The same again while that other connection's server takes connections and never answers.

    python benchmarks/delivery.py [--rate 50] [--seconds 10]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SCORING = """
models:
  default:
    dimensions: {fit: {}}
    rules: [{id: has-company, dimension: fit, when: {lead.company: {exists: true}}, points: 10}]
    grades: [{grade: A, from: 60}, {grade: C, from: 0}]
"""
ROUTING = "rules: [{id: rest, assign: {pool: public}}]\npools: {public: {label: 公海池}}\n"
JOURNEY = """
  - id: {name}
    enter: {{event: form_submitted}}
    reentry: always
    steps: [{{id: send, send: {name}}}]
"""
MESSAGE = "  {name}: {{action: {name}, subject: '您好 {{{{ lead.name }}}}', text: 欢迎{more}}}\n"
MAIL = (
    "  {name}: {{plugin: email, host: 127.0.0.1, port: {port}, from: {name}@example.com,"
    " tls: none}}\n"
)
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_PATIENCE_S = 30
HEARD = re.compile(rb"^(?:FROM|TO):<?([^>\r\n]*)>?", re.IGNORECASE)


# --- the providers, in a process of their own ---------------------------------------------------


async def providers() -> None:
    """Serve two ports with a small SMTP server and one that hangs; print who got what, when."""

    async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sender = to = ""
        writer.write(b"220 loopback ESMTP\r\n")
        while line := await reader.readline():
            verb, _, rest = line.strip().partition(b" ")
            found = HEARD.match(rest)
            if verb.upper() == b"MAIL" and found:
                sender = found[1].decode()
            elif verb.upper() == b"RCPT" and found:
                to = found[1].decode()
            elif verb.upper() == b"DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                print(sender.partition("@")[0], to, time.time(), flush=True)
            elif verb.upper() == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            writer.write(b"250 ok\r\n")
        writer.close()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    servers = [await asyncio.start_server(each, "127.0.0.1", 0) for each in (smtp, smtp, hang)]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.sleep(3_600)


# --- one run ------------------------------------------------------------------------------------


def write_config(folder: Path, ports: dict[str, int]) -> Path:
    """Write rules by which each form sends a message over each connection."""
    config = folder / "config"
    config.mkdir()
    texts = {
        "scoring": SCORING,
        "routing": ROUTING,
        "journeys": "journeys:" + "".join(JOURNEY.format(name=name) for name in ports),
        "messages": "messages:\n"
        + "".join(
            MESSAGE.format(name=name, more=", deadline: 20s" if name == "urgent" else "")
            for name in ports
        ),
        "server": "connections:\n"
        + "".join(MAIL.format(name=name, port=port) for name, port in ports.items()),
    }
    for name, text in texts.items():
        (config / f"{name}.yaml").write_text(text, encoding="utf-8")
    return config


@contextlib.contextmanager
def peers() -> Iterator[subprocess.Popen[str]]:
    """Run the providers."""
    command = [sys.executable, __file__, "--providers"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def serving(config: Path, database: Path) -> Iterator[str]:
    """Run a server; yields its address."""
    command = [sys.executable, "-m", "engine.cli", "serve", "--port", "0"]
    log = database.with_suffix(".log")
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, "--config", str(config), "--db", str(database)],
            stderr=out,
            stdout=out,
            cwd=ROOT,
            env={k: v for k, v in os.environ.items() if k != "LEADRULES_TOKEN"},
        )
        try:
            yield _address(process, log)
        finally:
            process.terminate()
            process.wait(30)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(600):
        found = re.search(r"listens at (http://\S+)/", log.read_text("utf-8"))
        if found:
            return found[1]
        if process.poll() is not None:
            raise SystemExit(log.read_text("utf-8"))
        time.sleep(0.05)
    raise SystemExit("the server does not begin")


class Client:
    """HTTP/1.1 over kept connections, with as little of its own as can be."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._host, self._port = host, int(port)
        self._idle: list[Connection] = []

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON that the server answers."""
        sent = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(sent)}\r\n"
            "Content-Type: application/json\r\n\r\n"
        )
        while self._idle:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                # The server may have closed it meanwhile; an event counts once all the same.
                return await self._over(self._idle.pop(), head.encode() + sent)
        opened = await asyncio.open_connection(self._host, self._port)
        return await self._over(opened, head.encode() + sent)

    async def _over(self, connection: Connection, request: bytes) -> Any:
        reader, writer = connection
        writer.write(request)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = re.search(rb"content-length: (\d+)", answer)
        text = await reader.readexactly(int(length[1]) if length else 0)
        if b" 200 " not in answer.partition(b"\r\n")[0]:
            raise SystemExit(f"{answer.decode()}{text.decode()}")
        self._idle.append(connection)
        return json.loads(text)


async def post(url: str, rate: float, seconds: float) -> tuple[dict[str, float], list[float]]:
    """Post forms at a steady rate; returns when each was sent, and how long answers took (s)."""
    sent: dict[str, float] = {}
    took: list[float] = []
    client = Client(url)

    async def one(n: int) -> None:
        to = f"w{n}@acme.cn"
        event = {
            "id": f"form-{n}",
            "type": "form_submitted",
            "lead": {"email": to, "name": "王芳", "company": "阀门厂"},
            "properties": {"form": "contact"},
        }
        sent[to] = time.time()
        await client.ask("POST", "/v1/events", event)
        took.append(time.time() - sent[to])

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as running:
        for n in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, begin + n / rate - time.perf_counter()))
            running.create_task(one(n))
    return sent, took


def run(rate: float, seconds: float, with_dead: bool) -> dict[str, Any]:
    """Measure once; returns the milliseconds by connection."""
    with tempfile.TemporaryDirectory() as folder, peers() as others:
        assert others.stdout is not None
        mail, urgent, dead = map(int, others.stdout.readline().split())
        ports = {"mail": mail, "urgent": urgent, "other": dead if with_dead else mail}
        config = write_config(Path(folder), ports)
        with serving(config, Path(folder) / "leads.db") as url:
            sent, took = asyncio.run(post(url, rate, seconds))
            arrived = _arrivals(others, (2 if with_dead else 3) * len(sent))
            status = asyncio.run(Client(url).ask("GET", "/-/status"))["connections"]
    late = {
        name: sorted((at - sent[to]) * 1_000 for who, to, at in arrived if who == name)
        for name in ("mail", "urgent")
    }
    return {
        "events": len(sent),
        "answer_ms": _shares([each * 1_000 for each in took]),
        **{f"{name}_ms": _shares(each) for name, each in late.items()},
        **{f"{name}_arrived": len(each) for name, each in late.items()},
        "commit_to_action_ms": {
            name: {
                "p50": round(status[name]["handover_p50"] * 1_000, 1),
                "p99": round(status[name]["handover_p99"] * 1_000, 1),
            }
            for name in ("mail", "urgent")
        },
        "other_state": status["other"]["state"],
    }


def _arrivals(others: subprocess.Popen[str], count: int) -> list[tuple[str, str, float]]:
    """Return what the providers got, once it is all there; gives up after half a minute."""
    found: list[tuple[str, str, float]] = []

    def read() -> None:
        assert others.stdout is not None
        while len(found) < count and (line := others.stdout.readline()):
            who, to, at = line.split()
            found.append((who, to, float(at)))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(_PATIENCE_S)
    if len(found) < count:
        raise SystemExit(f"only {len(found)} of {count} mails arrived")
    return found


def _shares(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        f"p{share}": round(ordered[math.ceil(share / 100 * len(ordered)) - 1], 1)
        for share in (50, 99)
    }


def main() -> int:
    """Run both, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=float, default=50.0, help="forms a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--providers", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.providers:
        asyncio.run(providers())
        return 0
    runs = {
        "alone": run(options.rate, options.seconds, False),
        "other provider dead": run(options.rate, options.seconds, True),
    }
    events = runs["alone"]["events"]
    print(f"{events} forms at {options.rate:g}/s, three mails each; ms from post to end of DATA")
    print(
        f"{'':24}{'answer p50':>11}{'p99':>8}{'mail p50':>10}{'p99':>8}{'urgent p50':>12}{'p99':>8}"
    )
    for name, each in runs.items():
        cells = [
            f"{each[key][share]:{width}.1f}"
            for key, widths in (
                ("answer_ms", (11, 8)),
                ("mail_ms", (10, 8)),
                ("urgent_ms", (12, 8)),
            )
            for share, width in zip(("p50", "p99"), widths, strict=True)
        ]
        print(f"{name:24}{''.join(cells)}")
    figures = {
        "benchmark": "delivery",
        "python": platform.python_version(),
        "rate": options.rate,
        "alone": runs["alone"],
        "other_dead": runs["other provider dead"],
    }
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
