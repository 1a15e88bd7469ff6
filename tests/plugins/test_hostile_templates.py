"""A template without end in a running server: it costs its own delivery, and nothing else."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from engine.host.delivery import Deliverer
from engine.host.plugins import Plugins
from tests.plugins.test_delivery import Notes, run, until
from tests.plugins.test_registry import registering
from tests.serving import form, start_runtime, write_config

JOURNEYS = """
journeys:
  - id: both
    enter: {event: form_submitted}
    steps:
      - {id: bad, send: endless}
      - {id: good, send: fine}
"""
MESSAGES = """
messages:
  endless: {action: notify, text: "%s"}
  fine: {action: notify, text: "{{ lead.name }}，您好"}
"""
LOOP = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
GROWTH = (
    "{% set n = namespace(s='0123456789') %}{% for i in range(99) %}"
    "{% set n.s = n.s ~ n.s %}{% endfor %}"
)


@pytest.mark.parametrize(("template", "words"), [(LOOP, "takes longer"), (GROWTH, "more memory")])
def test_it_costs_its_own_delivery(tmp_path: Path, template: str, words: str) -> None:
    """It fails by name; the other message goes out, and events are taken in as ever."""
    notes = Notes()
    plugins = Plugins({"mine": registering(notes)})
    config = write_config(
        tmp_path / "config", notify="notes", journeys=JOURNEYS, messages=MESSAGES % template
    )

    async def story() -> None:
        runtime = start_runtime(config, tmp_path / "leads.db", plugins)
        deliverer = Deliverer(runtime, plugins, backoff=lambda attempt: 20, rest_s=0.01)
        deliverer.start()

        def items(**wanted: str) -> list[dict[str, Any]]:
            found = runtime.reader.deliveries().items
            return [i for i in found if all(i[k] == v for k, v in wanted.items())]

        try:
            for n in range(3):
                assert (await runtime.submit([form(n)]))[0].status == "accepted"
            waits = []
            while not (
                len(items(message="fine", status="delivered")) == 3
                and items(message="endless", status="failed")
            ):
                began = time.monotonic()
                await asyncio.sleep(0.01)
                waits.append(time.monotonic() - began)
                assert sum(waits) < 40
            # A template in this process would hold the loop up for seconds.
            assert max(waits) < 1.0
            (failed, *_) = items(message="endless", status="failed")
            assert failed["reason"].startswith('message "endless", text, line 1: it ')
            assert words in failed["reason"]
            assert {each.text for each in notes.seen} == {"王芳，您好"}
            await until(lambda: len(items(message="fine", status="delivered")) == 3)
        finally:
            await deliverer.stop()
            await runtime.stop()

    run(story)
