"""The stream of examples/leadforge and the converter that makes it."""

import gzip
import json
import lzma
import re
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest

from engine.language.load import load_folder

ROOM = Path(__file__).parents[2] / "examples" / "leadforge"
sys.path.insert(0, str(ROOM))

import company  # noqa: E402  (a folder of scripts, not a package)
import people  # noqa: E402
import stream  # noqa: E402

LEADS = 5000
END = datetime(2026, 3, 2, 9, 30, 15, 250_000, tzinfo=UTC)
SIZES = {"n_leads": 50, "n_accounts": 20, "n_contacts": 40}

ALWAYS = {
    "user_id", "name", "phone", "company", "title", "title_level", "industry",
    "employees", "province", "city", "source",
}  # fmt: skip
SOMETIMES = {"email", "amount", "consent"}
PROPERTIES = {
    "form_submitted": {"form"},
    "event_attended": {"event_name", "format"},
    "note_added": {"text"},
    "content_downloaded": {"kind", "title"},
    "webinar_registered": {"webinar"},
    "webinar_attended": {"webinar", "asked", "minutes"},
    "email_sent": {"message"},
    "email_opened": {"message"},
    "email_clicked": {"message", "url"},
    "chat_started": set(),
    "rep_consulted": {"channel", "topic"},
    "call_logged": {"outcome", "summary"},
    "visit_logged": {"outcome", "summary"},
    "video_watched": {"video", "fraction"},
    "page_viewed": {"page", "url", "title", "duration"},
    "opportunity_opened": {"amount", "close_on"},
    "opportunity_won": {"amount"},
    "opportunity_lost": {"reason"},
    "contract_signed": {"amount", "ends_on"},
}


@pytest.fixture(scope="module")
def events():
    """The shipped stream."""
    return list(stream.read())


@pytest.fixture(scope="module")
def first(events):
    """The first event of each lead, by her id."""
    found = {}
    for event in events:
        found.setdefault(event["lead"]["user_id"], event)
    return found


@pytest.fixture(scope="module")
def fields(first):
    """The fields of every lead."""
    return [event["lead"] for event in first.values()]


def test_the_demo_runs_a_configuration_that_validates(tmp_path):
    """The company's costs, goals and experiment load beside the default configuration."""
    folder = company.configure(ROOM.parents[1] / "config", tmp_path / "config", date(2026, 3, 2))
    loaded = load_folder(folder)
    assert loaded.diagnostics == []
    assert [goal.id for goal in loaded.definitions.reporting.goals] == ["conversion", "cycle"]
    assert any(step.split for journey in loaded.definitions.journeys for step in journey.steps)


