"""Take the pictures of docs/screenshots/ anew, of a server that is full of leads.

    python -m tests.server.console.screenshots http://127.0.0.1:8000 [PAGE ...]

Every page of the console, in both languages and widths by turns. Look at them before you keep
them. `make demo` runs such a server.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import sync_playwright

from tests.server.console.test_browser import CHROMIUM, Visit

FOLDER = Path(__file__).parents[3] / "docs" / "screenshots"
PAGES = {
    **{name: f"/console/{name}" for name in ("leads", "day", "journeys", "routing", "people")},
    **{name: f"/console/{name}" for name in ("experiments", "deliveries", "rules", "audit")},
    **{f"report-{name}": f"/console/reports/{name}" for name in ("sources", "stages", "people")},
    **{f"report-{name}": f"/console/reports/{name}" for name in ("cycle", "nurture", "weekly")},
    "overview": "/console/",
    "compare": "/console/rules/compare",
    "journey": "/console/journeys/welcome",
    "reports": "/console/reports/channels",
    "sign-in": "/console/sign-in",
}
WAYS = (("zh", "desktop"), ("en", "phone"))
OTHER_WAYS = (("en", "desktop"), ("zh", "phone"))
IN_ENGLISH = {
    "lead",
    "leads",
    "people",
    "reports",
    "rules",
    "sign-in",
    "report-cycle",
    "report-people",
}


def take(browser: Any, site: str, name: str, path: str, way: tuple[str, str]) -> None:
    """Take one picture; says what should not be there."""
    visit = Visit(browser, site, *way)
    visit.open(path).screenshot(path=FOLDER / f"{name}-{'-'.join(way)}.png")
    if visit.bad:
        print(name, *visit.bad, sep="\n  ")
    visit.context.close()


def main(site: str, only: list[str]) -> None:
    """Take them all, or ``only`` some."""
    leads = httpx.get(f"{site}/v1/leads", params={"sort": "score", "limit": 1}).json()["items"]
    pages = {**PAGES, "lead": f"/console/lead/{leads[0]['id']}"}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name in only or pages:
            for way in OTHER_WAYS if name in IN_ENGLISH else WAYS:
                take(browser, site, name, pages[name], way)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), sys.argv[2:])
