from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serving import Mailbox, mail_server


@pytest.fixture
def mailbox() -> Mailbox:
    """Return what the mail server keeps, and how it answers."""
    return Mailbox()


@pytest.fixture
def smtp_port(mailbox: Mailbox) -> Iterator[int]:
    """Run a real mail server; return its port."""
    with mail_server(mailbox) as port:
        yield port
