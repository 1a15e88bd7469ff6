"""The built-in channels and actions, registered through the same hooks as anybody's."""

from __future__ import annotations

from types import ModuleType

from plugins.actions import email, log
from plugins.channels import form, tracking


def builtin() -> dict[str, ModuleType]:
    """Return the built-in plugins by name."""
    return {"email": email, "form": form, "log": log, "tracking": tracking}
