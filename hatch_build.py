"""Compiles what decides, and what leads there, by mypyc: the same Python, 1.4 times as fast.

A wheel is pure Python unless LEADRULES_COMPILE is set when it is built (`make wheels`); then it is
one for this Python and this platform, and building it takes a C compiler.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Every step of an event from the door to its rows, by room. Plain data gains nothing, and
# explanations are asked by people.
MODULES = {
    "engine/machines": "adopting arrival bots clocks journeys lead lifecycle profile routine"
    " scoring steps team turn waits withdrawing work",
    "engine/machines/people": "activity choosing claiming notes owning pausing recycling",
    "engine/network": "condition direct guards predicates rules ruleset turns wake windows",
    "engine/host": "ahead alarms batch cache door faults fields gate inbox normalise"
    " telemetry work",
    "engine/store": "arrivals bulk companies links lookup projecting rows splits tags turns"
    " sheet writing",
    "engine/language": "contacts",
    "engine/server": "auth ingest limits policy requests shell",
}


def modules() -> list[str]:
    """Return what is compiled, by its path below the root."""
    return [f"{room}/{name}.py" for room, names in MODULES.items() for name in names.split()]


def compile_in(folder: Path) -> list[Path]:
    """Compile in a folder that has the sources; return the libraries that are there then."""
    from mypyc.build import mypycify
    from setuptools import Distribution

    before = Path.cwd()
    os.chdir(folder)
    try:
        extensions = mypycify(modules(), opt_level="3", debug_level="0")
        distribution = Distribution({"name": "leadrules", "ext_modules": extensions})
        command: Any = distribution.get_command_obj("build_ext")
        command.inplace = True
        distribution.run_command("build_ext")
    finally:
        os.chdir(before)
    return [*folder.glob("*.so"), *folder.glob("*.pyd"), *_below(folder / "engine")]


def _below(folder: Path) -> list[Path]:
    return [path for ending in ("*.so", "*.pyd") for path in folder.rglob(ending)]


class Compiling(BuildHookInterface[Any]):
    """Puts the compiled modules beside the sources of a wheel."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return what building takes beside hatchling: mypyc, and all whose types it asks for."""
        if not _is_asked():
            return []
        core = self.metadata.core
        stubs = [name for name in core.optional_dependencies["dev"] if name.startswith("types-")]
        return ["mypy[mypyc]>=2.4", *core.dependencies, *stubs]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile in a copy, so that nothing is left beside the sources."""
        if version == "editable" or not _is_asked():
            return
        copy = Path(self.directory) / "compiling"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(Path(self.root) / "engine", copy / "engine")
        shutil.copy(Path(self.root) / "pyproject.toml", copy)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        for path in compile_in(copy):
            build_data["force_include"][str(path)] = path.relative_to(copy).as_posix()

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the copy."""
        shutil.rmtree(Path(self.directory) / "compiling", ignore_errors=True)


def _is_asked() -> bool:
    return bool(os.environ.get("LEADRULES_COMPILE"))
