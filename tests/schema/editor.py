"""A minimal editor: speaks LSP with a real yaml-language-server over stdin and stdout."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from queue import Empty, Queue
from typing import Any

# Pinned: what an editor completes and shows may change from one version to the next.
VERSION = "1.25.0"
SECONDS = 30


class Editor:
    """One language server; files are opened with the text given, whatever is on disk."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.answers: dict[int, Queue[Any]] = {}
        self.reports: dict[str, Queue[list[dict[str, Any]]]] = {}
        self.last = self.opened = 0
        threading.Thread(target=self._listen, daemon=True).start()
        self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": _ABLE})
        self.tell("initialized", {})
        self.tell("workspace/didChangeConfiguration", {"settings": _SETTINGS})

    def close(self) -> None:
        """End the server."""
        self.ask("shutdown", None)
        self.tell("exit", None)
        self.process.wait(SECONDS)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()

    def open(self, file: Path, text: str) -> list[dict[str, Any]]:
        """Open ``text`` as if it stood beside ``file``, and return its diagnostics."""
        return self._open(file, text)[1]

    def _open(self, file: Path, text: str) -> tuple[str, list[dict[str, Any]]]:
        self.opened += 1
        uri = file.with_name(f"{self.opened}-{file.name}").as_uri()
        self.reports[uri] = Queue()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})
        return uri, self.reports[uri].get(timeout=SECONDS)

    def complete(self, file: Path, text: str) -> list[str]:
        """Return the labels proposed at the mark ``|`` in ``text``."""
        answer = self.ask("textDocument/completion", self._at_mark(file, text))
        items = answer["items"] if isinstance(answer, dict) else answer or []
        return [item["label"] for item in items]

    def hover(self, file: Path, text: str) -> str:
        """Return what is shown over the mark ``|``."""
        answer = self.ask("textDocument/hover", self._at_mark(file, text))
        return str(answer["contents"]["value"]) if answer else ""

    def _at_mark(self, file: Path, text: str) -> dict[str, Any]:
        before, mark, after = text.partition("|")
        assert mark, "the text has no mark"
        uri, _ = self._open(file, before + after)
        line, character = before.count("\n"), len(before.rpartition("\n")[2])
        position = {"line": line, "character": character}
        return {"textDocument": {"uri": uri}, "position": position}

    def ask(self, method: str, params: Any) -> Any:
        """Send a request and return its result."""
        self.last += 1
        self.answers[self.last] = Queue()
        self._send({"id": self.last, "method": method, "params": params})
        try:
            answer = self.answers[self.last].get(timeout=SECONDS)
        except Empty:
            raise AssertionError(f"the language server did not answer {method}") from None
        assert "error" not in answer, answer
        return answer["result"]

    def tell(self, method: str, params: Any) -> None:
        """Send a notification."""
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def _listen(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while line := stream.readline():
            length = int(line.split(b":")[1])
            while stream.readline().strip():
                pass  # other headers
            self._take(json.loads(stream.read(length)))

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("method") == "textDocument/publishDiagnostics":
            params = message["params"]
            if params["uri"] in self.reports:
                self.reports[params["uri"]].put(params["diagnostics"])
        elif "method" in message and "id" in message:
            wanted = message["method"] == "workspace/configuration"
            result = (
                [_SETTINGS.get(i["section"]) for i in message["params"]["items"]]
                if wanted
                else None
            )
            self._send({"id": message["id"], "result": result})
        elif "id" in message:
            self.answers[message["id"]].put(message)


_ABLE = {
    "textDocument": {
        "completion": {"completionItem": {"snippetSupport": True}},
        "hover": {"contentFormat": ["markdown"]},
        "publishDiagnostics": {},
    },
    "workspace": {"configuration": True},
}
# No schema store: nothing is fetched, and only the modelines count.
_SETTINGS: dict[str, Any] = {
    "yaml": {
        "schemaStore": {"enable": False, "url": ""},
        "completion": True,
        "hover": True,
        "validate": True,
    },
    "http": {},
    "editor": {},
}
