"""Notes to salespeople, through the connection that carries them."""

from __future__ import annotations

from typing import Final

from engine.machines.state import Delivery
from engine.machines.work import Work

NOTIFY: Final = "notify"  # the connection that carries notes to salespeople
_NAME: Final = "{{ lead.name | default('') }} {{ lead.company | default('') }}"


def tell(work: Work, key: str, to: str | None, what: str, title: str) -> None:
    """Send a note, or record why it can't be; ``title`` is read as a template."""
    status = "queued" if to and NOTIFY in work.ruleset.definitions.server.connections else "blocked"
    work.deliver(
        Delivery(
            key=key,
            lead=work.lead.id,
            connection=NOTIFY,
            at=work.now,
            params={"what": what, "title": title, "text": f"{title}: {_NAME}"},
            audience="owner",
            to=to,
            status=status,
            reason="" if status == "queued" else "nobody to notify or no connection notify",
        )
    )
