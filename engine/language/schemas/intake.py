"""``intake.yaml``."""

from __future__ import annotations

from engine.language.catalogue import IDENTITIES
from engine.language.intake import DOINGS, KEPT, LIST_KINDS
from engine.language.schemas.forms import (
    Schema,
    choice,
    flag,
    heard,
    hearing,
    listing,
    mapping,
    record,
    ref,
    text,
    typed,
)

_LIST = "The name of a list of this file, or several."


def structure() -> Schema:
    """Return the keys of the file."""
    keys = listing(choice(IDENTITIES), "Fields that name a lead, strongest first.", 1)
    return {
        "title": "Intake",
        "properties": {
            "identity": record(
                {"keys": {**keys, "uniqueItems": True}}, description="How leads are told apart."
            ),
            "merge": _merge(),
            "normalise": record(
                {
                    "region": text(
                        "Where numbers without a country code belong, such as CN.",
                        pattern="^[A-Z]{2}$",
                    ),
                    "keep_raw": flag("Keep what was sent beside what is stored (true)."),
                },
                description="One form for numbers, addresses and text (规范化).",
            ),
            "mail": record(
                {
                    "free": _lists("Lists of domains of free mail, beside the built-in ones."),
                    "disposable": _lists("Lists of domains of throw-away mail, beside those."),
                    "business": _lists("Lists of domains that are neither, whatever else says."),
                },
                description="What lead.email.kind says of a domain (邮箱类型).",
            ),
            "lists": mapping(_list(), "Lists that people keep in files (名单、词库), by name."),
            "rules": listing(_rule(), "Screening rules (筛查), in order."),
            "bots": _bots(),
            "enrich": listing(_enrichment(), "Plugins to be asked for what is missing (信息补全)."),
        },
    }


def _merge() -> Schema:
    proving = listing(
        choice(IDENTITIES), "Fields that belong to one person only; none: nobody is merged."
    )
    keys = {
        "when": {**proving, "uniqueItems": True},
        "keep": choice(KEPT, "Whose id stays: the oldest lead's, or the strongest identity's."),
    }
    return record(keys, description="When two leads turn out to be one (合并).")


def _lists(description: str) -> Schema:
    return {**typed(["string", "array"], description), "items": text()}


def _list() -> Schema:
    keys = {
        "file": text("The file, from this folder on: one entry a line, # comments, UTF-8."),
        "kind": choice(LIST_KINDS, "What its entries are; words when left out."),
        "in": listing(
            text(), "Where words are looked for, such as lead.need; event.* is all of its texts.", 1
        ),
    }
    return {
        **typed(["string", "object"], "A file of words, or more about the list."),
        "additionalProperties": False,
        "required": ["file"],
        "properties": keys,
    }


def _rule() -> Schema:
    keys = {
        "id": ref("id"),
        "label": ref("label"),
        **heard(),
        "when": ref("condition"),
        "do": choice(DOINGS, "reject: not taken; quarantine: held for a person; flag: marked."),
        "reason": text("Why, for the sender and for whoever looks at it."),
        "flag": text("What lead.flags gets; the rule's id when left out."),
    }
    return hearing(record(keys, ("id", "do", "reason")))


def _bots() -> Schema:
    links = {
        "at_least": typed("integer", "How many different links.", minimum=2, maximum=20),
        "within": ref("duration"),
    }
    keys = {
        "events": ref("events"),
        "within": text("So soon after the delivery nobody reads; never: not looked at."),
        "links": record(links, ("at_least", "within"), "All links of one message at once."),
        "agents": _lists(f"Parts of user agents of scanners. {_LIST}"),
        "addresses": _lists(f"Addresses of scanners. {_LIST}"),
    }
    return record(keys, description="Suspected scanners (疑似机器人): stored, and score nothing.")


def _enrichment() -> Schema:
    keys = {
        "plugin": text("An enricher of a plugin, as `leadrules plugins` lists them."),
        "on": listing(text(), "Fields whose change is a reason to ask, such as company.", 1),
        "overwrite": listing(text(), "Fields in which its answer counts more than the customer's."),
        "timeout": ref("duration"),
    }
    return record(keys, ("plugin", "on"))