def test_leads_keep_coming_when_staggered(events):
    """Staggered leads come until the end, each as she is, whole weeks later at most the weeks."""
    found = stream.staggered(events, 17)
    end = max(map(stream.instant, events))
    assert found == sorted(found, key=stream.instant)
    assert stream.instant(found[-1]) <= end
    before, after = {}, {}
    for each, kept in ((events, before), (found, after)):
        for event in each:
            kept.setdefault(event["lead"]["user_id"], []).append(event)
    weeks = set()
    for lead, mine in after.items():
        by = stream.instant(mine[0]) - stream.instant(before[lead][0])
        assert by % timedelta(weeks=1) == timedelta()
        weeks.add(by // timedelta(weeks=1))
        whole = [stream.moved(event, by) for event in before[lead]]
        assert mine == [event for event in whole if stream.instant(event) <= end]
    assert weeks == set(range(17))
    came = [stream.instant(mine[0]) for mine in after.values()]
    for day in range(1, 29):
        assert any(end - timedelta(days=day) < at <= end - timedelta(days=day - 1) for at in came)


def test_events_are_sorted_by_time(events):
    """No event in the shipped stream is older than the one before it."""
    instants = [stream.instant(event) for event in events]
    assert instants == sorted(instants)


def test_ids_are_unique(events):
    """No two events share an id, so that intake drops none as a duplicate."""
    assert len({event["id"] for event in events}) == len(events)


def test_every_event_has_the_shape_of_the_api(events):
    """Each event has exactly the keys of `POST /v1/events` and its type's properties of the catalogue."""
    for event in events:
        assert list(event) == ["id", "type", "at", "lead", "properties", "channel"]
        assert event["channel"] == "leadforge"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00", event["at"])
        assert set(event["properties"]) == PROPERTIES[event["type"]], event


def test_every_type_occurs(events):
    """The stream shows each type of event that the mapping promises."""
    assert {event["type"] for event in events} == set(PROPERTIES)


def test_the_first_event_of_a_lead_carries_her_fields(first):
    """Each lead's first event has her own id and every field that is not optional."""
    assert len(first) == LEADS
    for lead_id, event in first.items():
        assert event["id"] == lead_id
        assert ALWAYS <= set(event["lead"]) <= ALWAYS | SOMETIMES


def test_later_events_carry_one_identity(events, first):
    """Events after a lead's first one send nothing about her but `user_id`."""
    for event in events:
        if event is not first[event["lead"]["user_id"]]:
            assert list(event["lead"]) == ["user_id"]


def test_the_first_event_is_strictly_first(events, first):
    """Nothing happens to a lead in the same second in which she appears."""
    for event in events:
        start = first[event["lead"]["user_id"]]
        assert event is start or event["at"] > start["at"]


def test_identities_are_never_shared(fields):
    """No two leads share a telephone number or an e-mail address, so that 5,000 leads stay 5,000."""
    for identity in ("phone", "email"):
        values = [lead[identity] for lead in fields if identity in lead]
        assert len(set(values)) == len(values)


def test_phones_are_valid_mobiles(fields):
    """The phonenumbers library takes every number for a valid Chinese mobile."""
    phonenumbers = pytest.importorskip("phonenumbers")
    for lead in fields:
        number = phonenumbers.parse(lead["phone"])
        assert number.country_code == 86
        assert phonenumbers.is_valid_number(number)
        assert phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE


def test_nobody_can_be_reached(fields):
    """An address is in the reserved `.example` domain or too long for the provider to have given out."""
    for lead in fields:
        local, _, domain = lead.get("email", "@a.example").partition("@")
        assert domain.endswith(".example") or len(local) > 18
        assert lead["phone"].startswith("+861740")


def test_a_company_is_one_place(fields):
    """Leads of one company share its city, province, industry and number of employees."""
    shared = ("city", "province", "industry", "employees")
    facts = {}
    for lead in fields:
        values = [lead[name] for name in shared]
        assert facts.setdefault(lead["company"], values) == values
    assert len(facts) < LEADS / 2


def test_the_routes_of_the_guide_have_leads(fields):
    """About a quarter is worth over 500,000 and half is in East China, so every layer of RTE-6 is used."""
    large = sum(lead.get("amount", 0) > 500_000 for lead in fields)
    east = sum((lead["province"], lead["city"]) in people.EAST_CHINA for lead in fields)
    expo = sum(lead["source"]["name"] == people.EXPO for lead in fields)
    inbound = sum("consent" in lead for lead in fields)
    assert 0.22 < large / LEADS < 0.28
    assert 0.45 < east / LEADS < 0.55
    assert 0.12 < expo / inbound < 0.18


def test_values_have_the_types_of_the_catalogue(fields):
    """Numbers are whole numbers, levels are the catalogue's, and consent is of those who came by themselves."""
    for lead in fields:
        assert type(lead["employees"]) is int
        assert type(lead.get("amount", 0)) is int
        assert lead["title_level"] in ("staff", "manager", "director", "vp", "c_level")
        assert lead["source"]["category"] in ("online", "offline", "internal", "external")
        assert lead.get("consent", {"marketing": "given"}) == {"marketing": "given"}
        assert lead["source"]["category"] in ("online", "offline") or "consent" not in lead


def test_events_happen_at_their_hours(events):
    """People's work is between 09:00 and 18:00 in China, visits to the site between 08:00 and 22:00."""
    for event in events:
        early, late = ("08", "22") if event["type"] == "page_viewed" else ("09", "18")
        assert early <= event["at"][11:13] < late, event


def test_deals_run_forward(events):
    """An opportunity is opened before it is won or lost, and a contract follows its win with its amount."""
    deals = {}
    order = ("opportunity_opened", "opportunity_won", "contract_signed")
    for event in events:
        if event["type"] in (*order, "opportunity_lost"):
            deals.setdefault(event["lead"]["user_id"], []).append(event)
    for deal in deals.values():
        types = tuple(event["type"] for event in deal)
        assert types in (order, order[:1], ("opportunity_opened", "opportunity_lost"))
        assert len({event["at"] for event in deal}) == len(deal)
        assert len({e["properties"]["amount"] for e in deal if "amount" in e["properties"]}) == 1


def test_clicks_follow_the_opening(events):
    """A click comes one to five minutes after the opening of the same message, as no link scanner's does."""
    by_id = {event["id"]: event for event in events}
    for event in events:
        if event["type"] == "email_clicked":
            opened = by_id[event["id"].removesuffix("-2")]
            assert opened["properties"]["message"] == event["properties"]["message"]
            delay = stream.instant(event) - stream.instant(opened)
            assert timedelta(minutes=1) <= delay <= timedelta(minutes=5)


def test_shifted_ends_at_the_given_instant(events):
    """The newest of the shifted events happens at the given instant, to the microsecond."""
    assert max(map(stream.instant, stream.shifted(events, END))) == END


def test_shifted_keeps_distances(events):
    """Every event moves by the same span and nothing else about it changes."""
    shifted = stream.shifted(events, END)
    assert (
        len({stream.instant(n) - stream.instant(o) for o, n in zip(events, shifted, strict=True)})
        == 1
    )
    for old, new in zip(events, shifted, strict=True):
        assert new["at"].endswith("+08:00")
        assert [new[k] for k in ("id", "type", "lead")] == [old[k] for k in ("id", "type", "lead")]


def test_shifted_moves_dates_among_the_properties(events):
    """A date in the properties stays as many days from its event as it was."""
    for old, new in zip(events, stream.shifted(events, END), strict=True):
        for name in {"close_on", "ends_on"} & set(old["properties"]):
            assert days_after(new, name) == days_after(old, name) > 0


def days_after(event, name):
    """Days from an event to a date among its properties."""
    return (date.fromisoformat(event["properties"][name]) - stream.instant(event).date()).days


def test_shifted_leaves_what_it_was_given(events):
    """Shifting makes new events, so that one stream can be shifted twice."""
    before = json.dumps(events[-50:])
    stream.shifted(events[-50:], END)
    assert json.dumps(events[-50:]) == before


def test_shifted_of_nothing_is_nothing():
    """An empty stream has no newest event and stays empty."""
    assert stream.shifted([], END) == []


def test_shifted_needs_an_offset(events):
    """An instant without an offset is refused, with the value and the remedy in the message."""
    with pytest.raises(ValueError, match=r"2026-03-02T00:00:00 has no offset; give one"):
        stream.shifted(events[:1], datetime(2026, 3, 2))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("name", "pack"),
    [("a.ndjson", bytes), ("a.ndjson.gz", gzip.compress), ("a.ndjson.xz", lzma.compress)],
)
def test_reads_by_ending(tmp_path, name, pack):
    """Plain, gzip and xz files are read alike."""
    path = tmp_path / name
    path.write_bytes(pack('{"id":"a","name":"王芳"}\n{"id":"b"}\n'.encode()))
    assert list(stream.read(path)) == [{"id": "a", "name": "王芳"}, {"id": "b"}]


