"""What every plugin must be, whatever its kind."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import ModuleType
from typing import Any, Final

import jsonschema

from engine.host.plugins import Plugins
from engine.language.data import shipped
from engine.language.definitions import Definitions
from engine.language.load import load_folder
from engine.plugin import hookimpl

UNKNOWN: Final = "a-key-that-no-plugin-has"


def registered(hook: str, part: Any) -> Plugins:
    """Return the built-in plugins with ``part`` among them; raises PluginError.

    A part that takes the place of a built-in one is there already.
    """
    builtin = Plugins(entry_points=False)
    # An action and a channel may have the same name.
    known = (builtin.actions, builtin.channels, builtin.enrichers)
    if any(type(kind.get(part.name)) is type(part) for kind in known):
        return builtin
    module = ModuleType("under_test")
    function = hookimpl(lambda register: register(part))
    setattr(module, hook, function)
    return Plugins({"under-test": module}, entry_points=False)


def check_schema(schema: Mapping[str, Any], where: str, good: Mapping[str, Any]) -> None:
    """Assert that a schema of settings is draft-07, takes ``good``, and no unknown key."""
    jsonschema.Draft7Validator.check_schema(dict(schema))
    wrong = [error.message for error in violations(schema, good)]
    assert not wrong, f"{where} refuses its own example: {wrong}"
    assert list(violations(schema, {**good, UNKNOWN: 1})), (
        f"{where} takes the unknown key {UNKNOWN!r}: a misspelt setting would be no error; "
        'add "additionalProperties": False'
    )


def violations(schema: Mapping[str, Any], value: Any) -> Iterator[jsonschema.ValidationError]:
    """Yield what is wrong with a value."""
    yield from jsonschema.Draft7Validator(dict(schema)).iter_errors(value)


def company(catalogue: Mapping[str, Any]) -> Definitions:
    """Return the default configuration with ``catalogue``, in the form of catalog.yaml, added."""
    return _company(json.dumps(catalogue))


@lru_cache(maxsize=8)
def _company(catalogue: str) -> Definitions:
    added = json.loads(catalogue)
    loaded = load_folder(shipped("config"), {}, {"under-test": added} if added else {})
    assert loaded.definitions is not None, [d.message for d in loaded.diagnostics]
    return loaded.definitions
