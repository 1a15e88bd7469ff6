"""The last look before an attempt: may this delivery still go out, now, later or not at all?

What a journey decided may have waited for hours, for a provider or an outage; meanwhile the
recipient may have left, and quiet hours may have begun.
"""

from __future__ import annotations

import msgspec

from engine.language.definitions import Connection
from engine.machines import policy
from engine.machines.people import telling
from engine.machines.state import Lead
from engine.network.ruleset import Ruleset
from engine.plugin import Action
from engine.store.digests import Carried
from engine.store.outbox import Leased


class Withheld(msgspec.Struct, frozen=True):
    """Not tried, and why; with ``until`` it is looked at again then, else it is blocked."""

    reason: str
    until: int | None = None


def withheld(
    ruleset: Ruleset,
    connection: Connection,
    action: Action,
    leased: Leased,
    lead: Lead | list[Carried],
    now: int,
) -> Withheld | None:
    """Return what keeps a delivery back, None when nothing does.

    Notes to salespeople wait for the end of their quiet hours; these, and actions that address
    nobody, are nobody's to refuse.
    """
    if leased.person is not None:
        until = telling.quiet_until(ruleset, leased.person, leased.kind, now)
        return None if until is None else Withheld(policy.QUIET, until)
    if leased.audience != "lead" or not isinstance(lead, Lead):
        return None
    message = ruleset.definitions.messages.get(leased.message or "")
    fact = (message.to if message else None) or action.address
    to = leased.to or (lead.facts.get(fact) if fact else None)
    if message is not None:
        intended = policy.of_message(ruleset, message, to)
    elif action.address is not None:
        intended = policy.of_action(connection, to)
    else:
        return None
    verdict = policy.recheck(ruleset, lead, intended, now)
    return Withheld(verdict.reason, verdict.until) if verdict.reason else None
