"""What the leads and the salespeople do: one row of a leadforge table becomes one or more drafts.

A draft is an event without its id and its lead. leadforge dates its rows to the day; the hour is
made up here, in office hours for people's work and from 08:00 to 22:00 for visits to the site, and
always after `born`, the instant of the lead's first event.
"""

from datetime import date, datetime, timedelta
from itertools import accumulate
from typing import Any, NamedTuple

from hashing import Hours, draw, moment, pick
from people import EXPO, Row, money, source

LEAD_HOURS: Hours = (9, 15)  # each ends early enough to leave room for what follows it on that day
OPENED_HOURS: Hours = (9, 16)
OUTCOME_HOURS: Hours = (9, 17)
WORK_HOURS: Hours = (9, 17.5)
WEBINAR_HOURS: Hours = (9, 17)
CONTRACT_HOURS: Hours = (9, 18)
SITE_HOURS: Hours = (8, 21.75)

MESSAGES = ("welcome", "case-study", "product-update", "roi-guide")
SITE = "https://www.example.com"
PAGES = {
    "home": (f"{SITE}/", "首页"),
    "pricing": (f"{SITE}/pricing", "产品价格"),
    "demo": (f"{SITE}/demo", "预约演示"),
}
SESSION_PAGES = {"website": "home", "pricing_page": "pricing", "demo_page": "demo"}
CONTENT = {
    "whitepaper": ("制造业解决方案", "采购数字化白皮书", "应付账款自动化指南"),
    "case_study": ("制造业解决方案", "物流企业降本案例", "医疗集团采购案例"),
    "product_sheet": ("产品功能一览", "系统集成说明", "安全与合规说明"),
}
WEBINARS = ("采购数字化转型", "制造业解决方案公开课", "财务共享中心实践")
TOPICS = ("价格", "功能", "实施周期", "系统集成")
CHAT_NOTES = ("社交平台私信：介绍产品", "社交平台私信：邀请试用")
CALL_OUTCOMES = ("connected", "no_answer", "left_voicemail")
LOST_REASONS = ("价格", "功能", "时机")
DAYS_TO_CLOSE = (30, 45, 60, 90)
SUMMARIES = {
    "connected": "已接通，沟通了需求",
    "no_answer": "无人接听",
    "left_voicemail": "已留言",
    "meeting_set": "已约定会议",
    "demo_completed": "已完成产品演示",
}


class Draft(NamedTuple):
    """An event before it has an id and a lead."""

    at: datetime
    type: str
    properties: dict[str, Any]


def from_lead(row: Row, born: datetime) -> list[Draft]:
    """A lead's first event: how she came to be known."""
    if row["lead_source"] == "sdr_outbound":
        return [Draft(born, "note_added", {"text": "销售自主开发"})]
    if row["lead_source"] == "partner_referral":
        return [Draft(born, "form_submitted", {"form": "partner-referral"})]
    if source(row)["name"] == EXPO:
        properties = {"event_name": "华东制造业数字化展", "format": "offline"}
        return [Draft(born, "event_attended", properties)]
    return [Draft(born, "form_submitted", {"form": "contact"})]


def lead_born(row: Row) -> datetime:
    """The instant of a lead's first event."""
    return moment(row["lead_id"], row["lead_created_at"], LEAD_HOURS)


def downloaded(key: str, at: datetime) -> list[Draft]:
    """A piece of content was taken, whichever side started it."""
    kind = pick(f"{key} kind", tuple(CONTENT))
    title = pick(f"{key} title", CONTENT[kind])
    return [Draft(at, "content_downloaded", {"kind": kind, "title": title})]


def joined_webinar(key: str, at: datetime) -> list[Draft]:
    """A registration and, seven times in ten, an attendance an hour later."""
    webinar = {"webinar": pick(f"{key} webinar", WEBINARS)}
    drafts = [Draft(at, "webinar_registered", webinar)]
    if draw(f"{key} came", 10) < 7:
        asked = draw(f"{key} asked", 4) == 0
        stayed = {"asked": asked, "minutes": 10 + 5 * draw(f"{key} minutes", 11)}
        drafts.append(Draft(at + timedelta(hours=1), "webinar_attended", webinar | stayed))
    return drafts


def invited_to_webinar(key: str, at: datetime) -> list[Draft]:
    """A salesperson's invitation."""
    return [Draft(at, "note_added", {"text": "邀请参加研讨会"})]


def sent_email(key: str, at: datetime) -> list[Draft]:
    """An e-mail to the lead."""
    return [Draft(at, "email_sent", {"message": pick(key, MESSAGES)})]


def opened_email(key: str, at: datetime) -> list[Draft]:
    """An e-mail opened and, every other time, a link in it followed within five minutes."""
    message = pick(key, MESSAGES)
    drafts = [Draft(at, "email_opened", {"message": message})]
    if draw(f"{key} clicked", 2):
        later = at + timedelta(seconds=60 + 10 * draw(f"{key} delay", 24))
        clicked = {"message": message, "url": f"{SITE}/{message}"}
        drafts.append(Draft(later, "email_clicked", clicked))
    return drafts


def chatted(key: str, at: datetime) -> list[Draft]:
    """The lead wrote to us."""
    return [Draft(at, "chat_started", {})]


def wrote_to_lead(key: str, at: datetime) -> list[Draft]:
    """A salesperson wrote to the lead."""
    return [Draft(at, "note_added", {"text": pick(key, CHAT_NOTES)})]


