"""Signed addresses in what goes out: the one to leave by, links that tell of clicks, the pixel."""

from __future__ import annotations

import html as markup
import re
from typing import Any, Final

from engine.language.definitions import Definitions, Message
from engine.language.sending import EVERYTHING, TRANSACTIONAL
from engine.links import About, Links
from engine.network.ruleset import Ruleset
from engine.store.outbox import Leased

UNSUBSCRIBE: Final = "unsubscribe_url"
_ANCHOR: Final = re.compile(
    r"(<a\b[^>]*?\shref\s*=\s*)(?:\"([^\"]*)\"|'([^']*)')([^>]*>)", re.IGNORECASE
)
_UNTRACKED: Final = re.compile(r"\bdata-no-track\b", re.IGNORECASE)
_END: Final = re.compile(r"</body\s*>", re.IGNORECASE)


def links_of(definitions: Definitions) -> Links | None:
    """Return what signs and reads addresses, None where server.yaml says nothing of it."""
    linking = definitions.server.linking
    return Links(linking.url, linking.keys) if linking is not None else None


def about(leased: Leased, now: int, topic: str | None = None) -> About:
    """Return what an address in a delivery says of it."""
    return About(
        leased.lead, leased.key, leased.message, leased.journey, leased.step, now, topic
    )  # fmt: skip


def with_links(ruleset: Ruleset, leased: Leased, now: int) -> dict[str, Any]:
    """Return a delivery's parameters, for marketing with the address to leave by.

    Who leaves a message without a topic leaves everything.
    """
    links, message = links_of(ruleset.definitions), _message(ruleset, leased)
    if links is None or message is None or message.purpose == TRANSACTIONAL:
        return leased.params
    where = links.unsubscribe(about(leased, now, message.topic or EVERYTHING))
    return {**leased.params, UNSUBSCRIBE: where}


def tracked(html: str | None, ruleset: Ruleset, leased: Leased, now: int) -> str | None:
    """Return HTML for a lead with its links leading through us, and the picture at its end.

    Notes to salespeople stay as they are; so do links with ``data-no-track``, and all that are
    no web addresses.
    """
    linking, links = ruleset.definitions.server.linking, links_of(ruleset.definitions)
    if not html or linking is None or links is None or leased.audience != "lead":
        return html
    told = about(leased, now)
    if linking.clicks:
        html = _ANCHOR.sub(lambda found: _through(found, links, told), html)
    if linking.opens:
        picture = f'<img src="{links.opened(told)}" width="1" height="1" alt="">'
        end = _END.search(html)
        place = end.start() if end else len(html)
        html = f"{html[:place]}{picture}{html[place:]}"
    return html


def _through(found: re.Match[str], links: Links, told: About) -> str:
    before, double, single, after = found.groups()
    url = markup.unescape(double if double is not None else single).strip()
    if not url.lower().startswith(("http://", "https://")) or url.startswith(f"{links.base}/"):
        return found[0]
    if _UNTRACKED.search(before) or _UNTRACKED.search(after):
        return found[0]
    return f'{before}"{markup.escape(links.clicked(told, url))}"{after}'


def _message(ruleset: Ruleset, leased: Leased) -> Message | None:
    found = ruleset.definitions.messages.get(leased.message or "")
    return found if leased.audience == "lead" else None
