"""A channel that says of its leads' source what the tree of sources does not know.

Such leads come in and keep their source; reports count them as unclassified (未归类).

## Bad

```yaml
# server.yaml
connections:
  email: {plugin: email, host: 127.0.0.1, port: 1025, from: a@example.com}
channels:
  form:
    forms:
      expo: {title: 报名, fields: [{name: phone}], source: {name: 2026华东工业展}}
```

## Good

```yaml
# server.yaml
connections:
  email: {plugin: email, host: 127.0.0.1, port: 1025, from: a@example.com}
channels:
  form:
    forms:
      expo: {title: 报名, fields: [{name: phone}], source: {name: 2026华东工业展, category: 展会}}
```

## Way out

Add `category:`, one of the kinds of sources or what it is called; or list the name under
`sources` in catalog.yaml.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "warning"
# Settings that are maps of what a code says of the source.
_TABLES: Final = ("states", "scenes")
_NAMING: Final = ("category", "name", "utm_source")
Path = tuple[str, ...]


def check(context: Context) -> Iterator[Finding]:
    """Find sources in the settings of channels that have no place."""
    tree = context.definitions.catalogue.sources
    for channel in context.definitions.server.channels.values():
        for path, said in _sources(channel.params):
            if any(said.get(name) for name in _NAMING):
                facts = {f"source.{name}": value for name, value in said.items()}
                if not tree.place(facts, channel.name):
                    named = next(str(said[name]) for name in _NAMING if said.get(name))
                    yield Finding(
                        message=f'nobody knows what kind of source "{named}" is',
                        source=context.below(channel.source, *path),
                        rule=channel.name,
                        hint="add category:, or list the name under sources in catalog.yaml",
                    )


def _sources(settings: Any, path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    if not isinstance(settings, dict):
        return
    for key, value in settings.items():
        here = (*path, str(key))
        if key == "source" and isinstance(value, dict):
            yield here, value
        elif key in _TABLES and isinstance(value, dict):
            yield from (((*here, code), said) for code, said in value.items())
        else:
            yield from _sources(value, here)
