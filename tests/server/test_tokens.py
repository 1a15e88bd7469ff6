from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from engine.cli.main import run
from engine.errors import NotFound
from engine.language.load import load_folder
from engine.server import tokens
from engine.server.auth import Access
from tests.serving import SERVER, form, served, write_config

NOW = int(time.time() * 1_000)
DAY = 86_400_000


def bearer(secret: str) -> dict[str, str]:
    """Return a program's header."""
    return {"Authorization": f"Bearer {secret}"}


def test_the_file_holds_no_token(tmp_path: Path) -> None:
    """A token is random, shown once, kept as a hash, in a file for its owner only."""
    file = tmp_path / "secrets" / "tokens.jsonl"
    one = tokens.add(file, "官网", "ingest", None, NOW, None)
    two = tokens.add(file, "官网", "ingest", None, NOW, NOW + DAY)
    assert one != two
    assert min(len(one), len(two)) >= 43
    text = file.read_text("utf-8")
    assert one not in text
    assert two not in text
    assert tokens.digest_of(one) in text
    assert file.stat().st_mode & 0o077 == 0


def test_rotation(config: Path, tmp_path: Path) -> None:
    """Several secrets of one name count at once; what is revoked or expired does not."""
    file = tmp_path / "tokens.jsonl"
    old = tokens.add(file, "crm", "ops", None, NOW, None)
    late = tokens.add(file, "late", "ops", None, NOW - DAY, NOW - 1)
    write_config(config, server=SERVER.format(port=9, notify="log") + f"tokens_file: {file}\n")
    with served(config, tmp_path / "leads.db", Access.token("a" * 30)) as client:
        assert client.post("/v1/events", json=form(1), headers=bearer(old)).status_code == 200
        assert client.post("/v1/events", json=form(1), headers=bearer(late)).status_code == 401
        new = tokens.add(file, "crm", "ops", None, NOW, NOW + DAY)
        assert client.get("/v1/leads", headers=bearer(new)).status_code == 401
        assert client.post("/-/reload", headers=bearer(old)).status_code == 200
        for secret in (old, new):
            assert client.get("/v1/leads", headers=bearer(secret)).status_code == 200
        assert tokens.revoke(file, "crm", keep_newest=True) == 1
        assert client.post("/-/reload", headers=bearer(new)).status_code == 200
        assert client.get("/v1/leads", headers=bearer(old)).status_code == 401
        assert client.get("/v1/leads", headers=bearer(new)).status_code == 200
        file.write_text("nonsense\n", "utf-8")
        client.post("/-/reload", headers=bearer(new))
        assert client.get("/v1/leads", headers=bearer(new)).status_code == 200


def test_a_token_expires_while_the_server_runs(config: Path, tmp_path: Path) -> None:
    """Expiry needs no reload."""
    file = tmp_path / "tokens.jsonl"
    secret = tokens.add(file, "short", "read", None, NOW, int(time.time() * 1_000) + 1_500)
    write_config(config, server=SERVER.format(port=9, notify="log") + f"tokens_file: {file}\n")
    with served(config, tmp_path / "leads.db", Access.token("a" * 30)) as client:
        assert client.get("/v1/leads", headers=bearer(secret)).status_code == 200
        time.sleep(1.6)
        assert client.get("/v1/leads", headers=bearer(secret)).status_code == 401


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{}", "no token"),
        ('{"name":"a","role":"boss","sha256":"0","created_at":"x"}', "no role"),
        ('{"name":"a","role":"sales","sha256":"0","created_at":"x"}', "member"),
        ('{"name":"a","role":"ops","sha256":"0","created_at":"x","expires":"soon"}', "no token"),
    ],
)
def test_bad_files(tmp_path: Path, line: str, says: str) -> None:
    """A line that means nothing is refused with its number."""
    file = tmp_path / "tokens.jsonl"
    file.write_text("\n" + line + "\n", "utf-8")
    with pytest.raises(tokens.BadTokens, match=says) as bad:
        tokens.read_lines(file)
    assert ":2:" in str(bad.value)


