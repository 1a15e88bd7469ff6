"""The built-in plugins that need no peer of their own keep the contracts."""

from __future__ import annotations

from engine.testing import ActionContract, ChannelContract, request
from plugins.actions.log import LogAction
from plugins.channels.form import FormChannel
from plugins.channels.tracking import TrackingChannel

FILLED = {"name": "王芳", "phone": "13800138000", "_id": "1"}


class TestLog(ActionContract):
    action = LogAction()


class TestForm(ChannelContract):
    channel = FormChannel()
    good = (
        request("/contact", form=FILLED),
        request("/contact", data=FILLED, query={"utm_source": "zhihu"}),
    )
    bad = (request("/contact", body=b"\xff"), request("/contact", data=[1]))


class TestTracking(ChannelContract):
    channel = TrackingChannel()
    bad = (request("/open/forged.gif", method="GET"), request("/click/forged", method="GET"))
