from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from engine.server.patience import Impatient, cut_off
from tests.serving import Mailbox, form, mail_server, wait_for, write_config

PROGRAM = """
import sys
from pathlib import Path
from engine.errors import LeadrulesError
from engine.server.run import serve
try:
    watch = "watch" in sys.argv[5:]
    found = serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), watch=watch)
except LeadrulesError as error:
    print("refused:", error.code, error)
    sys.exit(2)
for each in found:
    print(each.source, each.code)
sys.exit(1 if found else 0)
"""


class Served:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self._log = log
        self.url = ""

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8")

    def listening(self) -> str | None:
        if self.process.poll() is not None:
            raise AssertionError(self.log)
        found = re.search(r"listens at (http://\S+)/", self.log)
        return found[1] if found else None

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@contextmanager
def process(
    config: Path,
    database: Path,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str = "",
    watch: bool = False,
) -> Iterator[Served]:
    """Run a server; its output goes to a file beside the database."""
    log = database.with_suffix(f".{time.monotonic_ns()}.log")
    environ = {**os.environ, "LEADRULES_TOKEN": token, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", PROGRAM, str(config), host, str(port), str(database)]
    command += ["watch"] if watch else []
    root = Path(__file__).parents[2]
    with log.open("w") as out:
        running = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, text=True, env=environ, cwd=root
        )
        try:
            yield Served(running, log)
        finally:
            running.kill()
            running.wait()


@contextmanager
def server(config: Path, database: Path, **more: Any) -> Iterator[Served]:
    """Run a server that listens."""
    with process(config, database, **more) as served:
        served.url = wait_for(served.listening, 30)
        yield served


def post(url: str, *events: dict[str, Any]) -> dict[str, Any]:
    """Send events in one request, which must be taken."""
    answer = httpx.post(f"{url}/v1/events", json=list(events), timeout=30)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_serves_and_ends(config: Path, tmp_path: Path) -> None:
    """A server says where it listens and that it is open, serves, and ends with 0 on SIGTERM."""
    with server(config, tmp_path / "leads.db") as served:
        assert "open to everybody on this machine" in served.log
        assert httpx.get(f"{served.url}/-/ready").status_code == 200
        post(served.url, form())
        assert served.end() == 0
        assert "Traceback" not in served.log
        for personal in ("acme.cn", "王芳"):
            assert personal not in served.log


def test_stopping_finishes_what_has_begun(config: Path, tmp_path: Path) -> None:
    """What was acknowledged before or while the server stops is there when it starts again."""
    acknowledged: list[int] = []

    def stream(url: str) -> None:
        with httpx.Client(timeout=10) as client:
            for n in range(100_000):
                try:
                    answer = client.post(f"{url}/v1/events", json=form(n))
                except httpx.TransportError:
                    return
                if answer.status_code == 200:
                    acknowledged.append(n)

    with server(config, tmp_path / "leads.db") as served:
        thread = threading.Thread(target=stream, args=(served.url,))
        thread.start()
        wait_for(lambda: len(acknowledged) > 50)
        assert served.end() == 0
        thread.join()
    with server(config, tmp_path / "leads.db") as served:
        again = post(served.url, *(form(n) for n in acknowledged))
        assert again["duplicates"] == len(acknowledged)


def test_killed_in_mid_stream(tmp_path: Path) -> None:
    """After kill -9 nothing acknowledged is lost, and every mail goes out with one Message-ID."""
    mailbox = Mailbox()
    database = tmp_path / "leads.db"
    with mail_server(mailbox) as port:
        config = write_config(tmp_path / "config", port)
        with server(config, database) as served:
            for n in range(30):
                post(served.url, form(n, company="阀门厂"))
            served.end(signal.SIGKILL)
        with server(config, database) as served:
            again = post(served.url, *(form(n, company="阀门厂") for n in range(30)))
            assert again["duplicates"] == 30
            # Leases of the dead process run out after a minute; this test does not wait for those.
            wait_for(lambda: _status(served.url)["deliveries"].get("queued", 0) == 0, 30)
            leased = _status(served.url)["deliveries"].get("leased", 0)
    senders = {m["To"] for m in mailbox.messages}
    assert len(senders) >= 30 - leased
    by_id = {m["Message-ID"]: m["To"] for m in mailbox.messages}
    assert len(by_id) == len(senders)


