"""For the tests of plugins: a contract for each kind, a service on loopback, a clock, a recorder.

A test class derives from a contract and names the plugin; pytest runs what the contract says::

    class TestPhone(ChannelContract):
        channel = PhoneChannel()
        good = (request("/calls", data={"id": 1, "caller": "13800138000"}),)
"""

from engine.testing.actions import ActionContract as ActionContract
from engine.testing.channels import ChannelContract as ChannelContract
from engine.testing.channels import Sent as Sent
from engine.testing.channels import handled as handled
from engine.testing.channels import request as request
from engine.testing.clock import FakeClock as FakeClock
from engine.testing.enrichers import EnricherContract as EnricherContract
from engine.testing.peer import Peer as Peer
from engine.testing.peer import PeerAnswer as PeerAnswer
from engine.testing.peer import Seen as Seen
from engine.testing.recording import RecordingAction as RecordingAction
from engine.testing.recording import delivery as delivery
