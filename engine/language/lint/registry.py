"""Finds the checks: every module in ``checks`` is one, its docstring is the check's page."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable
from functools import lru_cache
from types import ModuleType

import msgspec

from engine.language.diagnostic import Severity
from engine.language.lint import checks as package
from engine.language.lint.context import Context
from engine.language.lint.finding import Finding


class Check(msgspec.Struct, frozen=True):
    """A check: ``page`` is Markdown; a ``late`` one judges the ignores, after all others.

    What a ``dated`` one finds comes with time and matters at once: `validate` and `serve` say it.
    """

    code: str
    severity: Severity
    page: str
    run: Callable[[Context], Iterable[Finding]]
    late: bool = False
    dated: bool = False

    @property
    def summary(self) -> str:
        """The page's first sentence."""
        return " ".join(self.page.split("\n\n", 1)[0].split())


@lru_cache(maxsize=1)
def checks() -> tuple[Check, ...]:
    """Return all checks in order of their codes."""
    names = sorted(m.name for m in pkgutil.iter_modules(package.__path__))
    return tuple(_check(importlib.import_module(f"{package.__name__}.{n}")) for n in names)


def _check(module: ModuleType) -> Check:
    return Check(
        code=module.__name__.rpartition(".")[2].replace("_", "-"),
        severity=module.SEVERITY,
        page=inspect.cleandoc(module.__doc__ or ""),
        run=module.check,
        late=getattr(module, "LATE", False),
        dated=getattr(module, "DATED", False),
    )
