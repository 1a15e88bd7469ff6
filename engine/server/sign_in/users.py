"""The API of accounts, for administrators."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request

from engine.errors import Refused
from engine.language.instants import format_instant
from engine.language.serving import ROLES
from engine.server.endpoint import TEXT, Endpoint, Schema, object_of
from engine.server.ownership import principal
from engine.server.problems import Json, Problem
from engine.server.roles import ADMIN
from engine.server.sign_in.desk import Desk
from engine.server.sign_in.passwords import LEAST, MOST
from engine.server.sign_in.people import PASSWORD, folded
from engine.store.accounts import Account

_ROLE: Final[Schema] = {"type": "string", "enum": list(ROLES)}
_MEMBER: Final[Schema] = {"type": ["string", "null"]}
_SECRET: Final[Schema] = {"type": "string", "minLength": LEAST, "maxLength": MOST}
_NEW: Final[dict[str, Schema]] = {
    "name": TEXT,
    "password": _SECRET,
    "role": _ROLE,
    "member": _MEMBER,
}
_CHANGES: Final[dict[str, Schema]] = {
    "password": _SECRET,
    "role": _ROLE,
    "member": _MEMBER,
    "disabled": {"type": "boolean"},
}
_FAILS: Final = (404, 409, 413, 422, 429)


def desk_of(request: Request) -> Desk:
    """Return the front desk of the request's application."""
    found: Desk = request.app.state.desk
    return found


async def list_users(request: Request) -> Json:
    """All accounts by name, without what proves them."""
    desk = desk_of(request)
    return Json({"items": [item(desk, each) for each in desk.accounts.all()], "next": None})


def item(desk: Desk, account: Account) -> dict[str, Any]:
    """Return an account as clients see it."""
    return {
        "name": account.name,
        "role": account.role,
        "member": account.member,
        "must_change": account.must_change,
        "disabled": account.disabled,
        "created_at": format_instant(account.created_at),
        "changed_at": format_instant(account.changed_at),
        "sessions": len(desk.sessions.whose(PASSWORD, account.name)),
    }


async def create(request: Request) -> Json:
    """Make an account. The first one closes a server that was open to its machine."""
    data = _checked(await object_of(request, *_NEW), _NEW, ("name", "password", "role"))
    desk, name = desk_of(request), data["name"]
    request.state.about = name[:80]
    access = request.app.state.policies.current().access
    if access.is_open and not desk.closes and data["role"] != "admin":
        raise Refused("the first account closes this server, so it must have the role admin")
    tokens = {ADMIN.name, *(token.name for token in request.app.state.policies.tokens())}
    if folded(name) in map(folded, tokens):
        raise Refused(f"there is a token {name!r}; the audit could not tell them apart")
    made = await desk.accounts.create(name, data["password"], data["role"], data.get("member"))
    return Json(item(desk, made))


async def change(request: Request) -> Json:
    """Change an account: role with member, password, disabled. Its sessions end."""
    data = _checked(await object_of(request, *_CHANGES), _CHANGES, ())
    desk, name = desk_of(request), request.path_params["name"]
    request.state.about = name[:80]
    if not data or ("member" in data and "role" not in data):
        raise Problem(422, "bad-value", "say what to change: password, disabled, role with member")
    account = desk.accounts.get(name)
    if (
        account is not None
        and account.name == principal(request).name
        and set(data) != {"password"}
    ):
        raise Refused("nobody takes their own rights away; let another administrator do it")
    return Json(item(desk, await desk.accounts.change(name, data)))


async def sign_out(request: Request) -> Json:
    """End all sessions of an account."""
    await object_of(request)
    desk, name = desk_of(request), request.path_params["name"]
    request.state.about = name[:80]
    account = desk.accounts.named(name)
    return Json({"ended": await desk.end_all(PASSWORD, account.name)})


def _checked(data: dict[str, Any], known: dict[str, Schema], needed: tuple[str, ...]) -> Any:
    """Return the body; raises Problem 422 where a key is missing or no text."""
    for name in needed:
        if not data.get(name):
            raise Problem(422, "bad-value", f'"{name}" is missing')
    for name, value in data.items():
        kind = bool if known[name].get("type") == "boolean" else str
        if not isinstance(value, kind) and not (name == "member" and value is None):
            raise Problem(422, "bad-value", f'"{name}" must be {kind.__name__}')
    return data


def _post(
    path: str, handler: Any, summary: str, takes: dict[str, Schema], *needed: str
) -> Endpoint:
    required = {"required": list(needed)} if needed else {}
    return Endpoint(
        method="POST",
        path=path,
        handler=handler,
        summary=summary,
        tag="accounts",
        takes={"type": "object", "additionalProperties": False, "properties": takes, **required},
        fails=_FAILS,
        scope="admin",
    )


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/users",
        handler=list_users,
        summary="Accounts of people who sign in with a password",
        tag="accounts",
        gives={"$ref": "#/components/schemas/Page"},
        scope="admin",
    ),
    _post("/v1/users", create, "Make an account", _NEW, "name", "password", "role"),
    _post("/v1/users/{name}", change, "Change an account; its sessions end", _CHANGES),
    _post("/v1/users/{name}/sign-out", sign_out, "End all sessions of an account", {}),
)
