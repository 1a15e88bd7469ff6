"""Which network answers the conditions of scoring rules: ours, or durable-rules.

With ``network: durable`` everything else stays as it is: the machines, the ledger, windows,
lifecycle, routing and journeys. docs/durable-rules.md says exactly what is asked.
"""

from __future__ import annotations

import logging
import weakref
from typing import Any, Final

from engine.host.durable import DurableFailed, DurableProcess, missing
from engine.language.definitions import All, Definitions, ScoreRule
from engine.language.diagnostic import Diagnostic, Source
from engine.network.asked import asking
from engine.network.condition import Check, ConditionCompiler
from engine.network.durable import DurableCannot, DurableRules, compile_durable, message, rule_key
from engine.network.ruleset import Ruleset

_log: Final = logging.getLogger("leadrules.host")
DURABLE: Final = "durable"
INSTALL: Final = "pip install 'leadrules[durable]', on Python before 3.13; or network: own"
TIMEOUT: Final = 2.0  # seconds for one answer, while all other events wait
MOST_ANSWERS: Final = 1_000  # kept, so that rules with the same facts ask once


def check_network(definitions: Definitions) -> list[Diagnostic]:
    """Return why these rules cannot run on the network that server.yaml names.

    Each rule that durable-rules cannot carry is one finding. When there is none, it is given
    the rules, in a process that ends at once.
    """
    if definitions.server.network != DURABLE:
        return []
    place = definitions.server.network_source or Source(definitions.folder, 1, 1)
    rules = compile_durable(definitions)
    why = missing()
    if why is not None:
        return [Diagnostic("durable-missing", why, place, hint=INSTALL), *rules.refused]
    return rules.refused or _try(rules, place)


def _try(rules: DurableRules, place: Source) -> list[Diagnostic]:
    try:
        with DurableProcess(rules) as process:
            process.start()
    except DurableFailed as error:
        hint = "use our own network, with network: own"
        return [Diagnostic("durable-failed", str(error), place, hint=hint)]
    return []


def deciding(ruleset: Ruleset) -> Ruleset:
    """Return the ruleset to decide events by, on the network that server.yaml names.

    `check_network` has found nothing. The process of durable-rules starts when it is first
    asked, and ends when nobody has the ruleset any more.
    """
    definitions = ruleset.definitions
    if definitions.server.network != DURABLE:
        return ruleset
    _log.info("the conditions of scoring rules are answered by durable-rules")
    asked = asking(definitions, DurableNetwork(definitions).holds)
    return Ruleset(asked, (e.definition for e in ruleset.elders.values()), ruleset.winners)


class DurableNetwork:
    """Answers conditions by durable-rules; for one thread at a time.

    A lead with a value that durable-rules would misread is judged by our own closures, which
    the differential test holds equal, for a stranger's quotation mark must not cost a lead.
    """

    def __init__(self, definitions: Definitions, timeout: float = TIMEOUT) -> None:
        self._rules = compile_durable(definitions)
        self._own = _own(definitions)
        self.answers: dict[tuple[tuple[str, Any], ...], frozenset[str]] = {}
        self._unread: set[str] = set()
        self.process = DurableProcess(self._rules, timeout)
        weakref.finalize(self, self.process.close)

    def holds(self, rule: ScoreRule, facts: Any) -> bool:
        """Return whether a rule's conditions hold; raises DurableFailed.

        ``facts`` is a `engine.network.condition.Facts`.
        """
        kind = rule.events[0] if rule.events else ""  # any of them: our index knows the type
        properties = facts.properties if rule.events else {}
        try:
            sent = message(self._rules, kind, properties, facts.facts)
        except DurableCannot as cannot:
            self._tell(cannot)
            return self._own[rule_key(rule)](facts)
        return rule_key(rule) in self._matches(sent)

    def _matches(self, sent: dict[str, Any]) -> frozenset[str]:
        question = tuple(sent.items())
        found = self.answers.get(question)
        if found is None:
            if len(self.answers) >= MOST_ANSWERS:
                self.answers.clear()
            found = self.answers[question] = self._ask(sent)
        return found

    def _ask(self, sent: dict[str, Any]) -> frozenset[str]:
        """Ask a second process where the first one dies: it may have been killed from outside."""
        try:
            return self.process.matches([sent])[0]
        except DurableFailed as error:
            _log.warning("%s", error)
        return self.process.matches([sent])[0]

    def _tell(self, cannot: DurableCannot) -> None:
        """Say once for each field that we step in; its value may be personal."""
        if cannot.fact not in self._unread:
            self._unread.add(cannot.fact)
            text = "durable-rules cannot read some values of %s; our own network judges these leads"
            _log.warning(text, cannot.fact)


def _own(definitions: Definitions) -> dict[str, Check]:
    """Return our own closure of each scoring rule's conditions."""
    compiler = ConditionCompiler(definitions.calendars)
    found = {}
    for rule in (rule for model in definitions.models for rule in model.rules):
        parts = tuple(part for part in (rule.where, rule.when) if part is not None)
        found[rule_key(rule)] = compiler.compile(All(items=parts, source=rule.source)).holds
    return found
