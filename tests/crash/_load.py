"""Clients that never let go of an event: what was not acknowledged they send again."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import Counter
from typing import Any

import httpx

Event = dict[str, Any]
SHARED = 20  # leads that all clients know
GIVEN_UP = 0.1  # of the requests without an answer, so many are never sent again
LATER = frozenset({429, 503, 507})
AGAIN = frozenset({"overloaded", "storage", "stopped"})


class Client:
    """One client in its own thread, with leads of its own and some that all share.

    ``sent`` are the events it ever sent, ``acknowledged`` the ids that were answered for,
    ``given_up`` those that it stopped asking about, ``answers`` counts the statuses.
    """

    def __init__(self, name: str, url: str, seed: str, pause: float) -> None:
        self.sent: dict[str, Event] = {}
        self.acknowledged: set[str] = set()
        self.given_up: set[str] = set()
        self.answers: Counter[str] = Counter()
        self.defect: Exception | None = None
        self._name = name
        self._url = f"{url}/v1/events"
        self._chance = random.Random(f"{seed}-{name}")
        self._pause = pause
        self._numbers = itertools.count()
        self._leads = [f"shared{n}@acme.cn" for n in range(SHARED)]
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"client-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Let it finish what it has begun, raise what went wrong."""
        self._ending.set()
        self._thread.join(120)
        if self.defect is not None:
            raise self.defect
        assert not self._thread.is_alive(), f"client {self._name} still waits for an answer"

    def _run(self) -> None:
        try:
            with httpx.Client(timeout=30) as http:
                while not self._ending.is_set():
                    self._send(http, self._request())
                    time.sleep(self._chance.uniform(0, 2 * self._pause))
        except Exception as error:  # for `end`, in the thread of the test
            self.defect = error

    def _request(self) -> list[Event]:
        draw = self._chance.random()
        size = 1 if draw < 0.75 else self._chance.randint(2, 12)
        events = [self._event() for _ in range(size)]
        self.sent.update((event["id"], event) for event in events)
        return events

    def _event(self) -> Event:
        return self._form() if self._chance.random() < 0.3 else self._view()

    def _form(self) -> Event:
        number = next(self._numbers)
        address = f"{self._name}-{number}@acme.cn"
        self._leads.append(address)
        lead = {"email": address, "name": "王芳", "company": f"金泰阀门{number}"}
        return event_of(f"form-{self._name}-{number}", "form_submitted", lead, {"form": "contact"})

    def _view(self) -> Event:
        id = f"view-{self._name}-{next(self._numbers)}"
        lead = {"email": self._chance.choice(self._leads)}
        return event_of(id, "page_viewed", lead, {"page": "pricing"})

    def _send(self, http: httpx.Client, events: list[Event]) -> None:
        """Send until each is acknowledged; now and then a client goes away for good."""
        waiting = events
        while waiting:
            try:
                answer = http.post(self._url, json=waiting if len(waiting) > 1 else waiting[0])
            except httpx.TransportError as error:
                self.answers[type(error).__name__] += 1
                # A refused connection cannot have stored anything; whoever saw no more than that
                # simply comes again.
                if not isinstance(error, httpx.ConnectError) and self._chance.random() < GIVEN_UP:
                    self.given_up.update(event["id"] for event in waiting)
                    return
                time.sleep(0.05)
                continue
            self.answers[str(answer.status_code)] += 1
            if answer.status_code in LATER:
                assert answer.headers.get("Retry-After"), answer.text
                time.sleep(0.1)
                continue
            assert answer.status_code == 200, answer.text
            waiting = self._unanswered(waiting, answer.json()["results"])

    def _unanswered(self, events: list[Event], results: list[Event]) -> list[Event]:
        """Note what is acknowledged; return what is to be sent again."""
        again = []
        for event, result in zip(events, results, strict=True):
            error = result.get("error")
            if error is None:
                assert result["id"] == event["id"]
                self.acknowledged.add(event["id"])
            else:
                assert error["code"] in AGAIN, error
                again.append(event)
        return again


def event_of(id: str, type: str, lead: dict[str, str], properties: dict[str, str]) -> Event:
    return {"id": id, "type": type, "lead": lead, "properties": properties}


class Clients:
    """Several of them."""

    def __init__(
        self,
        url: str,
        seed: str,
        count: int = 4,
        pause: float = 0.02,
        kind: type[Client] = Client,
    ) -> None:
        self.all = [kind(chr(ord("a") + n), url, seed, pause) for n in range(count)]

    def start(self) -> None:
        """Begin."""
        for client in self.all:
            client.start()

    def end(self) -> None:
        """Let all of them finish; raises what went wrong in one."""
        for client in self.all:
            client.end()

    def acknowledged(self) -> set[str]:
        """Return the ids that were answered for up to now."""
        return set().union(*(client.acknowledged.copy() for client in self.all))

    def given_up(self) -> set[str]:
        """Return the ids that nobody asks about any more."""
        return set().union(*(client.given_up for client in self.all))

    def sent(self) -> dict[str, Event]:
        """Return every event that was ever sent."""
        return {id: event for client in self.all for id, event in client.sent.items()}

    def answers(self) -> Counter[str]:
        """Return how often each status, or failure of the connection, was met."""
        return sum((client.answers for client in self.all), Counter[str]())
