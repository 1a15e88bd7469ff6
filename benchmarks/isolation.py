"""Does a provider that is dead, silent, slow or says "too many" delay the messages of others?

Five real `leadrules serve`, each in a process of its own, and their providers in another: real
mail servers (aiosmtpd) and real HTTP servers, on loopback. The companies are alike but for one
pair of connections, over mail and over HTTP: they work, nobody listens there, what listens never
answers, answers after a second, or refuses with 451 and 429. Each form sends four messages: by
a healthy mail server, a healthy web service, and these two.

Rounds of a few seconds with one company after the other, in another order each time, so that
what else the machine does meets all alike. Measured is from the answer to the form, which comes
after its commit, until the healthy provider has the message; medians and 99th percentiles, and
what they are of those of the company where all is well (target: at most 1.5 times).

    python benchmarks/isolation.py [--rate 10] [--seconds 3] [--rounds 8]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import platform
import queue
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import _root  # noqa: F401 - before the engine
from delivery import JOURNEY, MAIL, ROUTING, SCORING, Client, serving

TARGET: Final = 1.5
COMPANIES: Final = ("healthy", "dead", "silent", "slow", "limited")
CONNECTIONS: Final = ("mail", "hook", "other_mail", "other_hook")
HEALTHY: Final = ("mail", "hook")
SLOW_S: Final = 1.0
MESSAGE = "  {name}: {{action: {name}, subject: 您好, text: '{{{{ lead.email }}}} 欢迎'}}\n"
HOOK = (
    "  {name}: {{plugin: webhook, url: 'http://127.0.0.1:{port}/', allow_private: true,"
    " secret: whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}}\n"
)
_TO: Final = re.compile(r"[a-z]+-[0-9]+@acme\.cn")
_PATIENCE_S: Final = 60.0


# --- the providers, in a process of their own ---------------------------------------------------


def providers() -> None:
    """Serve until killed; print the ports, then who got what, when."""
    from aiosmtpd.controller import Controller

    from engine.testing import Peer, PeerAnswer, Seen

    def tell(name: str, to: str, at: float) -> None:
        # One write: several threads tell.
        sys.stdout.write(f"{name} {to} {at}\n")
        sys.stdout.flush()

    class Mailbox:
        """Takes mail after a while, or refuses it."""

        def __init__(self, wait_s: float = 0.0, refusal: str = "") -> None:
            self.wait_s = wait_s
            self.refusal = refusal

        async def handle_DATA(  # noqa: N802 - aiosmtpd's name
            self, server: Any, session: Any, envelope: Any
        ) -> str:
            at = time.time()
            await asyncio.sleep(self.wait_s)
            if not self.refusal and envelope.mail_from.startswith("mail@"):
                tell("mail", envelope.rcpt_tos[0], at)
            return self.refusal or "250 taken"

    def noted(seen: Seen) -> PeerAnswer:
        at = time.time()
        found = _TO.search(seen.data["data"]["text"])
        if seen.path == "/hook" and found:
            tell("hook", found[0], at)
        return PeerAnswer()

    with contextlib.ExitStack() as stack:

        def mail(*how: Any) -> int:
            controller = Controller(Mailbox(*how), hostname="127.0.0.1", port=_free())
            controller.start()
            stack.callback(controller.stop)
            return int(controller.port)

        def web(handler: Any) -> int:
            peer = stack.enter_context(Peer())
            peer.handler = handler
            return int(peer.url.rpartition(":")[2])

        too_many = PeerAnswer(429, headers={"Retry-After": "2"})
        silent = socket.create_server(("127.0.0.1", 0), backlog=1_000)  # never accepts: silence
        nobody = _free()
        ports = {
            "mail": mail(),
            "hook": web(noted),
            "healthy": [mail(), web(lambda seen: PeerAnswer())],
            "dead": [nobody, nobody],
            "silent": [silent.getsockname()[1]] * 2,
            "slow": [mail(SLOW_S), web(lambda seen: PeerAnswer(delay_s=SLOW_S))],
            "limited": [mail(0.0, "451 4.7.1 too many"), web(lambda seen: too_many)],
        }
        print(json.dumps(ports), flush=True)
        time.sleep(3_600)


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


class Providers:
    """The process of the providers; ``arrivals`` has (connection, address, when)."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._lines = process.stdout
        self.ports: dict[str, Any] = json.loads(self._lines.readline())
        self.arrivals: queue.SimpleQueue[tuple[str, str, float]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._lines:
            name, to, at = line.split()
            self.arrivals.put((name, to, float(at)))

    def taken(self, count: int) -> list[tuple[str, str, float]]:
        """Return so many arrivals; ends the program when they do not come."""
        until, found = time.monotonic() + _PATIENCE_S, []
        while len(found) < count:
            try:
                found.append(self.arrivals.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                raise SystemExit(f"only {len(found)} of {count} messages arrived") from None
        return found


@contextlib.contextmanager
def all_providers() -> Iterator[Providers]:
    """Run them."""
    command = [sys.executable, __file__, "--providers"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Providers(process)
        finally:
            process.kill()


# --- the companies ------------------------------------------------------------------------------


def write_config(folder: Path, ports: dict[str, Any], company: str) -> Path:
    """Write rules by which each form sends a message over each connection."""
    other_mail, other_hook = ports[company]
    connections = [
        MAIL.format(name="mail", port=ports["mail"]),
        HOOK.format(name="hook", port=ports["hook"]).replace("/'", "/hook'"),
        MAIL.format(name="other_mail", port=other_mail),
        HOOK.format(name="other_hook", port=other_hook),
    ]
    config = folder / company
    config.mkdir()
    texts = {
        "scoring": SCORING,
        "routing": ROUTING,
        "journeys": "journeys:" + "".join(JOURNEY.format(name=name) for name in CONNECTIONS),
        "messages": "messages:\n" + "".join(MESSAGE.format(name=name) for name in CONNECTIONS),
        "server": "connections:\n" + "".join(connections),
    }
    for name, text in texts.items():
        (config / f"{name}.yaml").write_text(text, encoding="utf-8")
    return config


async def post(url: str, company: str, first: int, rate: float, count: int) -> dict[str, float]:
    """Post forms at an even pace; returns when each was accepted, by its address."""
    accepted: dict[str, float] = {}
    client = Client(url)

    async def one(n: int) -> None:
        to = f"{company}-{n}@acme.cn"
        event = {
            "id": f"form-{n}",
            "type": "form_submitted",
            "lead": {"email": to, "name": "王芳", "company": "阀门厂"},
            "properties": {"form": "contact"},
        }
        await client.ask("POST", "/v1/events", event)
        accepted[to] = time.time()

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as running:
        for n in range(count):
            await asyncio.sleep(max(0.0, begin + n / rate - time.perf_counter()))
            running.create_task(one(first + n))
    return accepted


def measure(rate: float, seconds: float, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return the milliseconds of each company's messages over each healthy connection."""
    late: dict[str, dict[str, list[float]]] = {
        company: {name: [] for name in HEALTHY} for company in COMPANIES
    }
    order, count = random.Random(7), int(rate * seconds)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        others = stack.enter_context(all_providers())
        urls = {
            company: stack.enter_context(
                serving(write_config(folder, others.ports, company), folder / f"{company}.db")
            )
            for company in COMPANIES
        }
        for turn in range(-1, rounds):  # the first one warms up
            for company in order.sample(COMPANIES, len(COMPANIES)):
                first = (turn + 1) * count
                accepted = asyncio.run(post(urls[company], company, first, rate, count))
                for name, to, at in others.taken(len(HEALTHY) * count):
                    if turn >= 0:
                        late[company][name].append((at - accepted[to]) * 1_000)
    return late


# --- what came of it ----------------------------------------------------------------------------


def figures_of(late: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    """Return medians, 99th percentiles, and their ratios to those where all is well."""
    found: dict[str, Any] = {
        company: {
            name: {"p50": median(each), "p99": quantiles(each, n=100)[98]}
            for name, each in by_name.items()
        }
        for company, by_name in late.items()
    }
    for company in COMPANIES:
        for name in HEALTHY:
            its, usual = found[company][name], found["healthy"][name]
            its |= {f"{share}_ratio": its[share] / usual[share] for share in ("p50", "p99")}
    return found


def main() -> int:
    """Run, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=float, default=10.0, help="forms a second")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--providers", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.providers:
        providers()
        return 0
    found = figures_of(measure(options.rate, options.seconds, options.rounds))
    each = int(options.rate * options.seconds) * options.rounds
    print(f"{each} forms for each company at {options.rate:g}/s; ms from accepted to handed over")
    print(f"{'others are':12}{'':6}{'p50':>8}{'p99':>8}{'p50 ratio':>11}{'p99 ratio':>11}")
    for company in COMPANIES:
        for name in HEALTHY:
            its = found[company][name]
            cells = f"{its['p50']:8.1f}{its['p99']:8.1f}{its['p50_ratio']:11.2f}"
            print(f"{company:12}{name:6}{cells}{its['p99_ratio']:11.2f}")
    worst = {
        share: max(
            found[company][name][f"{share}_ratio"] for company in COMPANIES[1:] for name in HEALTHY
        )
        for share in ("p50", "p99")
    }
    print(
        json.dumps(
            {
                "benchmark": "isolation",
                "python": platform.python_version(),
                "rate": options.rate,
                "forms": each,
                "target": TARGET,
                "worst_p50_ratio": round(worst["p50"], 2),
                "worst_p99_ratio": round(worst["p99"], 2),
                "met": worst["p50"] <= TARGET and worst["p99"] <= TARGET,
                "companies": {
                    company: {
                        name: {key: round(value, 2) for key, value in its.items()}
                        for name, its in found[company].items()
                    }
                    for company in COMPANIES
                },
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
