"""``routing.yaml``."""

from __future__ import annotations

from engine.language.notices import DIGESTED, KINDS
from engine.language.schemas.forms import (
    Schema,
    choice,
    flag,
    listing,
    mapping,
    nullable,
    record,
    ref,
    text,
    typed,
)
from engine.language.schemas.sending import quiet_hours
from engine.language.strategies import BUILT_IN

_AREAS = {
    "skills": "What this person is good at (技能).",
    "cities": "Cities of this person (城市).",
    "provinces": "Provinces of this person (省份).",
    "industries": "Industries of this person (行业).",
    "products": "Products of this person (产品).",
}


def structure() -> Schema:
    """Return the keys of the file."""
    return {
        "title": "Teams, routing rules, SLAs and pools",
        "properties": {
            "teams": mapping(_team(), "Sales teams (团队), by name."),
            "rules": listing(
                _rule(), "Routing rules (分配规则): the first that finds a place decides.", 1
            ),
            "sla": listing(_sla(), "Clocks (时限): the first whose condition holds runs."),
            "pools": mapping(nullable(_pool()), "Public pools (公海池), by name."),
            "notify": _notices("How people are told (通知方式); a member's own keys go before."),
        },
    }


def _team() -> Schema:
    return record(
        {
            "label": ref("label"),
            "supervisor": ref("member", "Who hears of escalations (主管)."),
            "members": listing(_member(), "The salespeople (成员).", 1),
        },
        ["members"],
    )


def _member() -> Schema:
    return record(
        {
            "id": text("Who it is; keep it once it is in use.", pattern=r"^[^\s:]+$"),
            "name": text("What people read; any language."),
            "email": text("Where notes to this person go."),
            "capacity": typed("integer", "The most open leads at a time (容量).", minimum=0),
            "weight": typed("integer", "The share of a weighted rotation (权重).", minimum=1),
            **{name: listing(text(), description) for name, description in _AREAS.items()},
            "per_day": typed("integer", "The most leads given to them a day (上限).", minimum=1),
            "calendar": ref("calendar"),
            "level": text("How senior they are (级别), in a word of your own."),
            "languages": listing(text(), "Languages that they speak (语言)."),
            "away": listing(_away(), "Absences (休假), in which nothing is assigned."),
            "notify": _notices("How this person is told (通知方式), where it differs."),
        },
        ["id"],
    )


def _notices(description: str) -> Schema:
    digest = {
        "at": ref("clock_time", "When, on working days."),
        "kinds": listing(choice(DIGESTED), "What is gathered in it.", 1),
    }
    keys = {
        "quiet_hours": listing(
            quiet_hours({}), "When nobody is disturbed (免打扰时段); days off are quiet, too."
        ),
        "urgent": listing(choice(KINDS), "What comes all the same; default remind, escalate."),
        "digest": nullable(
            record(digest, ["at", "kinds"], "One message a day (每日汇总); null for none.")
        ),
        "calendar": ref("calendar"),
        "zone": ref("zone"),
    }
    return record(keys, description=description)


def _away() -> Schema:
    days = {
        "from": text("A day such as 2026-02-14, or an instant."),
        "to": text("The last day, or the instant at which it ends."),
    }
    return record(days, ["from", "to"])


def _rule() -> Schema:
    assign = {
        "team": ref("team"),
        "strategy": text(
            "How a member is chosen (分配方式); plugins may bring more.", examples=list(BUILT_IN)
        ),
        "weight": choice(
            ("win_rate",),
            "Weigh by deals won so far (历史赢单率), not by the members' weight.",
        ),
        "sticky": flag("Whether who has the lead already keeps it (保持原负责人); default true."),
        "by": ref("path", "The field that territory compares, such as lead.city."),
        "member": ref("member", "The member that designated means."),
        "pool": ref("pool"),
        "skills": listing(text(), "Only members with one of these skills.", 1),
        "levels": listing(text(), "Only members of one of these levels.", 1),
        "languages": listing(text(), "Only members who speak one of these.", 1),
        "exclude": listing(ref("member"), "Members who get nothing by this rule (排除).", 1),
    }
    return record(
        {
            "id": ref("id"),
            "label": ref("label"),
            "when": ref("condition"),
            "assign": record(
                assign,
                description="Where to: team or pool, one of them.",
                allOf=[ref("assigns")],
            ),
        },
        ["id", "assign"],
    )


def _sla() -> Schema:
    return record(
        {
            "id": ref("id"),
            "label": ref("label"),
            "when": ref("condition"),
            "notify": ref("span", "Until the owner has been told (通知时限)."),
            "accept": ref("span", "Until the owner accepts (接单时限)."),
            "first_contact": ref("span", "Until the owner has been in touch (首次联系时限)."),
            "next_contact": ref("span", "From one contact to the next (跟进间隔)."),
            "calendar": ref("calendar"),
            "pause": record(
                {"when": ref("condition")},
                ["when"],
                "While this holds the clocks stand still (暂停计时).",
            ),
            "on_breach": listing(_rung(), "The ladder that a late follow-up climbs (超时升级)."),
        },
        ["id"],
    )


def _rung() -> Schema:
    return record(
        {
            "after": ref("span", "How long after the assignment, or after a contact."),
            "do": choice(
                ("remind", "escalate", "recycle"),
                "Remind the owner, escalate to the supervisor, or recycle into a pool.",
            ),
            "to": ref("pool", "The pool that recycle gives the lead to."),
        },
        ["after", "do"],
        allOf=[ref("climbs")],
    )


def _pool() -> Schema:
    claim = {
        "per_day": typed("integer", "How many a person may claim a day.", minimum=1),
        "previous_owner_after": ref("span", "When the previous owner may claim it again."),
        "newest_after": ref("span", "When a new lead may be claimed."),
    }
    return record(
        {
            "label": ref("label"),
            "teams": listing(ref("team"), "Whose members may claim (可领取团队); default: all.", 1),
            "claim": record(claim, description="Rules for claiming (领取)."),
            "recycle": listing(_recycle(), "What takes leads back into this pool (回收规则)."),
        }
    )


def _recycle() -> Schema:
    return record(
        {
            "id": ref("id"),
            "label": ref("label"),
            "when": ref("condition"),
            "idle": ref("span", "How long without a follow-up (未跟进时长)."),
            "calendar": ref("calendar"),
        },
        ["id"],
    )
