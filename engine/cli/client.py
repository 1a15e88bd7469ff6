"""Talk to a running server, and say plainly why it does not work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.cli.common import DEFAULT_URL, language
from engine.errors import LeadrulesError

if TYPE_CHECKING:
    import httpx

# A batch is answered after the commit; a busy server may take a while.
_TIMEOUT = 60.0


class Unreachable(LeadrulesError):
    """The server does not answer."""

    code = "unreachable"


class ServerRefused(LeadrulesError):
    """The server answered with an error; ``details`` are the server's own."""

    def __init__(
        self, message: str, status: int, code: str = "server-refused", details: Any = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details


class Client:
    """A connection to one server. Use as a context manager."""

    def __init__(self, url: str | None, token: str | None) -> None:
        import httpx

        self.url = (url or DEFAULT_URL).rstrip("/")
        headers = {"accept-language": language()}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=_TIMEOUT)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """Return the JSON at ``path``; raises Unreachable or ServerRefused."""
        return self._send("GET", path, params=params)

    def post(self, path: str, body: Any) -> Any:
        """Return the JSON answer to ``body``; raises Unreachable or ServerRefused."""
        return self._send("POST", path, json=body)

    def _send(self, method: str, path: str, **more: Any) -> Any:
        import httpx

        try:
            answer = self._http.request(method, path, **more)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise Unreachable(
                f"the server at {self.url} does not answer ({error}); is `leadrules serve` "
                "running, and is --url or LEADRULES_URL right?"
            ) from error
        if answer.is_success:
            return _json(answer)
        raise _refusal(answer)


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        text = f"{answer.url} did not answer in JSON; is it a leadrules server?"
        raise ServerRefused(text, answer.status_code) from None


def _refusal(answer: httpx.Response) -> ServerRefused:
    try:
        error = answer.json()["error"]
        message, code, details = error["message"], error["code"], error["details"]
    except (ValueError, KeyError, TypeError):
        message, code, details = answer.reason_phrase, "server-refused", ()
    hint = "; give --token or set LEADRULES_TOKEN" if answer.status_code == 401 else ""
    text = f"{answer.request.method} {answer.url.path}: {answer.status_code} {message}{hint}"
    return ServerRefused(text, answer.status_code, code, details)
