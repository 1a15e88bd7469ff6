"""``serve``: one process, one database, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec
import uvicorn

from engine.errors import LeadrulesError
from engine.host.clock import Clock, StreamClock, SystemClock
from engine.host.plugin_files import plugins_of
from engine.host.plugins import Plugins
from engine.host.process import settle
from engine.host.runtime import Runtime
from engine.host.tracing import configured
from engine.language.diagnostic import Diagnostic
from engine.server import auth
from engine.server.app import create_app
from engine.server.auth import TOKEN_VARIABLE
from engine.server.endpoint import Report
from engine.server.express import Express
from engine.server.logs import log_to
from engine.server.patience import cut_off
from engine.server.policy import Policies
from engine.server.reloading import Watch, reload

CLOCKS: Final[Mapping[str, Callable[[], Clock]]] = {"system": SystemClock, "stream": StreamClock}
GRACE_S: Final = 15
_BACKLOG: Final = 2_048


class CannotListen(LeadrulesError):
    """The address is taken, or is none of this machine's."""

    code = "cannot-listen"


class _Place(msgspec.Struct, frozen=True):
    """Where to serve, and with what."""

    socket: socket.socket
    host: str
    reports: Mapping[str, Report]
    notes: TextIO
    watch: bool = False

    @property
    def url(self) -> str:
        port = self.socket.getsockname()[1]
        return (
            f"http://[{self.host}]:{port}/" if ":" in self.host else f"http://{self.host}:{port}/"
        )


def serve(  # noqa: PLR0913, PLR0917 - one place where everything comes together
    folder: Path,
    host: str = "127.0.0.1",
    port: int = 8000,
    database: Path | None = None,
    clock: str | None = None,
    reports: Mapping[str, Report] | None = None,
    notes: TextIO | None = None,
    watch: bool = False,
) -> list[Diagnostic]:
    """Serve until SIGTERM or SIGINT, then finish what has begun; SIGHUP reloads the rules.

    Returns at once with the findings when the configuration has errors; else with the
    findings after the end. ``database`` and ``clock`` (system or stream) come from server.yaml
    when None; port 0 takes a free one. What people should know goes to ``notes``, standard
    error by default. ``watch`` reloads when files change. Raises LeadrulesError:
    DatabaseInUse, BadDatabase, PluginError, CannotListen.
    """
    plugins = plugins_of(folder)
    runtime, found = load_runtime(folder, database, clock, plugins)
    if runtime is None:
        return found
    out = notes or sys.stderr
    log_to(out, runtime.ruleset.definitions.server.serving.logs)
    with _listen(host, port) as listening:
        runtime.start()
        settle()
        traces = runtime.telemetry.traces = configured(os.environ)
        place = _Place(listening, host, reports or {}, out, watch)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(runtime, plugins, place))
        if traces is not None:
            traces.close()
    return found


def load_runtime(
    folder: Path, database: Path | None, clock: str | None, plugins: Plugins
) -> tuple[Runtime | None, list[Diagnostic]]:
    """Return a loaded runtime and the findings; None when the configuration has errors."""
    probe = Runtime(folder, Path(), plugins=plugins)
    found = probe.load()
    if any(d.severity == "error" for d in found):
        return None, found
    server = probe.ruleset.definitions.server
    chosen = clock or str(server.settings.get("clock", "system"))
    runtime = Runtime(folder, database or Path(server.database), CLOCKS[chosen](), plugins)
    return runtime, runtime.load()


def _listen(host: str, port: int) -> socket.socket:
    """Take the address before anything else begins."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise CannotListen(
            f"cannot listen at {host}:{port}: {error.strerror}; "
            "choose another with --host and --port"
        ) from error


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's where it is installed; None: asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _serve(runtime: Runtime, plugins: Plugins, place: _Place) -> None:
    watching = Watch(runtime)
    try:
        tokens = Policies(runtime, auth.Access.open()).tokens()
        access, made = await auth.configure(runtime, place.host, os.environ, tokens)
        app = create_app(runtime, access, plugins, place.reports)
        # Its first write: uvicorn would answer a disk that is full with a traceback.
        await app.state.desk.keep()
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,  # addresses of leads are parts of paths
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            lifespan="on",
            http=Express,
            proxy_headers=False,  # whom to believe is in server.yaml
        )
        server = _Announcing(
            config, lambda: _announce(place, access.is_open and not app.state.desk.closes, made)
        )
        _listen_to_signals(server, runtime)
        if place.watch:
            watching.start()
        await server.serve(sockets=[place.socket])
    finally:
        await watching.stop()
        await runtime.stop()


class _Announcing(uvicorn.Server):
    """Says that it listens once it does."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def on_tick(self, counter: int) -> bool:
        """Look once a second for connections with which nothing happens."""
        if counter % 10 == 0:
            cut_off(list(self.server_state.connections))
        return await super().on_tick(counter)

    async def startup(self, sockets: Any = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started:
            self._announce()


def _announce(place: _Place, is_open: bool, made: str | None) -> None:
    lines = [f"leadrules listens at {place.url}"]
    if made is not None:
        # To the person only: a log would keep it.
        lines.insert(0, f"The administrator's token, shown this once: {made}")
    elif is_open:
        lines.append(
            f"It is open to everybody on this machine; set {TOKEN_VARIABLE} to change that."
        )
    place.notes.write("\n".join(lines) + "\n")
    place.notes.flush()


def _listen_to_signals(server: uvicorn.Server, runtime: Runtime) -> None:
    """SIGHUP reloads. SIGTERM and SIGINT end the server, before uvicorn listens and after.

    uvicorn raises the signal that ended it once more when it is done; the default handler
    would then kill the process while it still writes.
    """

    def end(signum: int, frame: Any) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    if not hasattr(signal, "SIGHUP"):
        return
    running: set[asyncio.Task[Any]] = set()

    def hang_up() -> None:
        task = asyncio.create_task(reload(runtime, "signal"))
        running.add(task)
        task.add_done_callback(running.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hang_up)
