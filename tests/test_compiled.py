"""What `make compiled` compiles: that it is there, that mypyc reads it as Python does, and who runs it."""

from __future__ import annotations

import ast
import importlib
import os
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

ROOT = Path(__file__).parents[1]


def _hook() -> Any:
    spec = spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    hook = module_from_spec(spec)
    spec.loader.exec_module(hook)
    return hook


HOOK = _hook()
MODULES: list[str] = HOOK.modules()


def test_each_module_is_named_once() -> None:
    """In a folder of its room; one that moves is told of here and not by a slower engine."""
    assert len(set(MODULES)) == len(MODULES)
    assert all((ROOT / name).is_file() for name in MODULES)


@pytest.mark.parametrize("asked", [True, False])
def test_a_build_fetches_what_it_needs_and_no_more(
    monkeypatch: pytest.MonkeyPatch, asked: bool
) -> None:
    """To compile it takes mypyc, and all that the engine imports with its stubs; else nothing."""
    monkeypatch.setenv("LEADRULES_COMPILE", "1" if asked else "")
    metadata: Any = ProjectMetadata(str(ROOT), PluginManager())
    hook = HOOK.Compiling(str(ROOT), {}, None, metadata, str(ROOT / "dist"), "wheel")
    names = {re.split(r"[^\w-]", each)[0] for each in hook.dependencies()}
    assert ({"mypy", "msgspec", "types-pyyaml"} <= names) is asked
    assert bool(names) is asked


@pytest.mark.parametrize("name", MODULES)
def test_classes_take_no_options(name: str) -> None:
    """Mypyc drops those of a class statement: a Struct would lose `frozen`, `array_like` and `gc`."""
    tree = ast.parse((ROOT / name).read_text("utf-8"))
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert [node.name for node in classes if node.keywords] == []


@pytest.mark.parametrize("name", MODULES)
def test_errors_carry_no_code_of_their_own(name: str) -> None:
    """Mypyc keeps a value of a class statement from who reads it by way of a base in Python."""
    tree = ast.parse((ROOT / name).read_text("utf-8"))
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.bases]
    values = {
        node.name: [ast.unparse(each) for each in node.body if isinstance(each, ast.Assign)]
        for node in classes
        if ast.unparse(node.bases[0]) != "Enum"
    }
    assert [name for name, own in values.items() if any("__slots__" not in e for e in own)] == []


@pytest.mark.parametrize("name", MODULES)
def test_what_runs_is_what_was_asked_for(name: str) -> None:
    """Compiled where `make test-compiled` says so, else Python, whose coverage is counted."""
    module = importlib.import_module(name.removesuffix(".py").replace("/", "."))
    assert module.__file__ is not None
    is_compiled = not module.__file__.endswith(".py")
    assert is_compiled is bool(os.environ.get("LEADRULES_COMPILED"))