@pytest.fixture(scope="module")
def convert():
    """The converter; what needs it is skipped where leadforge is not installed."""
    pytest.importorskip("leadforge.api")
    import convert

    return convert


@pytest.fixture(scope="module")
def world(convert, tmp_path_factory):
    """A tiny world's folder."""
    folder = tmp_path_factory.mktemp("world")
    convert.generate(folder, seed=11, **SIZES)
    return folder


def test_the_same_seed_gives_the_same_bytes(convert, world, tmp_path):
    """Two worlds of one seed become two files without a different byte, in every format."""
    convert.generate(tmp_path / "again", seed=11, **SIZES)
    for name in ("a.ndjson", "a.ndjson.gz", "a.ndjson.xz"):
        outs = [tmp_path / f"{copy}-{name}" for copy in ("one", "two")]
        for folder, out in zip((world, tmp_path / "again"), outs, strict=True):
            assert convert.main([str(folder), "-o", str(out)]) == 0
        assert outs[0].read_bytes() == outs[1].read_bytes()
        assert list(stream.read(outs[0])) == convert.convert(convert.load(world))


@pytest.mark.slow
def test_the_shipped_stream_is_what_the_converter_makes(convert, events, tmp_path):
    """README's command gives the shipped events, so that the file and the code never part."""
    if version("leadforge") != "1.0.0":
        pytest.skip("the shipped world was made by leadforge 1.0.0")
    convert.generate(tmp_path, seed=7)
    assert convert.convert(convert.load(tmp_path)) == events


def test_counts_match_the_tables(convert, world):
    """Every row becomes the events that the mapping says, no more and no fewer."""
    tables = convert.load(world)
    events = convert.convert(tables)
    rows = Counter(
        event["id"].partition("-")[0].partition("_")[0]
        for event in events
        if "-" not in event["id"]
    )
    expected = {
        "lead": "leads", "touch": "touches", "sess": "sessions",
        "act": "sales_activities", "opp": "opportunities", "sub": "subscriptions",
    }  # fmt: skip
    assert rows == {prefix: len(tables[name]) for prefix, name in expected.items()}
    types = Counter(event["type"] for event in events)
    views = sum(
        1 + row["pricing_page_views"] + row["demo_page_views"] for row in tables["sessions"]
    )
    assert types["page_viewed"] == views
    outcomes = Counter(row["close_outcome"] for row in tables["opportunities"])
    assert types["opportunity_won"] == types["contract_signed"] == outcomes["closed_won"]
    assert types["opportunity_lost"] == outcomes["closed_lost"]


def test_a_part_is_the_whole_without_the_other_leads(convert, world):
    """`--leads` changes nothing about the leads that stay."""
    tables = convert.load(world)
    part = convert.convert(tables, 7)
    ids = {event["lead"]["user_id"] for event in part}
    assert len(ids) == 7
    assert part == [e for e in convert.convert(tables) if e["lead"]["user_id"] in ids]


def test_a_world_or_generate_must_be_given(convert, tmp_path, capsys):
    """Without a world and without `--generate` the exit code is 2 and the message says what to give."""
    with pytest.raises(SystemExit) as stopped:
        convert.main(["-o", str(tmp_path / "a.ndjson")])
    assert stopped.value.code == 2
    assert "give either WORLD_DIR or --generate" in capsys.readouterr().err
