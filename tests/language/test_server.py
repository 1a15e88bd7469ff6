"""server.yaml: access, rates, retention and variables, as they are read, and what is refused."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.language.definitions import Server
from engine.language.instants import DAY, HOUR, MINUTE, SECOND, TooLong, parse_instant
from engine.language.load import Loaded, load_folder
from engine.language.retention import KINDS, Retention, kept_for, retention_of
from engine.language.sending import Linking
from engine.language.serving import (
    CAPTURE,
    Grant,
    Oidc,
    Rate,
    Secret,
    Serving,
    Token,
    WecomScan,
)

BASE = Path(__file__).parents[1] / "broken" / "_base"
CONNECTIONS = (
    "connections:\n  email: {plugin: email, host: 127.0.0.1, port: 1025, from: a@example.com}\n"
)
SECRET = "长".join("0123456789") + "-lr"
HASH = "ab" * 32
GOOD = 'url: http://127.0.0.1, corp_id: ww1, agent_id: "1000002", secret: "${NO_SECRET:-}"'


def loaded(folder: Path, server: str, environ: Mapping[str, str] | None = None) -> Loaded:
    """Load the sound base with these lines in server.yaml; HASH stands for a sound hash."""
    shutil.copytree(BASE, folder, dirs_exist_ok=True)
    text = CONNECTIONS + server.replace("HASH", HASH)
    (folder / "server.yaml").write_text(text, encoding="utf-8")
    return load_folder(folder, environ)


def served(folder: Path, server: str, environ: Mapping[str, str] | None = None) -> Server:
    """The typed settings of what must be sound."""
    result = loaded(folder, server, environ)
    assert result.diagnostics == []
    assert result.definitions is not None
    return result.definitions.server


def findings(folder: Path, server: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """Each finding as `line:column code`, with lines counted from the given ones on."""
    found = loaded(folder, server, environ).diagnostics
    assert all(d.hint and d.source.file.endswith("server.yaml") for d in found)
    offset = CONNECTIONS.count("\n")
    return [f"{d.source.line - offset}:{d.source.column} {d.code}" for d in found]


def test_without_a_word_nobody_has_access_and_capture_is_limited(tmp_path: Path) -> None:
    """The defaults: no token, no proxy, no origin, capture routes limited, logs as text."""
    assert served(tmp_path, "").serving == Serving(rates={"capture": CAPTURE})


def test_tokens_are_kept_as_hashes(tmp_path: Path) -> None:
    """A secret of the environment and its hash are one and the same; spaces around do not count."""
    text = """
tokens:
  网站: {role: ingest, secrets: [{value: "${SITE}"}, {sha256: HASH, expires: 2027-06-30}]}
  李娜: {role: sales, member: li.na, secrets: [{sha256: HASH, expires: "2027-06-30T08:00:00+08:00"}]}
"""
    tokens = served(tmp_path, text, {"SITE": f" {SECRET}\n"}).serving.tokens
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    until = parse_instant("2027-06-30T00:00:00Z")
    assert tokens == (
        Token("网站", "ingest", (Secret(digest), Secret(HASH, until))),
        Token("李娜", "sales", (Secret(HASH, until),), "li.na"),
    )


def test_a_token_whose_variable_is_empty_by_choice_counts_for_nothing(tmp_path: Path) -> None:
    """`${NAME:-}` may be unset: the token is there and no secret proves it."""
    text = 'tokens: {later: {role: ops, secrets: [{value: "${LATER:-}"}]}}\n'
    assert served(tmp_path, text).serving.tokens == (Token("later", "ops", ()),)


def test_rates_proxies_origins_and_logs_are_read(tmp_path: Path) -> None:
    """Each arrives typed, with variables filled and the burst of a rate as many as its requests."""
    text = """
