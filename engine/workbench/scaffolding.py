"""A new plugin to begin with: a package of its own, with a contract test that passes."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Final

import engine
from engine.errors import LeadrulesError
from engine.host.plugins import Plugins

KINDS: Final = ("channel", "action")
_FORMS: Final = Path(__file__).parent / "scaffold"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_USE: Final[Mapping[str, str]] = {
    "channel": """`server.yaml`:

```yaml
channels:
  $name: {secret: "$${SECRET_OF_$upper}"}
```

The service then posts to `https://HOST/channels/$name/events`.""",
    "action": """`server.yaml`:

```yaml
connections:
  notify: {plugin: $name, url: https://example.com/messages, token: "$${TOKEN_OF_$upper}"}
```

A message's `action` or a step's `do` then names the connection.""",
}


class BadPluginName(LeadrulesError):
    """A name that no Python module can have, or that is taken."""

    code = "bad-plugin-name"


class FolderInUse(LeadrulesError):
    """There is something already where the plugin would be written."""

    code = "folder-in-use"


def files_of(kind: str, name: str) -> dict[str, str]:
    """Return the files of a new plugin, path to text; raises BadPluginName.

    ``kind`` is one of KINDS, ``name`` what server.yaml calls it: small letters, digits and _.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise BadPluginName(
            f'"{name}" cannot be the name of a plugin; it begins with a small letter, and has '
            'small letters, digits and _ only, such as "call_center"'
        )
    for info in Plugins(entry_points=False).describe():
        if name in (info.name, *info.actions, *info.channels):
            raise BadPluginName(f'"{name}" is what a plugin of leadrules itself is called')
    words = {
        "kind": kind,
        "name": name,
        "dashed": name.replace("_", "-"),
        "upper": name.upper(),
        "class": "".join(part.title() for part in name.split("_")) + kind.title(),
        "version": engine.__version__,
    }
    use = Template(_USE[kind]).substitute(words)
    forms = {
        "pyproject.toml": "shared/pyproject.toml.in",
        "README.md": "shared/README.md.in",
        f"leadrules_{name}.py": f"{kind}/plugin.py.in",
        f"tests/test_{name}.py": f"{kind}/test_plugin.py.in",
    }
    return {
        file: Template((_FORMS / form).read_text("utf-8")).substitute(words, use=use)
        for file, form in forms.items()
    }


def write_new(folder: Path, files: Mapping[str, str]) -> None:
    """Write files into a folder that is new or empty; raises FolderInUse, OSError."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderInUse(f'"{folder}" is there already and not empty; name another folder')
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
