"""Compiled rules, kept by their version: what has been compiled once is not compiled again."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

from engine.language.definitions import Definitions
from engine.network.ruleset import Ruleset

KEPT: Final = 4  # going back and forth between two branches of the rules costs nothing


class Compiler:
    """Compiles definitions, and keeps the latest few rulesets to give them again.

    A version says what the rules mean; the same rules may stand on other lines, and beside
    other settings of the server. So the text of the files counts too.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Ruleset] = OrderedDict()

    def ruleset(self, definitions: Definitions, sources: Mapping[str, Sequence[str]]) -> Ruleset:
        """Return the ruleset of these definitions, read from these files: name -> lines."""
        key = definitions.version, _fingerprint(sources)
        found = self._kept.pop(key, None)
        if found is None or found.definitions.server != definitions.server:  # ${ENV} may differ
            found = Ruleset(definitions)
        self._kept[key] = found
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found


def _fingerprint(sources: Mapping[str, Sequence[str]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(sources):
        digest.update(f"{name}\0".encode())
        digest.update("\n".join([*sources[name], "\0"]).encode())
    return digest.hexdigest()
