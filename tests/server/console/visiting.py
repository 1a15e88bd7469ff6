"""A browser's way through the console: forms found in pages, filled and sent as they are."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

HTML = {"Accept": "text/html"}


class Page(HTMLParser):
    """What a test asks of a page: its elements, its forms with their hidden fields, its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.source = text
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._aside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.elements.append((tag, given))
        self._aside = tag in {"script", "style"}
        if tag == "form":
            self.forms.append((given.get("action", ""), {}))
        if tag == "input" and given.get("type") == "hidden" and self.forms:
            self.forms[-1][1][given["name"]] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._aside:
            self.words.append(data.strip())

    @property
    def text(self) -> str:
        """All that is read on the page."""
        return " ".join(self.words)


def look(client: TestClient, path: str, status: int = 200, **headers: str) -> Page:
    """Return a page as a browser gets it."""
    answer = client.get(path, headers={**HTML, **headers})
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"].startswith("text/html")
    return Page(answer.text)


def send(client: TestClient, page: Page, action: str, **fields: Any) -> Response:
    """Send the form of a page whose address ends in ``action``, with what was typed."""
    found, hidden = next(form for form in page.forms if form[0].endswith(action))
    return client.post(found, data={**hidden, **fields}, headers=HTML)
