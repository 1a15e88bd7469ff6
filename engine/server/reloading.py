"""Reload by signal and by watching the files; one attempt at a time, all or nothing."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from pathlib import Path
from typing import Final

from engine.errors import LeadrulesError
from engine.host.revision import revision
from engine.host.runtime import Runtime
from engine.language.diagnostic import Diagnostic
from engine.store import configurations
from engine.store.configurations import Configuration

logger = logging.getLogger("leadrules.server")

LOOK_S: Final = 1.0
_MOST_FILES: Final = 10_000
State = dict[str, tuple[int, int]]


async def reload(runtime: Runtime, by: str, who: str | None = None) -> list[Diagnostic]:
    """Load the rules anew outside of the event loop, and log what came of it."""
    found = await asyncio.to_thread(runtime.reload, by, who)
    errors = [d for d in found if d.severity == "error"]
    for each in errors:
        logger.error("%s: %s: %s", each.source, each.code, each.message)
    if errors:
        logger.error("%d errors; the rules in use stay as they are", len(errors))
    else:
        logger.info("rules reloaded, version %s", runtime.ruleset.version)
        await remember(runtime)
    return found


async def remember(runtime: Runtime) -> None:
    """Keep the texts of the rules in use, for who compares them later; they run all the same."""
    folder = runtime.ruleset.definitions.folder
    texts = {
        path.removeprefix(folder).lstrip("/"): "\n".join(lines)
        for path, lines in runtime.sources.items()
        if path.endswith((".yaml", ".yml"))  # lists of people are none of the rules
    }
    commit = await asyncio.to_thread(revision, Path(folder))
    version = runtime.ruleset.definitions.version
    kept = Configuration(version, runtime.clock.wall(), commit)
    try:
        await runtime.write(lambda c: configurations.keep(c, kept, texts))
    except (LeadrulesError, sqlite3.Error) as error:
        logger.warning("the texts of the rules could not be kept: %s", error)


class Watch:
    """Reloads when the files of a folder have changed and then rested for a look.

    Looking is by time and size: it works on every file system, network ones and containers'
    too, where notifications do not.
    """

    def __init__(self, runtime: Runtime, every_s: float = LOOK_S) -> None:
        self._runtime = runtime
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin in the running event loop."""
        self._task = asyncio.create_task(self._run(), name="leadrules-watch")

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        loaded = before = await asyncio.to_thread(state_of, self._runtime.folder)
        while True:
            await asyncio.sleep(self._every_s)
            now = await asyncio.to_thread(state_of, self._runtime.folder)
            # An editor or a checkout writes several files: wait until it is done.
            if now != loaded and now == before:
                loaded = now
                try:
                    await reload(self._runtime, "files")
                except Exception:
                    logger.exception("the files changed, and could not be reloaded")
            before = now


def state_of(folder: Path) -> State:
    """Return time and size of every file in a folder, tests left out; {} where it is gone."""
    found: State = {}
    for path in sorted(folder.rglob("*"))[:_MOST_FILES]:
        inside = path.relative_to(folder)
        if inside.parts[0] == "tests" or path.name.startswith("."):
            continue
        try:
            stat = path.stat()
        except OSError:  # gone between listing and looking
            continue
        if path.is_file():
            found[inside.as_posix()] = (stat.st_mtime_ns, stat.st_size)
    return found