def test_one_name_one_role(tmp_path: Path) -> None:
    """A second secret cannot widen what a name may do, and nobody unknown can be revoked."""
    file = tmp_path / "tokens.jsonl"
    tokens.add(file, "a", "read", None, NOW, None)
    with pytest.raises(tokens.BadTokens, match="read already"):
        tokens.add(file, "a", "admin", None, NOW, None)
    with pytest.raises(NotFound):
        tokens.revoke(file, "b")


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`token` makes, lists and revokes; the list shows no secret."""
    file = str(tmp_path / "t.jsonl")
    arguments = ["token", "new", "李娜", "--role", "sales", "--member", "li.na", "--expires", "90d"]
    assert run([*arguments, "--file", file]) == 0
    secret = capsys.readouterr().out.strip()
    assert run(["token", "list", "--file", file]) == 0
    shown = capsys.readouterr().out
    assert "李娜" in shown
    assert "sales li.na" in shown
    assert secret not in shown
    assert json.loads(Path(file).read_text("utf-8"))["sha256"] == tokens.digest_of(secret)
    assert run(["token", "new", "x", "--role", "sales", "--file", file]) == 2
    assert run(["token", "new", "x", "--file", file]) == 2
    assert run(["token", "revoke", "--file", file]) == 2
    assert run(["token", "revoke", "李娜", "--file", file]) == 0
    assert Path(file).read_text("utf-8") == ""


@pytest.mark.parametrize(
    ("yaml", "code"),
    [
        ('tokens: {a: {role: ops, secrets: [{value: "hunter2hunter2hunter2"}]}}', "plain-token"),
        ('tokens: {a: {role: ops, secrets: [{value: "${SHORT}"}]}}', "short-token"),
        ('tokens: {a: {role: ops, secrets: [{value: "${NOT_SET}"}]}}', "unset-variable"),
        ('tokens: {a: {role: sales, secrets: [{value: "${LONG}"}]}}', "token-member"),
        ('tokens: {a: {role: ops, member: li.na, secrets: [{value: "${LONG}"}]}}', "token-member"),
        ("tokens: {a: {role: ops, secrets: [{}]}}", "token-secret"),
        ('tokens: {a: {role: ops, secrets: [{value: "${LONG}", expires: soon}]}}', "bad-time"),
        ("proxies: [nowhere]", "bad-network"),
    ],
)
def test_what_is_wrong_in_server_yaml(tmp_path: Path, yaml: str, code: str) -> None:
    """A token written in plain, too short, or of no use is a finding with its place."""
    text = SERVER.format(port=9, notify="log") + yaml + "\n"
    folder = write_config(tmp_path / "config", server=text)
    loaded = load_folder(folder, {"LONG": "x" * 40, "SHORT": "x"})
    assert loaded.definitions is None
    (found,) = [d for d in loaded.diagnostics if d.code == code]
    assert found.source.file.endswith("server.yaml")
    assert "hunter2" not in found.message


def test_settings_that_are_fine(tmp_path: Path) -> None:
    """All keys together load; a token whose variable is empty is left out."""
    text = SERVER.format(port=9, notify="log") + (
        'tokens: {a: {role: ops, secrets: [{value: "${EMPTY:-}"}, {value: "${LONG}", expires: 2099-01-01}]}}\n'
        "rates: {capture: {requests: 5, per: 1m}, token: {requests: 9, burst: 20}}\n"
        'proxies: [127.0.0.1, "10.0.0.0/8", "::1"]\norigins: ["https://Www.Example.com"]\nlogs: json\n'
    )
    folder = write_config(tmp_path / "config", server=text)
    loaded = load_folder(folder, {"LONG": "x" * 40})
    assert loaded.definitions is not None, loaded.diagnostics
    serving = loaded.definitions.server.serving
    assert [len(token.secrets) for token in serving.tokens] == [1]
    assert serving.rates["capture"].burst == 5
    assert serving.rates["token"].per == 1_000
    assert serving.origins == ("https://www.example.com",)
