"""A plugin by somebody else: built, installed into an environment of its own, and run there."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import site
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.serving import JOURNEYS, SCORING, wait_for, write_config

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "examples" / "plugin-callcenter"
SECRET = "a-secret-for-the-tests"

pytestmark = pytest.mark.slow


class Home(msgspec.Struct, frozen=True):
    """A virtual environment with the plugin installed, and a company that uses it."""

    python: Path
    config: Path
    spool: Path
    folder: Path

    def run(self, *arguments: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run Python there; nothing of this process's own path is seen."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LEADRULES"))}
        return subprocess.run(
            [str(self.python), *map(str, arguments)],
            cwd=self.folder, env=environ, capture_output=True, text=True, timeout=60, check=False,
            **more,
        )  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Build the wheel and install it, without a network: leadrules itself is lent by this one."""
    folder = tmp_path_factory.mktemp("third-party")
    builder = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(PLUGIN)]
    built = subprocess.run(
        [sys.executable, *builder], capture_output=True, text=True, timeout=60, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    own = Path(
        subprocess.check_output(
            [str(python), "-c", "import site; print(site.getsitepackages()[0])"], text=True
        ).strip()
    )
    lent = [*site.getsitepackages(), str(ROOT)]
    (own / "lent.pth").write_text("".join(f"{path}\n" for path in lent))
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q"]
    quiet = ["--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*pip, *quiet, str(wheel)], check=True, timeout=60)
    spool = folder / "spool"
    spool.mkdir()
    config = write_config(
        folder / "config",
        journeys=JOURNEYS.replace("enter: {event: form_submitted}", "enter: {event: call_ended}"),
        scoring=SCORING.replace("event: form_submitted", "event: call_ended"),
        server=(
            "connections:\n  email: {plugin: log}\n"
            f"  notify: {{plugin: spool, folder: '{spool}'}}\n"
            f"channels:\n  callcenter: {{secret: '{SECRET}'}}\n"
        ),
        catalog="fields:\n  vip: {type: boolean}\n",
        routing=(
            "teams:\n  east:\n    members: [{id: li.na, name: 李娜, email: li.na@example.com}]\n"
            "rules:\n  - {id: all, when: {lead.phone: {exists: true}}, assign: {team: east, strategy: round_robin}}\n"
            "  - {id: rest, assign: {pool: public}}\n"
            "pools: {public: {label: 公海池}}\n"
        ),
    )
    return Home(python, config, spool, folder)


def test_it_is_listed_with_its_origin(home: Home) -> None:
    """`leadrules plugins` names its distribution and version, its hooks and its settings."""
    ran = home.run("-m", "engine.cli", "plugins", "callcenter", "--format", "json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["origin"] == "leadrules_callcenter (leadrules-callcenter 1.2.0)"
    assert set(told["hooks"]) == {"register_actions", "register_channels", "extend_catalogue"}
    assert told["channels"]["callcenter"]["settings"] == [{"name": "secret", "required": True}]
    assert told["actions"]["spool"]["settings"] == [{"name": "folder", "required": True}]


def test_it_is_not_here() -> None:
    """This environment does not have it: what is tested is the installed one."""
    ran = subprocess.run(
        [sys.executable, "-c", "import leadrules_callcenter"], capture_output=True, check=False
    )
    assert ran.returncode != 0


def test_its_own_tests_pass(home: Home) -> None:
    """The contracts hold in its environment, warnings being errors."""
    options = ("-q", "-W", "error", "-p", "no:cacheprovider", "--rootdir", str(PLUGIN))
    ran = home.run("-m", "pytest", *options, "--import-mode=importlib", PLUGIN / "tests")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " passed" in ran.stdout


def test_a_misspelt_setting_is_found(home: Home) -> None:
    """`validate` checks its settings as it does those of the built-in ones."""
    assert home.run("-m", "engine.cli", "validate", home.config).returncode == 0
    server = home.config / "server.yaml"
    text = server.read_text("utf-8")
    server.write_text(text.replace("folder:", "foldr:"), "utf-8")
    try:
        ran = home.run("-m", "engine.cli", "validate", home.config)
    finally:
        server.write_text(text, "utf-8")
    assert ran.returncode == 1
    assert "bad-connection" in ran.stdout


@pytest.fixture
def url(home: Home) -> Iterator[str]:
    """Serve the company from the plugin's environment."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LEADRULES"))}
    arguments = ["serve", "--config", str(home.config), "--db", str(home.folder / "leads.db")]
    process = subprocess.Popen(
        [str(home.python), "-m", "engine.cli", *arguments, "--port", "0"],
        stderr=subprocess.PIPE, text=True, env=environ, cwd=home.folder,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        first = process.stderr.readline()
        found = re.search(r"http://\S+[^/\s]", first)
        assert found, first
        yield found[0]
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_a_call_becomes_a_lead_and_a_note(home: Home, url: str) -> None:
    """A signed call makes a lead, counts once, and its journey's note is a file in the spool."""
    call = {"id": "7", "caller": "13800138000", "seconds": 95, "answered": True}
    body = json.dumps(call).encode()
    stamp = str(int(time.time()))
    signature = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"x-call-timestamp": stamp, "x-call-signature": signature}
    target = f"{url}/channels/callcenter/calls"
    for _ in range(2):
        assert httpx.post(target, content=body, headers=headers).status_code == 202
    forged = {**headers, "x-call-signature": "0" * 64}
    assert httpx.post(target, content=body, headers=forged).status_code == 401
    items = httpx.get(f"{url}/v1/leads/13800138000/timeline").json()["items"]
    assert [i["type"] for i in items if i["kind"] == "event"].count("call_ended") == 1
    (note,) = wait_for(lambda: list(home.spool.glob("*.json")))
    assert json.loads(note.read_text("utf-8"))["title"] == "新线索 ?"
