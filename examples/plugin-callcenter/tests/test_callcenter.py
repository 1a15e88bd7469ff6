import hashlib
import hmac
import json
from pathlib import Path
from tempfile import mkdtemp

from leadrules_callcenter import (
    CATALOGUE,
    SIGNATURE,
    TIMESTAMP,
    CallCenterChannel,
    SpoolAction,
)

from engine.plugin import Delivered, Misconfigured
from engine.testing import ActionContract, ChannelContract, FakeClock, Sent, request

SECRET = "a-secret-for-the-tests"
CALL = {"id": "20260302-7", "caller": "13800138000", "seconds": 95, "answered": True}


def signed(call: object, secret: str = SECRET, late_s: int = 0) -> Sent:
    body = json.dumps(call).encode()
    stamp = str(FakeClock().now() // 1_000 - late_s)
    signature = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return request("/calls", body=body, headers={SIGNATURE: signature, TIMESTAMP: stamp})


class TestCallCenter(ChannelContract):
    channel = CallCenterChannel()
    settings = {"secret": SECRET}  # noqa: RUF012
    catalogue = CATALOGUE
    good = (signed(CALL),)
    bad = (
        signed(CALL, "another-secret-altogether"),
        signed(CALL, late_s=301),
        signed([]),
        signed({}),
    )

    def test_the_caller_is_the_lead(self) -> None:
        (arrival,) = self.arrivals(self.handle(signed(CALL)))
        assert arrival.event.lead["phone"] == "+8613800138000"
        assert arrival.event.properties["seconds"] == 95


class TestSpool(ActionContract):
    action = SpoolAction()

    def settings(self, address: str) -> dict[str, str]:
        self.folder = Path(mkdtemp())
        return {"folder": str(self.folder)}

    def test_a_note_is_one_file(self) -> None:
        assert isinstance(self.perform(""), Delivered)
        (file,) = self.folder.iterdir()
        assert json.loads(file.read_text("utf-8"))["text"] == "王芳，您好！"

    def test_no_folder_is_a_fault_of_the_configuration(self) -> None:
        class Nowhere(TestSpool):
            def settings(self, address: str) -> dict[str, str]:
                return {"folder": "/nowhere/at/all"}

        assert isinstance(Nowhere().perform(""), Misconfigured)
