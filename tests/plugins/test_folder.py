"""The channel ``folder``, and polling: a file counts once, whatever happens, and errors are seen."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import openpyxl
import pytest
from starlette.testclient import TestClient

from engine.cli.main import run
from engine.host.plugins import PluginError, Plugins
from engine.host.polling import Polling
from engine.host.runtime import Runtime
from engine.plugin import Channel, Poll, Polled, hookimpl
from engine.testing import ChannelContract
from plugins.channels.folder import FolderChannel
from tests.serving import SERVER, served, start_runtime, wait_for, write_config

HEAD = "姓名,手机号,公司,人数,备注\n"
ROW = "王芳,13800138000,金泰阀门,600,请联系\n"


def settings(folder: Path) -> str:
    """Return server.yaml with the channel."""
    return (
        SERVER.format(port=9, notify="log")
        + f"""
channels:
  folder:
    path: '{folder}'
    every_s: 1
    fields: {{姓名: name, 手机号: phone, 公司: company, 人数: employees, 渠道: source.utm_source}}
    properties: {{备注: message}}
    source: {{name: 展会登记表, category: 展会}}
"""
    )


CATALOG = "events:\n  form_submitted: {properties: {message: text}}\n"


class Watched:
    """A company that watches a folder; `look` looks as often as there is something."""

    def __init__(self, tmp_path: Path) -> None:
        self.inbox = tmp_path / "inbox"
        self.inbox.mkdir(exist_ok=True)
        self.database = tmp_path / "leads.db"
        self.config = write_config(
            tmp_path / "config", server=settings(self.inbox), catalog=CATALOG
        )

    def put(self, name: str, content: str | bytes, age_s: float = 60) -> Path:
        """Put a file into the folder that is some seconds old."""
        file = self.inbox / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        then = time.time() - age_s
        os.utime(file, (then, then))
        return file

    @contextmanager
    def running(self) -> Iterator[tuple[Runtime, Polling]]:
        """Run the engine without a server."""
        plugins = Plugins(entry_points=False)
        runtime = start_runtime(self.config, self.database, plugins)
        try:
            yield runtime, Polling(runtime, plugins)
        finally:
            asyncio.run(runtime.stop())

    def look(self, looks: int = 20) -> dict[str, Any]:
        """Start, look until there is no more, and stop; return how the channel stands."""
        with self.running() as (runtime, polling):
            channel = Plugins(entry_points=False).channels["folder"]
            params = runtime.ruleset.definitions.server.channels["folder"].params

            async def all_of_it() -> None:
                for _ in range(looks):
                    if not await polling.look(channel, params):
                        return

            asyncio.run(all_of_it())
            standing = polling.status()["folder"]
        with closing(sqlite3.connect(self.database)) as connection:
            counted = "SELECT count(*) FROM events WHERE id LIKE 'folder:%'"
            (events,) = connection.execute(counted).fetchone()
        return {**standing, "events": events}


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """Return a company that watches a folder."""
    return Watched(tmp_path)


def workbook(rows: list[list[Any]], file: Path) -> bytes:
    """Return an .xlsx with these rows."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file.read_bytes()


class TestContract(ChannelContract):
    channel = FolderChannel()
    settings = {"path": "inbox", "fields": {"姓名": "name"}}  # noqa: RUF012


def test_rows_become_leads(tmp_path: Path) -> None:
    """A served folder's rows are leads with types, source and properties within a look."""
    watched = Watched(tmp_path)
    watched.put("签到表.csv", HEAD + ROW + "李娜,13900139000,东方机械,,\n")
    with served(watched.config, watched.database) as client:
        wait_for(lambda: client.get("/v1/leads/13900139000").status_code == 200)
        fields = client.get("/v1/leads/13800138000").json()["fields"]
        assert fields["name"] == "王芳"
        assert fields["employees"] == 600
        assert fields["source.name"] == "展会登记表"
        assert fields["source.category"] == "展会"
        items = client.get("/v1/leads/13800138000/timeline").json()["items"]
        (event,) = [i for i in items if i["type"] == "form_submitted"]
        assert event["properties"]["message"] == "请联系"
        assert event["channel"] == "folder"

        def standing() -> tuple[Any, ...]:
            status = client.get("/-/status").json()["polled"]["folder"]
            return status["ok"], status["accepted"], status["refused"]

        wait_for(lambda: standing() == (True, 2, 0))  # counted behind the commit


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_csv_as_people_have_it(watched: Watched, encoding: str, mark: str) -> None:
    """Whatever program wrote it, the same rows come out."""
    watched.put("a.csv", (HEAD + ROW).replace(",", mark).encode(encoding))
    assert watched.look()["accepted"] == 1


