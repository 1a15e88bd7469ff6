"""What ``intake.yaml`` says, typed: identities, lists, screening rules, bots and enrichment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.language.catalogue import IDENTITIES
from engine.language.contacts import HOME
from engine.language.diagnostic import Source
from engine.language.instants import SECOND
from engine.language.label import Text
from engine.language.rules import Condition, Struct

WORDS: Final = "words"
PEOPLE: Final = "people"
DOMAINS: Final = "domains"
ADDRESSES: Final = "addresses"
AGENTS: Final = "agents"
LIST_KINDS: Final = (WORDS, PEOPLE, DOMAINS, ADDRESSES, AGENTS)
REJECT: Final = "reject"
QUARANTINE: Final = "quarantine"
FLAG: Final = "flag"
DOINGS: Final = (REJECT, QUARANTINE, FLAG)
# Identities that belong to one person; a browser or a device may be a family's.
PROVING: Final = ("user_id", "email", "phone", "wecom_id")
OLDEST: Final = "oldest"
STRONGEST: Final = "strongest"
KEPT: Final = (OLDEST, STRONGEST)
# Where words are looked for when a list does not say: `*` is every text of the event itself.
SEARCHED: Final = (
    "lead.name",
    "lead.company",
    "lead.title",
    "lead.need",
    "lead.address",
    "event.*",
)


class ListFile(Struct, frozen=True, kw_only=True):
    """A list that people keep: its entries in their stored form, each as it was written.

    ``fields`` are the facts in which words are looked for, ``event.*`` for all texts of the
    event.
    """

    name: str
    kind: str
    file: str
    entries: Mapping[str, str]
    fields: tuple[str, ...]
    source: Source


class ScreenRule(Struct, frozen=True, kw_only=True):
    """One screening rule. ``events`` empty: whatever the event."""

    id: str
    events: tuple[str, ...]
    where: Condition | None
    when: Condition | None
    do: str
    reason: str
    flag: str
    source: Source
    label: Text | None = None


class Bots(Struct, frozen=True, kw_only=True):
    """When an open or a click is taken for a scanner's.

    ``within`` milliseconds of the delivery, 0 for never; ``links`` different links of one
    message within ``span``; ``agents`` and ``addresses`` name lists.
    """

    events: tuple[str, ...] = ("email_opened", "email_clicked")
    within: int = 5 * SECOND
    links: int = 3
    span: int = 10 * SECOND
    agents: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


class Enrichment(Struct, frozen=True, kw_only=True):
    """A plugin to be asked about a lead when one of the fields ``on`` changes.

    ``overwrite`` are the fields in which its answer counts more than what the customer said;
    ``timeout`` is in milliseconds.
    """

    plugin: str
    on: tuple[str, ...]
    overwrite: tuple[str, ...]
    timeout: int
    source: Source


class Merge(Struct, frozen=True, kw_only=True):
    """When two leads are one: an event names both by identities of the kinds ``when``.

    ``keep`` says whose id stays: the ``oldest`` lead's, or that of the ``strongest`` identity.
    """

    when: tuple[str, ...] = PROVING
    keep: str = OLDEST


class Intake(Struct, frozen=True, kw_only=True):
    """How events enter. ``mail`` maps free, disposable and business to names of lists."""

    identities: tuple[str, ...] = IDENTITIES
    region: str = HOME
    keep_raw: bool = True
    mail: Mapping[str, tuple[str, ...]] = {}
    lists: Mapping[str, ListFile] = {}
    rules: tuple[ScreenRule, ...] = ()
    bots: Bots = Bots()
    merge: Merge = Merge()
    enrichments: tuple[Enrichment, ...] = ()
