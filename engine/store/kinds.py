"""The kinds of events that reports ask for, each with an index that has these events alone.

Such a condition stands word for word in the index and in what reads it, or SQLite does not use
the index. Of more than two types it is an OR: for an IN of so many SQLite makes a table of the
values at every row that is written, whatever its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def one_of(*types: str) -> str:
    """Return the condition that an event is of one of these types."""
    return f"""({" OR ".join(f"type = '{each}'" for each in types)})"""


# Calls and visits.
CONTACTS: Final = "type IN ('call_logged', 'visit_logged')"
SALES: Final = one_of("opportunity_won", "order_placed", "contract_signed", "payment_received")
ANSWERS: Final = one_of("lead_accepted", "lead_declined", "lead_claimed", "lead_released")
MESSAGES: Final = one_of(
    *("email_sent", "email_delivered", "email_opened", "email_clicked", "email_bounced"),
    *("email_complained", "email_replied", "unsubscribed", "sms_sent", "sms_delivered"),
    *("sms_failed", "sms_replied", "wecom_message_received", "message_blocked"),
)

# The indexes of the step "figures" with these conditions.
SCHEMA: Final = f"""
DROP INDEX events_sales;
CREATE INDEX events_sales ON events (type, at, lead) WHERE {SALES};
DROP INDEX events_answers;
CREATE INDEX events_answers ON events ("by", at, type, lead) WHERE {ANSWERS};
DROP INDEX events_messages;
CREATE INDEX events_messages ON events (
    type, body ->> '$.properties.message', body ->> '$.properties.journey',
    body ->> '$.properties.step', lead, at, bot
) WHERE {MESSAGES}
"""

# Which letter an event is about, as one value: half as much to compare as four. Suspected
# scanners are left out.
LETTER: Final = """
json_array(type, body ->> '$.properties.message', body ->> '$.properties.journey',
    body ->> '$.properties.step')
""".strip()
OF_LETTERS: Final = f"{MESSAGES} AND bot = 0"
LETTERS: Final = f"""
DROP INDEX events_messages;
CREATE INDEX events_letters ON events ({LETTER}, lead, at) WHERE {OF_LETTERS}
"""

# What an event counts as, of a sale's way, that names no source.
TOUCHES: Final[Mapping[str, str]] = {
    "email_clicked": "email",
    "email_replied": "email",
    "sms_replied": "sms",
    "wecom_contact_added": "wecom",
    "wecom_message_received": "wecom",
    "webinar_attended": "webinar",
    "event_attended": "event",
    "chat_started": "chat",
}
# The channel that an event is a touch of, NULL of what is none.
CHANNEL: Final = """
coalesce(body ->> '$.lead."source.name"', CASE type {cases} END)
""".strip().format(
    cases=" ".join(f"WHEN '{type}' THEN '{channel}'" for type, channel in TOUCHES.items())
)
OF_TOUCHES: Final = f"bot = 0 AND {CHANNEL} IS NOT NULL"
# The sales of a lead, and the touches before them.
OF_SALES: Final = f"""
CREATE INDEX events_sold ON events (lead, at) WHERE {SALES};
CREATE INDEX events_touches ON events (lead, at, seq, {CHANNEL}) WHERE {OF_TOUCHES}
"""
# What salespeople answered to being given a lead.
OF_ANSWERS: Final = f"""
CREATE INDEX events_answered ON events (lead, type, "by", at) WHERE {ANSWERS}
"""