def _status(url: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{url}/-/status").json()
    return found


def test_hangup_reloads(config: Path, tmp_path: Path) -> None:
    """SIGHUP loads edited rules; broken ones are logged with their place and change nothing."""
    with server(config, tmp_path / "leads.db") as served:
        before = _status(served.url)["ruleset"]
        path = config / "scoring.yaml"
        good = path.read_text("utf-8").replace("points: 30", "points: 50")
        path.write_text(good, "utf-8")
        served.process.send_signal(signal.SIGHUP)
        wait_for(lambda: _status(served.url)["ruleset"] != before)
        after = _status(served.url)["ruleset"]
        path.write_text(good.replace("lead.company", "lead.compny"), "utf-8")
        served.process.send_signal(signal.SIGHUP)
        wait_for(lambda: _status(served.url)["last_reload"]["ok"] is False)
        assert _status(served.url)["ruleset"] == after
        wait_for(lambda: re.search(r"scoring\.yaml:\d+:\d+", served.log))


def test_broken_configuration(config: Path, tmp_path: Path) -> None:
    """A server does not start on broken rules; it hands back every finding with its place."""
    (config / "routing.yaml").write_text("teams: {}\nruels: []\n", "utf-8")
    path = config / "scoring.yaml"
    path.write_text(path.read_text("utf-8").replace("lead.company", "lead.compny"), "utf-8")
    with process(config, tmp_path / "leads.db") as served:
        assert served.process.wait(20) == 1
        assert "scoring.yaml:6:" in served.log
        assert "routing.yaml:2:" in served.log
    assert not (tmp_path / "leads.db").exists()


def test_one_server_a_database(config: Path, tmp_path: Path) -> None:
    """A second server on the same database, or the same port, is refused in one line."""
    with server(config, tmp_path / "leads.db") as first:
        with process(config, tmp_path / "leads.db") as second:
            assert second.process.wait(20) == 2
            assert "refused: database-in-use" in second.log
        port = int(first.url.rpartition(":")[2])
        with process(config, tmp_path / "other.db", port=port) as third:
            assert third.process.wait(20) == 2
            assert "refused: cannot-listen" in third.log
            assert "--port" in third.log
            assert "Traceback" not in third.log
        assert not (tmp_path / "other.db").exists()


def test_token_for_others(config: Path, tmp_path: Path) -> None:
    """Reachable from elsewhere, a server makes a token, prints it once, and asks for it."""
    database = tmp_path / "leads.db"
    with server(config, database, host="0.0.0.0") as served:
        url = served.url.replace("0.0.0.0", "127.0.0.1")
        (token,) = re.findall(r"shown this once: (\S+)", served.log)
        assert httpx.get(f"{url}/v1/leads").status_code == 401
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{url}/v1/leads", headers=headers).status_code == 200
        served.end()
    with server(config, database, host="0.0.0.0") as served:
        assert "shown this once" not in served.log
        url = served.url.replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(f"{url}/v1/leads", headers=headers).status_code == 200
    with server(config, database, token="given") as served:
        assert httpx.get(f"{served.url}/v1/leads", headers=headers).status_code == 401


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Run one server for requests that would hurt a weaker one."""
    folder = tmp_path_factory.mktemp("hostile")
    with server(write_config(folder / "config"), folder / "leads.db") as served:
        yield served


@pytest.mark.parametrize("megabytes", [1, 2, 30])
@pytest.mark.parametrize("announced", [True, False])
def test_large_bodies(running: Served, megabytes: int, announced: bool) -> None:
    """A client that sends too much hears 413, however large the body and however it is sent."""
    body = b'{"type": "' + b"x" * (megabytes * 1_000_000) + b'"}'
    host = running.url.removeprefix("http://")
    client = http.client.HTTPConnection(host, timeout=20)
    pieces = (body[i : i + 65_536] for i in range(0, len(body), 65_536))
    # The server may stop listening in the middle: it has answered before.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        client.request("POST", "/v1/events", body if announced else pieces)
    answer = client.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["error"]["code"] == "too-large"
    client.close()
    post(running.url, form())


def test_hostile_bytes(running: Served) -> None:
    """Nonsense, half requests and deep nesting over a real socket leave the server well."""
    host, _, port = running.url.removeprefix("http://").partition(":")
    for data in (
        b"\x00\x01\x02\xff\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{",
        b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ):
        with socket.create_connection((host, int(port)), timeout=5) as raw:
            raw.sendall(data)
    for depth in (33, 10_000, 900_000):
        answer = httpx.post(f"{running.url}/v1/events", content=b"[" * depth)
        assert answer.status_code == 400
    post(running.url, form())
    assert "Traceback" not in running.log


def test_slow_connections_are_cut_off() -> None:
    """Whoever dribbles a request, or says nothing at all, is cut off; who waits idle is not."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        head = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"ok"})

    async def story() -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        config = uvicorn.Config(answer, http=Impatient, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        silent, nothing = await asyncio.open_connection("127.0.0.1", port)
        dribbling, drip = await asyncio.open_connection("127.0.0.1", port)
        slow_body, body = await asyncio.open_connection("127.0.0.1", port)
        good, ask = await asyncio.open_connection("127.0.0.1", port)
        ask.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await good.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        body.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhal")
        drip.write(b"GET / HTTP/1.1\r\nX-Slow: ")
        for _ in range(8):
            drip.write(b"a")
            await asyncio.sleep(0.05)
        assert cut_off(server.server_state.connections, 60) == 0
        assert cut_off(server.server_state.connections, 0.3) == 3
        for cut in (silent, dribbling, slow_body):
            with contextlib.suppress(ConnectionError):
                assert await asyncio.wait_for(cut.read(), 5) == b""
        ask.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await good.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        for writer in (nothing, drip, body, ask):
            writer.close()
        server.should_exit = True
        await serving

    asyncio.run(story())