def test_a_workbook(watched: Watched, tmp_path: Path) -> None:
    """A workbook's numbers are numbers, and a telephone number stays one."""
    rows = [["姓名", "手机号", "公司", "人数"], ["王芳", 13800138000, "金泰阀门", 600.0]]
    watched.put("a.xlsx", workbook(rows, tmp_path / "b.xlsx"))
    assert watched.look()["accepted"] == 1
    with served(watched.config, watched.database) as client:
        assert client.get("/v1/leads/13800138000").json()["fields"]["employees"] == 600


def test_a_file_counts_once(watched: Watched) -> None:
    """Restarted, touched, renamed or copied, a file is the one that it was; changed, it is new."""
    file = watched.put("a.csv", HEAD + ROW)
    assert watched.look()["events"] == 1
    assert watched.look()["events"] == 1
    os.utime(file, (time.time() - 30, time.time() - 30))
    assert watched.look()["events"] == 1
    file.rename(watched.inbox / "b.csv")
    watched.put("c.csv", HEAD + ROW)
    assert watched.look()["events"] == 1
    watched.put("b.csv", HEAD + ROW + "李娜,13900139000,东方机械,5,\n")
    assert watched.look()["events"] == 3  # another file, whose first row is sent again


def test_cut_off_in_the_middle(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ends before it noted how far it was reads again, and nothing counts twice."""
    monkeypatch.setattr("plugins.channels.folder._ROWS", 10)
    rows = "".join(f"客户{n},138{n:08d},公司{n},5,\n" for n in range(35))
    watched.put("a.csv", HEAD + rows)
    first = watched.look(looks=2)
    assert first["events"] == 20
    with closing(sqlite3.connect(watched.database)) as connection:
        connection.execute("DELETE FROM meta WHERE key = 'poll:folder'")
        connection.commit()
    assert watched.look()["events"] == 35


def test_a_file_that_is_being_written_waits(watched: Watched) -> None:
    """A file that has changed in this second is left alone until it rests."""
    watched.put("a.csv", HEAD + ROW, age_s=0)
    assert watched.look()["events"] == 0
    watched.put("a.csv", HEAD + ROW, age_s=5)
    assert watched.look()["events"] == 1


def test_bad_rows_are_named_and_cost_only_themselves(watched: Watched) -> None:
    """A row that the engine refuses is named by file and number; the others count; nobody is named."""
    watched.put("a.csv", HEAD + ROW + "无名,,无,5,\n" + "李娜,13900139000,东方,多,\n" + "\n")
    standing = watched.look()
    assert (standing["accepted"], standing["refused"]) == (1, 2)
    assert [p.rpartition(":")[0].rpartition(":")[2] for p in standing["problems"]] == ["3", "4"]
    assert "李娜" not in repr(standing)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"\xff\xfe\x00\xd8\x00", "neither UTF-8"),
        ("a.csv", "电话,名\n1,2\n", "none of its columns"),
        ("a.csv", "", "none of its columns"),
        ("a.csv", HEAD + '"王芳,138\n', "no CSV"),
        ("a.xlsx", b"PK\x03\x04 no archive", "no workbook"),
    ],
)
def test_what_is_no_table(watched: Watched, name: str, content: Any, words: str) -> None:
    """A file that cannot be read is a problem, told once, and the next file is read."""
    watched.put(name, content)
    watched.put("z.csv", HEAD + ROW)
    standing = watched.look()
    assert standing["accepted"] == 1
    assert any(words in problem for problem in standing["problems"]), standing
    assert len(watched.look()["problems"]) == 0


def test_no_folder(watched: Watched) -> None:
    """A folder that is not there is an error that says so, and is gone when the folder is back."""
    watched.inbox.rmdir()
    standing = watched.look()
    assert not standing["ok"]
    assert "inbox" in standing["error"]
    watched.inbox.mkdir()
    assert watched.look()["ok"]


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("姓名: name", "姓名: nmae", 'no lead field "nmae"'),
        ("备注: message", "备注: masage", 'no property "masage"'),
        ("every_s: 1", "every_s: 1\n    event: form_submited", 'no event type "form_submited"'),
        ("every_s: 1", "evry_s: 1", "evry_s"),
    ],
)
def test_bad_settings(
    watched: Watched, capsys: pytest.CaptureFixture[str], good: str, bad: str, words: str
) -> None:
    """Columns that lead nowhere are errors of `validate`."""
    file = watched.config / "server.yaml"
    file.write_text(file.read_text("utf-8").replace(good, bad), "utf-8")
    assert run(["validate", str(watched.config)]) == 1
    out = capsys.readouterr().out
    assert "bad-channel" in out
    assert words in out


# --- polling itself --------------------------------------------------------------------------


class Looker(Channel):
    """Looks as it is told: each item is what it finds, or what it raises."""

    name = "looker"
    config_schema = {"type": "object", "additionalProperties": False}  # noqa: RUF012

    def __init__(self, *finds: Any) -> None:
        self.finds = list(finds)
        self.cursors: list[str | None] = []

    def every(self, settings: Any) -> int:
        return 10

    async def poll(self, poll: Poll) -> Polled:
        self.cursors.append(poll.cursor)
        found = self.finds.pop(0) if self.finds else Polled()
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]


def plugins_with(*channels: Channel) -> Plugins:
    """Return the plugins with these channels."""
    module = ModuleType("mine")

    def register_channels(register: Any) -> None:
        for channel in channels:
            register(channel)

    module.register_channels = hookimpl(register_channels)  # type: ignore[attr-defined]
    return Plugins({"mine": module}, entry_points=False)


def event(n: int) -> dict[str, Any]:
    """Return an event of lead ``n``."""
    return {
        "id": f"looker:{n}", "type": "form_submitted", "lead": {"email": f"a{n}@acme.cn"},
        "properties": {"form": "f"},
    }  # fmt: skip


@contextmanager
def serving(tmp_path: Path, *channels: Channel) -> Iterator[TestClient]:
    """Serve a company whose server.yaml has these channels."""
    told = "channels:\n" + "".join(f"  {c.name}: {{}}\n" for c in channels)
    config = write_config(tmp_path / "config", server=SERVER.format(port=9, notify="log") + told)
    with served(config, tmp_path / "leads.db", plugins=plugins_with(*channels)) as client:
        yield client


def test_a_look_that_fails_costs_itself(tmp_path: Path) -> None:
    """What a look raises, or returns wrongly, is told; the next one goes on from the old cursor."""
    looker = Looker(
        Polled((event(1),), "one"),
        RuntimeError("张三"),
        "nonsense",
        OSError("no such folder"),
        Polled((event(1), event(2), {"type": "nonsense"}), "two", problems=("a.csv: 坏",)),
    )
    with serving(tmp_path, looker) as client:
        wait_for(lambda: len(looker.cursors) > 5)
        wait_for(lambda: client.get("/-/status").json()["polled"]["looker"]["ok"])
        status = client.get("/-/status").json()["polled"]["looker"]
    assert looker.cursors[:6] == [None, "one", "one", "one", "one", "two"]
    assert (status["accepted"], status["refused"], status["error"]) == (2, 2, None)
    assert status["problems"][0] == "a.csv: 坏"
    assert "张三" not in repr(status)


def test_the_cursor_outlives_the_server(tmp_path: Path) -> None:
    """A server that starts again goes on where the last one stood."""
    with serving(tmp_path, first := Looker(Polled((event(1),), "here"))):
        wait_for(lambda: len(first.cursors) > 1)
    with serving(tmp_path, second := Looker()):
        wait_for(lambda: second.cursors)
    assert second.cursors[0] == "here"


def test_without_settings_nobody_looks(tmp_path: Path) -> None:
    """A channel that server.yaml does not mention is not asked."""
    looker = Looker()
    config = write_config(tmp_path / "config")
    with served(config, tmp_path / "leads.db", plugins=plugins_with(looker)) as client:
        time.sleep(0.2)
        assert client.get("/-/status").json()["polled"] == {}
    assert looker.cursors == []


def test_a_channel_without_a_way_is_refused() -> None:
    """A channel that neither has routes nor looks could never bring anything."""

    class Deaf(Channel):
        name = "deaf"

    with pytest.raises(PluginError, match="neither routes nor poll"):
        plugins_with(Deaf())
