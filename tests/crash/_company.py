"""A company in which it is known what each event does, so that half an event shows."""

from __future__ import annotations

from pathlib import Path

from tests.serving import write_config

SCORING = """
models:
  default:
    dimensions: {fit: {}, interest: {}}
    rules:
      - {id: has-company, dimension: fit, when: {lead.company: {exists: true}}, points: 10}
      - {id: asked, dimension: fit, event: form_submitted, points: 30, repeat: each}
      - {id: looked, dimension: interest, event: page_viewed, points: 1, repeat: each}
    grades: [{grade: A, from: 60}, {grade: C, from: 0}]
"""
JOURNEYS = """
journeys:
  - id: welcome
    enter: {event: form_submitted}
    reentry: always
    steps:
      - {id: assign, route: {}}
      - {id: hello, send: hello}
      - {id: call, task: {title: 回访, to: owner, due: 2d}}
      - {id: pause, wait: 2s}
      - {id: again, send: again}
"""
MESSAGES = """
messages:
  hello: {action: email, subject: "您好 {{ lead.name }}", text: 欢迎, stale_after: 3650d}
  again: {action: email, subject: "还有问题吗 {{ lead.name }}", text: 请联系我们, stale_after: 3650d}
"""
SERVER = """
connections:
  email:
    plugin: email
    host: 127.0.0.1
    port: {port}
    from: 市场部 <news@example.com>
    tls: none
    limits: {{concurrency: 10, attempts: 50}}
"""
SENDER = "news@example.com"
MAILS = ("hello", "again")  # of each form


def company(folder: Path, smtp_port: int) -> Path:
    """Write its configuration; returns the folder."""
    server = SERVER.format(port=smtp_port)
    more = {"scoring": SCORING, "journeys": JOURNEYS, "messages": MESSAGES, "server": server}
    return write_config(folder, smtp_port, **more)
