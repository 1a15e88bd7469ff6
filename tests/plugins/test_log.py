from __future__ import annotations

import asyncio
import json
import logging

import pytest

from engine.plugin import ActionContext, Delivered, OutgoingDelivery
from plugins.actions.log import LogAction


def test_one_line_without_personal_data(caplog: pytest.LogCaptureFixture) -> None:
    """A delivery is one line of JSON that names the lead by its id and by nothing else."""
    delivery = OutgoingDelivery(
        key="lead-1:welcome:tell:wang@acme.cn",
        lead="lead-1",
        connection="notify",
        audience="owner",
        attempt=1,
        created_at=0,
        to="wang@acme.cn",
        subject="王芳",
        text="13800138000",
        params={"text": "13800138000"},
    )
    with caplog.at_level(logging.INFO, "leadrules.action.log"):
        result = asyncio.run(LogAction().perform(delivery, ActionContext(connection={}, now=0)))

    (record,) = caplog.records
    assert result == Delivered()
    assert (record.name, record.levelname) == ("leadrules.action.log", "INFO")
    assert json.loads(record.getMessage())["lead"] == "lead-1"
    for personal in ("王芳", "wang@acme.cn", "13800138000"):
        assert personal not in record.getMessage()