def phoned_us(key: str, at: datetime) -> list[Draft]:
    """The lead called to ask something."""
    return [Draft(at, "rep_consulted", {"channel": "phone", "topic": pick(key, TOPICS)})]


def phoned_lead(key: str, at: datetime) -> list[Draft]:
    """A salesperson called; leadforge gives such touches no outcome, so one is drawn."""
    outcome = pick(key, CALL_OUTCOMES)
    return [Draft(at, "call_logged", {"outcome": outcome, "summary": SUMMARIES[outcome]})]


TOUCHES = {
    ("content_download", "inbound"): downloaded,
    ("content_download", "outbound"): downloaded,
    ("webinar", "inbound"): joined_webinar,
    ("webinar", "outbound"): invited_to_webinar,
    ("email", "inbound"): opened_email,
    ("email", "outbound"): sent_email,
    ("linkedin_message", "inbound"): chatted,
    ("linkedin_message", "outbound"): wrote_to_lead,
    ("call", "inbound"): phoned_us,
    ("call", "outbound"): phoned_lead,
}


def from_touch(row: Row, born: datetime) -> list[Draft]:
    """A marketing touch, by its type and by who started it."""
    key, touch = row["touch_id"], (row["touch_type"], row["touch_direction"])
    hours = WEBINAR_HOURS if touch == ("webinar", "inbound") else WORK_HOURS
    return TOUCHES[touch](key, moment(key, row["touch_timestamp"], hours, born))


def page_names(row: Row) -> list[str]:
    """The pages seen in a session, in order: the one it is named for, then pricing, then demo."""
    views = [SESSION_PAGES[row["session_type"]]]
    return views + ["pricing"] * row["pricing_page_views"] + ["demo"] * row["demo_page_views"]


def page_durations(row: Row, pages: int) -> list[int]:
    """Seconds on each page: 30-90, and on the last one what is left of the session, 10 at least."""
    key = row["session_id"]
    early = [30 + 10 * draw(f"{key} {page}", 7) for page in range(pages - 1)]
    return [*early, max(row["session_duration_seconds"] - sum(early), 10)]


def from_session(row: Row, born: datetime) -> list[Draft]:
    """The page views of a visit to the site, each starting when the one before ends."""
    start = moment(row["session_id"], row["session_timestamp"], SITE_HOURS, born)
    pages = page_names(row)
    durations = page_durations(row, len(pages))
    offsets = accumulate(durations[:-1], initial=0)
    return [
        viewed(start + timedelta(seconds=offset), page, duration)
        for offset, page, duration in zip(offsets, pages, durations, strict=True)
    ]


def viewed(at: datetime, page: str, duration: int) -> Draft:
    """One page view of `duration` seconds."""
    url, title = PAGES[page]
    properties = {"page": page, "url": url, "title": title, "duration": duration}
    return Draft(at, "page_viewed", properties)


def from_sales_activity(row: Row, born: datetime) -> list[Draft]:
    """A salesperson's call, e-mail, meeting or demonstration, with leadforge's outcome."""
    at = moment(row["activity_id"], row["activity_timestamp"], WORK_HOURS, born)
    kind, outcome = row["activity_type"], row["activity_outcome"]
    summary = SUMMARIES[outcome]
    if kind == "email":
        return [Draft(at, "note_added", {"text": f"邮件跟进：{summary}"})]
    logged = "call_logged" if kind == "call" else "visit_logged"
    drafts = [Draft(at, logged, {"outcome": outcome, "summary": summary})]
    if kind == "demo" and outcome == "demo_completed":
        watched = {"video": "product-demo", "fraction": 1.0}
        drafts.append(Draft(at + timedelta(minutes=10), "video_watched", watched))
    return drafts


def opened_at(row: Row, born: datetime) -> datetime:
    """When an opportunity was opened."""
    return moment(row["opportunity_id"], row["created_at"], OPENED_HOURS, born)


def closed_at(row: Row, born: datetime) -> datetime:
    """When an opportunity was won or lost, later than it was opened."""
    key = f"{row['opportunity_id']} closed"
    return moment(key, row["closed_at"], OUTCOME_HOURS, opened_at(row, born))


def from_opportunity(row: Row, born: datetime) -> list[Draft]:
    """An opportunity and, if it is decided, its outcome."""
    key, amount = row["opportunity_id"], money(row["estimated_acv"])
    close_on = date.fromisoformat(row["created_at"]) + timedelta(days=pick(key, DAYS_TO_CLOSE))
    opened = {"amount": amount, "close_on": close_on.isoformat()}
    drafts = [Draft(opened_at(row, born), "opportunity_opened", opened)]
    if row["close_outcome"] == "closed_won":
        drafts.append(Draft(closed_at(row, born), "opportunity_won", {"amount": amount}))
    if row["close_outcome"] == "closed_lost":
        reason = {"reason": pick(f"{key} lost", LOST_REASONS)}
        drafts.append(Draft(closed_at(row, born), "opportunity_lost", reason))
    return drafts


def year_later(day: str) -> str:
    """The same day of the next year; 28 February for the 29th."""
    year, rest = int(day[:4]) + 1, day[4:]
    return f"{year}{'-02-28' if rest == '-02-29' else rest}"


def from_subscription(row: Row, opportunity: Row, born: datetime) -> list[Draft]:
    """The contract that follows a won opportunity."""
    won, day = closed_at(opportunity, born), row["subscription_start_at"]
    at = moment(row["subscription_id"], day, CONTRACT_HOURS, won)
    signed = {"amount": money(opportunity["estimated_acv"]), "ends_on": year_later(day)}
    return [Draft(at, "contract_signed", signed)]
