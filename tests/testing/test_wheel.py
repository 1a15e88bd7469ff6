"""The wheel that people install: what it carries, and that type checkers read it."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import msgspec
import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = """\
from engine.plugin import Channel, ChannelRequest, Delivered, Rejection, Route

reveal_type(Delivered("信-1").provider_id)


async def take(request: ChannelRequest) -> Rejection:
    return Rejection(reason=404)


class 电话(Channel):
    name = "phone"

    def routes(self) -> list[Route]:
        return [Route("/calls", ("POST",), take)]
"""

pytestmark = pytest.mark.slow


class Installed(msgspec.Struct, frozen=True):
    """The wheel, and the Python of an environment into which it was installed."""

    wheel: Path
    python: Path
    folder: Path

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command outside the repository; nothing of this process's own path is seen."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LEADRULES"))}
        return subprocess.run(
            list(map(str, command)),
            cwd=self.folder, env=environ, capture_output=True, text=True, timeout=110, check=False,
        )  # fmt: skip


def without_leadrules(folder: Path) -> list[str]:
    """Return the places of this environment's libraries, without those that lead to this tree."""
    lent = folder / "lent"
    lent.mkdir()
    for place in site.getsitepackages():
        for entry in Path(place).iterdir():
            if entry.suffix != ".pth" and not entry.name.startswith("leadrules"):
                (lent / entry.name).symlink_to(entry)
    return [str(lent)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build the wheel and install it, without a network: its libraries are lent by this one."""
    folder = tmp_path_factory.mktemp("wheel")
    builder = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(
        [sys.executable, *builder], capture_output=True, text=True, timeout=100, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    where = [str(python), "-c", "import site; print(site.getsitepackages()[0])"]
    own = Path(subprocess.check_output(where, text=True).strip())
    (own / "lent.pth").write_text("".join(f"{path}\n" for path in without_leadrules(folder)))
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps"]
    quiet = ["--no-index", "--disable-pip-version-check", "--ignore-installed"]
    subprocess.run([*pip, *quiet, str(wheel)], check=True, timeout=60)
    return Installed(wheel, python, folder)


def test_the_wheel_says_that_it_is_typed(installed: Installed) -> None:
    """Both packages carry the mark of PEP 561."""
    assert {"engine/py.typed", "plugins/py.typed"} <= set(ZipFile(installed.wheel).namelist())


def test_a_type_checker_reads_the_installed_types(installed: Installed) -> None:
    """In somebody's plugin mypy knows what `engine.plugin` gives, and finds a wrong argument."""
    plugin = installed.folder / "plugin.py"
    plugin.write_text(PLUGIN, encoding="utf-8")
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", installed.python]
    ran = installed.run(*mypy, "--cache-dir", installed.folder / "cache", plugin)
    told = ran.stdout.replace("builtins.", "")  # which older versions say, and newer ones do not
    found = [line for line in told.splitlines() if line.startswith("plugin.py:")]
    assert found == [
        'plugin.py:3: note: Revealed type is "str"',
        'plugin.py:7: error: Argument "reason" to "Rejection" has incompatible type "int"; expected "str"  [arg-type]',
    ], ran.stdout + ran.stderr


def test_the_installed_command_begins_a_configuration(installed: Installed) -> None:
    """`init` finds the texts that it writes in the wheel, and what it writes is sound."""
    leadrules = installed.python.with_name("leadrules")
    where = installed.run(installed.python, "-c", "import engine; print(engine.__file__)")
    assert where.stdout.startswith(str(installed.folder / "venv"))
    for arguments in (("init", "config"), ("validate",), ("test",)):
        ran = installed.run(leadrules, *arguments)
        assert ran.returncode == 0, ran.stdout + ran.stderr
