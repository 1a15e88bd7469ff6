from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.cli.main import cli
from engine.server.run import GRACE_S
from tests.docs.pages import ROOT

UNIT = ROOT / "deploy" / "leadrules.service"
CONTAINER = ROOT / "deploy" / "Containerfile"
ANALYZE = shutil.which("systemd-analyze")


def settings() -> dict[str, str]:
    """Return the unit's settings; of those that stand twice, the last."""
    found = re.findall(r"^(\w+)=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE)
    return dict(found)


def test_the_units_command_is_one() -> None:
    """What the unit and the image start is a command line that `serve` understands."""
    in_unit = settings()["ExecStart"].split()[1:]
    in_image = eval(re.findall(r"^CMD (\[.*)$", CONTAINER.read_text("utf-8"), re.MULTILINE)[0])
    for arguments in (in_unit, in_image):
        assert arguments[0] == "serve"
        answer = CliRunner().invoke(cli, [*arguments, "--help"])
        assert answer.exit_code == 0
        for option in (each for each in arguments if each.startswith("--")):
            assert option in answer.output


def test_the_unit_waits_long_enough() -> None:
    """The unit gives the server the time that it needs to end in order."""
    assert int(settings()["TimeoutStopSec"]) > GRACE_S + 10
    assert settings()["ExecReload"].startswith("/bin/kill -HUP")


@pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze here")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """`systemd-analyze verify` finds nothing wrong in the unit."""
    text = UNIT.read_text("utf-8").replace("/opt/leadrules/bin/leadrules", "/bin/true")
    unit = tmp_path / "leadrules.service"
    unit.write_text(text, "utf-8")
    answer = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", str(unit)],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    told = [line for line in answer.stderr.splitlines() if "leadrules.service" in line]
    assert told == []


@pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze here")
def test_the_unit_is_shut_in(tmp_path: Path) -> None:
    """`systemd-analyze security` rates the exposure of the unit 2.0 or better."""
    shutil.copy(UNIT, tmp_path)
    answer = subprocess.run(
        [str(ANALYZE), "security", "--offline=yes", str(tmp_path / UNIT.name)],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", answer.stdout)
    assert found is not None, answer.stderr
    assert float(found[1]) <= 2.0


def test_the_image_runs_without_rights() -> None:
    """The image has a user of its own, a health check of a route that exists, and one folder to write."""
    text = CONTAINER.read_text("utf-8")
    last = text.rpartition("\nFROM ")[2]
    assert re.search(r"^USER (?!0)\d+:\d+$", last, re.MULTILINE)
    assert "/-/ready" in last.partition("HEALTHCHECK")[2]
    assert re.findall(r"^VOLUME (.*)$", last, re.MULTILINE) == ["/data"]
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for name in copied.split():
            assert (ROOT / name).exists()
