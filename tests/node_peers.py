"""Packages from npm as peers in tests: installed once for all runs, run by node."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest


def node_package(name: str, version: str) -> Path:
    """Return the folder below which the package is installed; skips where that cannot be."""
    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        pytest.skip("node is not installed")
    folder = Path(
        tempfile.gettempdir(), "leadrules-node-peers", f"{name.replace('/', '-')}-{version}"
    )
    if not (folder / "node_modules" / name / "package.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        install = [
            npm,
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            f"{name}@{version}",
        ]
        (folder / "package.json").write_text("{}", "utf-8")
        done = subprocess.run(install, cwd=folder, capture_output=True, timeout=90, check=False)
        if done.returncode:
            pytest.skip(f"npm cannot install {name}@{version}")
    return folder


def run_node(folder: Path, script: str, given: Any) -> Any:
    """Return what a script writes to its output as JSON; it reads ``given`` as JSON."""
    done = subprocess.run(
        ["node", "-e", script],
        cwd=folder,
        input=json.dumps(given).encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return json.loads(done.stdout)
