"""Plugins that are files: those of the folder that ``plugins_dir`` of server.yaml names."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from engine.host.plugins import FILE, PluginError, Plugins
from engine.language.diagnostic import Diagnostics
from engine.language.reader import read_document

KEY = "plugins_dir"


def plugins_of(*configs: Path) -> Plugins:
    """Return what is installed, and the plugins in the folders that these configurations name.

    Their code runs here. Raises PluginError where it can't, or where two have one name.
    """
    found: dict[str, object] = {}
    for folder in dict.fromkeys(folder for config in configs for folder in _folders(config)):
        for file in sorted(_files(folder)):
            name = file.parent.name if file.name == "__init__.py" else file.stem
            if name in found:
                raise PluginError(f'{file}: there is already a plugin "{name}"; rename the file')
            found[name] = _module(name, file)
    return Plugins(found)


def _folders(config: Path) -> Iterator[Path]:
    """Yield the folder that server.yaml names; what is wrong there, loading says."""
    named = ""
    for file in (config / "server.yaml", *sorted((config / "server").glob("*.yaml"))):
        if file.is_file():
            document = read_document(file.read_bytes(), str(file), Diagnostics())
            data = document.data if document is not None else None
            written = data.get(KEY) if isinstance(data, dict) else None
            named = written if isinstance(written, str) else named
    if named and (config / named).is_dir():
        yield (config / named).resolve()


def _files(folder: Path) -> Iterator[Path]:
    """Yield each ``NAME.py`` and each ``NAME/__init__.py``; an underscore begins no plugin."""
    for path in folder.iterdir():
        file = path / "__init__.py" if path.is_dir() else path
        if not path.name.startswith((".", "_")) and file.suffix == ".py" and file.is_file():
            yield file


def _module(name: str, file: Path) -> ModuleType:
    """Import a file under a name that no installed module has; raises PluginError."""
    digest = hashlib.sha256(str(file).encode()).hexdigest()[:8]
    package = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(
        f"{FILE}{digest}_{name}", file, submodule_search_locations=package
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses and relative imports look for it
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(spec.name, None)
        raise PluginError(
            f"{file}{_line(error, file)}: the plugin can't be loaded: "
            f"{type(error).__name__}: {error}"
        ) from error
    return module


def _line(error: Exception, file: Path) -> str:
    """Return the line of a file where an error comes from, as `:LINE`; nothing if elsewhere."""
    if isinstance(error, SyntaxError):
        return f":{error.lineno}"
    own = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
    return f":{own[-1]}" if own else ""
