"""A small company for the tests of plugins and server: its configuration, and a mail server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from starlette.testclient import TestClient

from engine.host.plugins import Plugins
from engine.host.runtime import Runtime
from engine.server.app import create_app
from engine.server.auth import Access

SCORING = """
models:
  default:
    dimensions: {fit: {}}
    rules:
      - {id: has-company, dimension: fit, when: {lead.company: {exists: true}}, points: 10}
      - {id: asked, dimension: fit, event: form_submitted, points: 30, repeat: each}
    grades: [{grade: A, from: 60}, {grade: C, from: 0}]
"""
ROUTING = """
teams:
  east:
    members:
      - {id: li.na, name: 李娜, email: li.na@example.com}
rules:
  - {id: all, when: {lead.company: {exists: true}}, assign: {team: east, strategy: round_robin}}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
"""
JOURNEYS = """
journeys:
  - id: welcome
    enter: {event: form_submitted}
    reentry: always
    steps:
      - {id: assign, route: {}}
      - {id: hello, send: hello}
      - {id: tell, do: notify, with: {to: owner, title: "新线索 {{ lead.company | default('?') }}"}}
      - {id: call, task: {title: 回访, to: owner, due: 2d}}
      - {id: opened, wait: {event: email_opened, of: hello, within: 7d}, then: end, else: end}
"""
MESSAGES = """
messages:
  hello:
    action: email
    subject: 您好 {{ lead.name | default('朋友') }}
    text: "{{ lead.name | default('朋友') }}，{{ owner.name | default('我们') }}会联系您。"
    stale_after: 3650d
"""
SERVER = """
connections:
  email: {{plugin: email, host: 127.0.0.1, port: {port}, from: 市场部 <news@example.com>, tls: none}}
  notify: {{plugin: {notify}}}
"""


def write_config(folder: Path, smtp_port: int = 9, notify: str = "log", **files: str) -> Path:
    """Write the company's configuration, some files replaced: journeys="...". Port 9: nobody."""
    texts = {
        "scoring": SCORING,
        "routing": ROUTING,
        "journeys": JOURNEYS,
        "messages": MESSAGES,
        "server": SERVER.format(port=smtp_port, notify=notify),
        **files,
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def start_runtime(folder: Path, database: Path, plugins: Plugins | None = None) -> Runtime:
    """Return a loaded and started runtime."""
    runtime = Runtime(folder, database, plugins=plugins or Plugins(), environ={})
    found = runtime.load()
    assert not found, found
    runtime.start()
    return runtime


@contextmanager
def served(
    folder: Path, database: Path, access: Access | None = None, **more: Any
) -> Iterator[TestClient]:
    """Serve in this process, as a client of this machine sees it."""
    plugins = more.pop("plugins", None) or Plugins()
    runtime = start_runtime(folder, database, plugins)
    app = create_app(runtime, access or Access.open(), plugins, **more)
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield client


def form(n: int = 1, **lead: Any) -> dict[str, Any]:
    """Return a form_submitted of the lead number ``n``."""
    return {
        "id": f"form-{n}",
        "type": "form_submitted",
        "lead": {"email": f"w{n}@acme.cn", "name": "王芳", **lead},
        "properties": {"form": "contact"},
    }


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Return what ``condition`` gives once it is true; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not true within {seconds} s")


class Mailbox:
    """An aiosmtpd handler that keeps what arrives.

    ``answers`` are given to the next messages at DATA, ``refuse`` maps recipients to an answer.
    """

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.answers: list[str] = []
        self.refuse: dict[str, str] = {}
        self.delay_s = 0.0
        self.seen: list[str] = []  # Message-IDs of all attempts, also refused ones

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.seen.append(message["Message-ID"])
        await asyncio.sleep(self.delay_s)
        if self.answers:
            return self.answers.pop(0)
        self.raw.append(envelope.content)
        self.messages.append(message)
        return "250 taken"


class _Controller(Controller):
    """Takes any free port: aiosmtpd itself would try to reach port 0."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(mailbox: Mailbox, **options: Any) -> Iterator[int]:
    """Run a real SMTP server on loopback; yields its port."""
    controller = _Controller(mailbox, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()
