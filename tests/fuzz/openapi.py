"""schemathesis on the OpenAPI document of a real server: no 5xx, no traceback, no growth.

    python -m tests.fuzz.openapi [--examples 200] [--seed N]

What the document says of each route is what schemathesis makes requests of, right ones and wrong
ones; answers are held against the same document.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from tests.crash._server import ROOT, Server, leadrules, plain_environ

CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance"),
)
_ANSWERED = r'^leadrules_http_requests_total\{.*status="(\d+)"\} ([\d.e+]+)$'
GROWTH = 60_000_000  # bytes that a server may grow by while its caches fill


class Fuzzed:
    """What came of a run: what schemathesis says, and what is true of the server after it."""

    def __init__(self, said: str, code: int, log: str, grown: int, answered: Counter[str]) -> None:
        self.said = said
        self.code = code
        self.log = log
        self.grown = grown
        self.answered = answered  # how many requests, by status

    def check(self) -> None:
        """Raise AssertionError for whatever must not be."""
        assert self.code == 0, self.said
        assert "Traceback" not in self.log, self.log
        assert '  File "' not in self.log, self.log
        assert self.grown < GROWTH, f"the server grew by {self.grown / 1e6:.0f} MB"
        locked_out = self.answered["401"] + self.answered["429"]
        assert locked_out < self.answered.total() / 4, self.answered


def fuzz(folder: Path, examples: int, seed: str, phases: str = "coverage,fuzzing") -> Fuzzed:
    """Run the default configuration's server in ``folder`` and let schemathesis loose on it."""
    config = Path(shutil.copytree(ROOT / "config", folder / "config"))
    # Without a token nobody would be let in any more once a request has made an account.
    token = secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).hexdigest()
    with (config / "server.yaml").open("a", encoding="utf-8") as file:
        file.write(f"tokens: {{fuzz: {{role: admin, secrets: [{{sha256: {digest}}}]}}}}\n")
    server = Server(config, folder / "leads.db")
    try:
        server.start()
        fill(server.url, token)
        # Once over everything before growth counts: caches are no leak.
        schemathesis(server.url, token, folder, 1, seed, "fuzzing")
        before = server.rss()
        done = schemathesis(server.url, token, folder, examples, seed, phases)
        grown = server.rss() - before
        answered = _answered(server.url, token)
        assert httpx.get(f"{server.url}/-/ready").status_code == 200
        assert server.stop() == 0
    finally:
        server.put_away()
    ran = leadrules("doctor", "--deep", "--offline", "--config", config, "--db", server.database)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return Fuzzed(done.stdout, done.returncode, server.log.read_text("utf-8"), grown, answered)


def fill(url: str, token: str) -> None:
    """Take some leads in, so that lists are not empty and ids can be met."""
    events: list[dict[str, Any]] = [
        {
            "id": f"f{n}",
            "type": "form_submitted",
            "lead": {"email": f"w{n}@acme.cn", "name": "王芳", "company": f"金泰阀门{n}"},
        }
        for n in range(20)
    ]
    headers = {"authorization": f"Bearer {token}"}
    httpx.post(f"{url}/v1/events", json=events, headers=headers, timeout=30).raise_for_status()


def schemathesis(
    url: str, token: str, folder: Path, examples: int, seed: str, phases: str
) -> subprocess.CompletedProcess[str]:
    """Run its command line; it must not find its settings or examples in the repository."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json"]
    command += ["--checks", ",".join(CHECKS), "--max-examples", str(examples), "--seed", seed]
    command += ["--phases", phases, "--continue-on-failure", "--no-shrink", "--warnings", "off"]
    command += ["--request-timeout", "30", "--suppress-health-check", "all"]
    command += ["--header", f"Authorization: Bearer {token}"]
    return subprocess.run(
        command, check=False, cwd=folder, env=plain_environ(), capture_output=True, text=True
    )


def _answered(url: str, token: str) -> Counter[str]:
    """Return how many requests were answered, by status."""
    text = httpx.get(f"{url}/metrics", headers={"authorization": f"Bearer {token}"}).text
    found = Counter[str]()
    for status, count in re.findall(_ANSWERED, text, re.MULTILINE):
        found[status] += int(float(count))
    return found


def main() -> int:
    """Run it and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--examples", type=int, default=200, help="requests for each route")
    parser.add_argument("--seed", default=str(secrets.randbelow(10**8)))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        found = fuzz(Path(scratch), options.examples, options.seed)
    print(found.said)
    print(json.dumps({"answered": found.answered, "grown_mb": round(found.grown / 1e6, 1)}))
    found.check()
    return 0


if __name__ == "__main__":
    sys.exit(main())