rates: {capture: {requests: 5, per: 1m, burst: 9}, token: {requests: 7}}
proxies: ["${PROXY}", "${NONE:-}", 10.0.0.0/8, "2001:db8::/32"]
origins: [HTTPS://WWW.Acme.cn, "*"]
logs: json
tokens_file: "${STATE}/tokens.json"
""".replace("HTTPS://WWW", "https://WWW")
    serving = served(tmp_path, text, {"PROXY": "192.0.2.1", "STATE": "/var/lib/线索"}).serving
    assert serving.rates == {"capture": Rate(5, MINUTE, 9), "token": Rate(7, SECOND, 7)}
    assert serving.proxies == ("192.0.2.1", "10.0.0.0/8", "2001:db8::/32")
    assert serving.origins == ("https://www.acme.cn", "*")
    assert (serving.logs, serving.tokens_file) == ("json", "/var/lib/线索/tokens.json")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tokens: {a: {role: sales, secrets: [{sha256: HASH}]}}", ["1:13 token-member"]),
        ("tokens: {a: {role: ops, member: li.na, secrets: [{sha256: HASH}]}}", ["1:13 token-member"]),
        ("tokens: {a: {role: ops, secrets: [{}]}}", ["1:35 token-secret"]),
        ('tokens: {a: {role: ops, secrets: [{value: "${SITE}", sha256: HASH}]}}', ["1:35 token-secret"]),
        ("tokens: {a: {role: ops, secrets: [{value: 一个写在文件里的秘密没有人应该这样写}]}}", ["1:43 plain-token"]),
        ('tokens: {a: {role: ops, secrets: [{value: "${SHORT}"}]}}', ["1:43 short-token"]),
        ('tokens: {a: {role: ops, secrets: [{value: "${NONE}"}]}}', ["1:43 unset-variable"]),
        ("tokens: {a: {role: ops, secrets: [{sha256: HASH, expires: 2027-02-30}]}}", ["1:119 bad-time"]),
        ("tokens: {a: {role: ops, secrets: [{sha256: HASH, expires: soon}]}}", ["1:119 bad-time"]),
        ("sign_in: {wecom: {GOOD, grants: [{role: sales}]}}", ["1:112 token-member"]),
        ("sign_in: {wecom: {GOOD, grants: [{role: sales, member: a, member_claim: b}]}}", ["1:112 token-member"]),
        ("sign_in: {wecom: {GOOD, grants: [{role: ops, member_claim: b}]}}", ["1:112 token-member"]),
        ("sign_in: {wecom: {GOOD, grants: []}}", ["1:111 empty"]),
        ("sign_in: {wecom: {GOOD, grants: [{role: boss}]}}", ["1:119 value"]),
        ("sign_in: {wecom: {GOOD, grants: [{role: ops, when: {userid: []}}]}}", ["1:139 empty"]),
        ("sign_in: {idle: soon}", ["1:17 format"]),
        ('proxies: [""]', ["1:11 bad-network"]),
        ("proxies: [10.0.0.0/8, 网关]", ["1:23 bad-network"]),
        ('proxies: ["${NONE}"]', ["1:11 unset-variable"]),
        ("rates: {token: {requests: 7, per: 101w}}\nretention: {events: 101y, tasks: 99999999999y}", ["2:21 duration", "2:34 duration"]),
        ("rates: {token: {requests: 7, per: 9999999w}}", ["1:35 duration"]),
        ("retention: {events: 5m}", ["1:21 format"]),
        ("zone: Asia/Shangai", ["1:7 unknown-zone"]),
    ],
)  # fmt: skip
def test_mistakes_have_their_place(tmp_path: Path, text: str, expected: list[str]) -> None:
    """Whatever is wrong in server.yaml is said where it stands, once, and nothing else is."""
    environ = {"SITE": SECRET, "SHORT": "太短"}
    assert findings(tmp_path, f"{text.replace('GOOD', GOOD)}\n", environ) == expected


def test_sign_in(tmp_path: Path) -> None:
    """Providers are typed, secrets come from the environment, `openid` is always asked for."""
    text = f"""
sign_in:
  idle: 2h
  oidc:
    url: https://leads.example.cn
    issuer: https://id.example.cn/realms/firm/
    client_id: leadrules
    client_secret: "${{SECRET}}"
    scopes: [groups]
    grants:
      - {{when: {{groups: [boss, 老板], plan: [x]}}, role: admin}}
      - {{role: sales, member_claim: email}}
  wecom: {{{GOOD}, grants: [{{role: sales, member: li.na}}]}}
"""
    found = served(tmp_path, text, {"SECRET": "0042"}).serving.sign_in
    assert (found.idle, found.lasts) == (2 * HOUR, 12 * HOUR)
    assert found.oidc == Oidc(
        url="https://leads.example.cn",
        issuer="https://id.example.cn/realms/firm/",
        client_id="leadrules",
        client_secret="0042",
        scopes=("openid", "groups"),
        grants=(
            Grant("admin", (("groups", ("boss", "老板")), ("plan", ("x",)))),
            Grant("sales", member_claim="email"),
        ),
    )
    assert found.wecom == WecomScan(
        url="http://127.0.0.1",
        corp_id="ww1",
        agent_id="1000002",
        secret="",
        grants=(Grant("sales", member="li.na"),),
    )


def test_secrets_are_not_written_down(tmp_path: Path) -> None:
    """A secret that stands in the file, and an address with a path, are refused."""
    for bad in ("secret: geheim", "url: https://a.example/console"):
        name = bad.split(":")[0]
        lines = [each for each in GOOD.split(", ") if not each.startswith(f"{name}:")]
        text = f"sign_in: {{wecom: {{{', '.join([*lines, bad])}, grants: [{{role: ops}}]}}}}\n"
        assert [each.split()[1] for each in findings(tmp_path / name, text)] == ["format"]


def test_a_later_file_wins_and_adds_its_tokens(tmp_path: Path) -> None:
    """server/ may be a folder; the last word counts, tokens of all files do."""
    (tmp_path / "server").mkdir()
    more = "logs: json\ntokens: {b: {role: read, secrets: [{sha256: HASH}]}}\n"
    (tmp_path / "server" / "more.yaml").write_text(more.replace("HASH", "cd" * 32), "utf-8")
    first = "logs: text\ntokens: {a: {role: read, secrets: [{sha256: HASH}]}}\n"
    serving = served(tmp_path, first).serving
    assert serving.logs == "json"
    assert [t.name for t in serving.tokens] == ["a", "b"]


def test_variables_are_filled_inside_lists_and_numbers_stay_numbers(tmp_path: Path) -> None:
    """Of a connection's settings, however deep; a variable alone may be a number."""
    text = '  crm: {plugin: webhook, urls: ["https://${HOST}/线索", 3], port: "${PORT}", n: "1${PORT}"}\n'
    params = served(tmp_path, text, {"HOST": "crm.cn", "PORT": "1025"}).connections["crm"].params
    assert params == {"urls": ["https://crm.cn/线索", 3], "port": 1025, "n": "11025"}


def test_retention_is_for_ever_where_nothing_is_said(tmp_path: Path) -> None:
    """What is kept for a time is listed with it, in milliseconds; the rest is kept."""
    assert retention_of({}).kept() == retention_of({"retention": None}).kept() == {}
    text = "retention: {events: 90d, ledger: 52w, happenings: 3y, tasks: 100y}\n"
    kept = retention_of(served(tmp_path, text).settings)
    assert kept == Retention(90 * DAY, 364 * DAY, 3 * 365 * DAY, None, 36_500 * DAY)
    assert kept.kept() == {
        "events": 90 * DAY,
        "ledger": 364 * DAY,
        "happenings": 1_095 * DAY,
        "tasks": 36_500 * DAY,
    }
    assert set(kept.kept()) < set(KINDS)


@pytest.mark.parametrize("text", ["101y", "36501d", "5215w", "9" * 5_000 + "d"])
def test_nothing_is_kept_for_longer_than_a_century(text: str) -> None:
    """Beyond it the past would have no date."""
    with pytest.raises(TooLong, match="is at most 100 years"):
        kept_for(text)


def test_links_and_channels_are_read_with_their_variables(tmp_path: Path) -> None:
    """A key of enough characters signs; an empty one is none, and what is not said is on."""
    text = """
links: {url: https://例子.cn, keys: ["${KEY}", "${OLD:-}"], opens: false}
channels: {wecom: {token: "${TOKEN}"}}
"""
    found = served(tmp_path, text, {"KEY": "k" * 32, "TOKEN": "口令"})
    assert found.linking == Linking(url="https://例子.cn", keys=("k" * 32,), opens=False)
    assert found.channels["wecom"].params == {"token": "口令"}
