"""A mailbox over IMAP: the mails that arrived since the last look, each bounded."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from imapclient import SEEN, IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError

MAX_MAIL: Final = 262_144  # bytes of each mail that are read; what a report says stands first
MOST: Final = 50  # mails of one look
OLDEST: Final = timedelta(days=30)
TIMEOUT_S: Final = 20.0
READ_S: Final = 20.0  # a slow server's mails are read in several looks, each of which may take 60 s
_IMAPS, _IMAP = 993, 143

SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["host", "username", "password"],
    "properties": {
        "host": {"type": "string", "minLength": 1},
        "port": {"type": "integer", "minimum": 1, "maximum": 65_535},
        "tls": {"enum": ["implicit", "starttls"]},
        "ca_file": {"type": "string"},
        "username": {"type": "string", "minLength": 1},
        "password": {"type": "string"},
        "folder": {"type": "string", "minLength": 1},
        "move_to": {"type": "string", "minLength": 1},
        "every_s": {"type": "number", "minimum": 10, "maximum": 86_400},
    },
}


class Place(msgspec.Struct):
    """How far a mailbox has been read.

    ``uid`` is the last one read under ``validity``, the mailbox's own mark of what its uids
    mean. ``taken`` are those that became events and are still to be put aside.
    """

    validity: int = 0
    uid: int = 0
    taken: list[int] = []


class Mail(msgspec.Struct, frozen=True):
    """A mail as it stands there: its uid, when it arrived, and its first bytes."""

    uid: int
    at: int
    raw: bytes


class Found(msgspec.Struct, frozen=True):
    """What a look found, the oldest first; ``more`` says whether there is further mail."""

    mails: tuple[Mail, ...]
    place: Place
    more: bool


def look(settings: Mapping[str, Any], place: Place, now: int) -> Found:
    """Put aside what was taken, and read what came after; ``now`` in milliseconds.

    Mails stay unread, but those that were taken. Raises OSError for whatever the server refuses,
    in words without the server's own.
    """
    with _opened(settings) as (client, validity):
        if place.validity != validity:  # the mailbox was made anew, and its uids with it
            place = Place(validity)
        if place.taken:
            _put_aside(client, settings, place.taken)
        since = (datetime.fromtimestamp(now / 1_000, UTC) - OLDEST).date()
        # `7:*` names the last mail, too, where there is none from 7 on.
        told = client.search(["UID", f"{place.uid + 1}:*", "SINCE", since])
        uids = sorted(uid for uid in told if uid > place.uid)
        mails: list[Mail] = []
        until = time.monotonic() + READ_S
        for uid in uids[:MOST]:
            mails += _read(client, uid)
            place.uid = uid
            if time.monotonic() > until:
                break
        more = bool(uids) and place.uid < uids[-1]
        return Found(tuple(mails), Place(validity, place.uid), more)


@contextmanager
def _opened(settings: Mapping[str, Any]) -> Iterator[tuple[IMAPClient, int]]:
    """Yield a client that has the folder open, and the mark of its uids."""
    implicit = settings.get("tls", "implicit") == "implicit"
    port = settings.get("port", _IMAPS if implicit else _IMAP)
    where, folder = f"{settings['host']}:{port}", settings.get("folder", "INBOX")
    context = ssl.create_default_context(cafile=settings.get("ca_file"))
    client: IMAPClient | None = None
    try:
        client = IMAPClient(
            settings["host"], port, ssl=implicit, ssl_context=context, timeout=TIMEOUT_S
        )
        client.normalise_times = False
        if not implicit:
            client.starttls(context)
        client.login(settings["username"], settings["password"])
        if client.has_capability("ID"):  # 163 lets nobody in who does not say what he is
            client.id_({"name": "leadrules"})
        yield client, int(client.select_folder(folder)[b"UIDVALIDITY"])
    except LoginError:
        raise PermissionError(f"{where} refused the login") from None
    except IMAPClientError as error:
        told = f'{where} refused to open or read "{folder}": {type(error).__name__}'
        raise ConnectionError(told) from None
    finally:
        if client is not None:
            _close(client)


def _close(client: IMAPClient) -> None:
    """Hang up; where a handshake has failed there is nothing left to do so with."""
    with suppress(OSError):
        client.shutdown()


def _read(client: IMAPClient, uid: int) -> Iterator[Mail]:
    """Yield a mail, none when it is gone meanwhile."""
    wanted = ["INTERNALDATE", f"BODY.PEEK[]<0.{MAX_MAIL}>"]
    found = client.fetch([uid], wanted).get(uid, {})
    raw, at = found.get(b"BODY[]<0>"), found.get(b"INTERNALDATE")
    if raw is not None and at is not None:
        yield Mail(uid, int(at.timestamp() * 1_000), raw[:MAX_MAIL])


def _put_aside(client: IMAPClient, settings: Mapping[str, Any], uids: list[int]) -> None:
    """Mark mails as read, and move them; ones that are no longer there do not matter."""
    client.add_flags(uids, [SEEN], silent=True)
    folder = settings.get("move_to")
    if folder is None:
        return
    if not client.folder_exists(folder):
        client.create_folder(folder)
    if client.has_capability("MOVE"):
        client.move(uids, folder)
    else:
        client.copy(uids, folder)
        client.delete_messages(uids, silent=True)
