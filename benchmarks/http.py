"""How much of a bare web server's speed is left when every event is decided and stored?

Three rounds of two servers in turn, each in its own process on this machine: a bare Starlette
route that parses the same JSON and answers, and leadrules, which answers after the commit. The
load generator is our own (`_client.py`): the same for both, and it needs nothing installed.

    python benchmarks/http.py [--clients 64] [--seconds 4] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from pathlib import Path
from statistics import median

from _client import Figures, load
from _server import bodies, running

HERE = Path(__file__).parent
BARE = """
import json, socket, sys
import uvicorn, uvloop, asyncio
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def events(request):
    data = await request.json()
    return JSONResponse({"accepted": 1 if isinstance(data, dict) else len(data)})

app = Starlette(routes=[Route("/v1/events", events, methods=["POST"])])
listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
print(f"listens at http://127.0.0.1:{listening.getsockname()[1]}/", flush=True)
server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(server.serve(sockets=[listening]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--leads", type=int, default=5_000)
    parser.add_argument("--config", type=Path, default=HERE / "guide004")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        ours = [sys.executable, "-m", "engine.cli", "serve", "--port", "0"]
        ours += ["--config", str(options.config), "--db", str(folder / "leads.db")]
        with running([sys.executable, "-c", BARE], folder) as bare, running(ours, folder) as port:
            report(options, {"bare": bare, "leadrules": port})


def report(options: argparse.Namespace, ports: dict[str, int]) -> None:
    """Measure, print the table, and last the figures as JSON."""
    figures: dict[str, object] = {"python": platform.python_version(), "clients": options.clients}
    print(f"{'events a request':>17} {'server':<10} {'events/s':>9} {'p50 ms':>7} {'p99 ms':>7}")
    for size in (1, 50):
        rounds = measure(options, ports, size)
        for name, found in rounds.items():
            rate, p50, p99 = _middle(found, size)
            bad = sum(f.bad for f in found)
            print(f"{size:>17} {name:<10} {rate:>9,.0f} {p50:>7.1f} {p99:>7.1f}")
            key = f"{name}_{size}"
            figures |= {f"{key}_events_s": round(rate), f"{key}_p99_ms": round(p99, 1)}
            if bad:
                figures[f"{key}_bad"] = bad
        ratios = [
            ours.per_second / bare.per_second
            for ours, bare in zip(rounds["leadrules"], rounds["bare"], strict=True)
        ]
        print(f"{'':>17} leadrules / bare: {median(ratios):.2f}")
        figures[f"ratio_{size}"] = round(median(ratios), 3)
    print(json.dumps(figures))


def measure(
    options: argparse.Namespace, ports: dict[str, int], size: int
) -> dict[str, list[Figures]]:
    """Return each server's rounds; they take turns, after one short round to get warm."""
    body = bodies(options.leads, size)
    found: dict[str, list[Figures]] = {name: [] for name in ports}
    for turn in range(options.rounds + 1):
        for name, port in ports.items():
            seconds = options.seconds if turn else 1.0
            result = load(port, "/v1/events", body, options.clients, seconds)
            if turn:
                found[name].append(result)
    return found


def _middle(found: list[Figures], size: int) -> tuple[float, float, float]:
    rate = median(f.per_second for f in found) * size
    return rate, median(f.percentile(50) for f in found), median(f.percentile(99) for f in found)


if __name__ == "__main__":
    main()
