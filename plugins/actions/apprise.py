"""The action ``apprise``: a note by any service that Apprise knows, for the long tail of them.

Apprise does its own calls. It does them in a process of its own (`apprise_child`), which refuses
every socket that the engine's guard would refuse and is ended when it takes too long.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.plugin import (
    Action,
    ActionContext,
    Delivered,
    Failed,
    Limits,
    Misconfigured,
    OutgoingDelivery,
    Result,
    Retry,
    hookimpl,
)

FORMATS: Final = ("text", "markdown", "html")
SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["urls"],
    "properties": {
        "urls": {
            "type": "array",
            "minItems": 1,
            "maxItems": 20,
            "items": {"type": "string", "pattern": "^[a-z][a-z0-9+]*://"},
        },
        "format": {"enum": list(FORMATS)},
        "allow_private": {"type": "boolean"},
        "timeout_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 25},
    },
}
MISSING: Final = "the package apprise is not installed: pip install 'leadrules[apprise]'"
TIMEOUT_S: Final = 20.0
_CHILD: Final = "plugins.actions.apprise_child"
_ENVIRONMENT: Final = {"PYTHONIOENCODING": "utf-8"}  # nothing of the server's, secrets least of all
_LIMIT: Final = 429


class AppriseAction(Action):
    """Sends one note to all addresses of the connection."""

    name = "apprise"
    connection_schema = SETTINGS
    limits = Limits(concurrency=1)

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        if not is_installed():
            return Misconfigured(MISSING)
        params = delivery.params
        title = str(params.get("title") or delivery.subject or "")
        body = str(params.get("text") or delivery.text or "")
        if not (title or body):
            return Failed("there is nothing to say: write text: under `with`, or send a message")
        return judged(await _asked(context, {"title": title, "body": body or title}))

    async def check(self, context: ActionContext) -> Result | None:
        """Look whether Apprise understands the addresses; nothing is called."""
        if not is_installed():
            return Misconfigured(MISSING)
        return judged(await _asked(context, {}))


def is_installed() -> bool:
    """Whether the extra is there."""
    return importlib.util.find_spec("apprise") is not None


async def _asked(context: ActionContext, note: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what came of each address, as the child tells; raises TimeoutError."""
    settings = context.connection
    told = {
        **note,
        "urls": settings["urls"],
        "format": settings.get("format", "text"),
        "allow_private": bool(settings.get("allow_private")),
    }
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", _CHILD), stdin=pipe, stdout=pipe, env=_environment()
    )
    try:
        async with asyncio.timeout(float(settings.get("timeout_s", TIMEOUT_S))):
            said, _ = await child.communicate(json.dumps(told).encode())
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    answers: list[dict[str, Any]] = json.loads(said) if child.returncode == 0 else []
    return answers


def _environment() -> dict[str, str]:
    return {**_ENVIRONMENT, "PYTHONPATH": ":".join(path for path in sys.path if path)}


def judged(answers: list[dict[str, Any]]) -> Result:
    """Return what answers mean, the worst that a person must mend first.

    Where one address took it the delivery is done, and the others are named: another attempt
    would tell the first again.
    """
    if not answers:
        return Retry("Apprise ended without an answer")
    wrong = {f"address {n}": each for n, each in enumerate(answers, 1) if not each["sent"]}
    if len(wrong) < len(answers):
        return Delivered(refused={where: _why(each) for where, each in wrong.items()})
    where, first = next(iter(wrong.items()))
    reason = f"{where}: {_why(first)}"
    if any(each["wrong"] or each["forbidden"] or each["status"] in (401, 403) for each in answers):
        return Misconfigured(reason)
    if any(each["status"] in (None, _LIMIT) or each["status"] >= 500 for each in answers):
        return Retry(reason)
    return Failed(reason)


def _why(answer: Mapping[str, Any]) -> str:
    if answer["wrong"]:
        return "Apprise does not understand it"
    if answer["forbidden"]:
        return f"it leads to {answer['forbidden']}, which must not be called"
    status = answer["status"]
    return "no answer" if status is None else f"the service answered {status}"


@hookimpl
def register_actions(register: Callable[[Action], None]) -> None:
    """Register the action."""
    register(AppriseAction())
