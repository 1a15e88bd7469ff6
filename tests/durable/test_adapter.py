"""What the adapter carries, refuses and survives."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from engine.host.durable import WORKER, DurableFailed, DurableProcess, missing
from engine.network.durable import (
    MAX_ABSENT,
    MAX_ATTRIBUTES,
    MAX_FOLLOWING,
    MAX_RULES,
    DurableCannot,
    DurableRules,
    compile_durable,
    message,
)
from engine.network.durable_terms import MAX_ALTERNATIVES
from tests.conformance.networks import model, rules_of

why = missing()
needs_durable = [pytest.mark.durable, pytest.mark.skipif(why is not None, reason=why or "")]


def _compiled(*rules: Any) -> DurableRules:
    numbered = [{"id": f"r{number}", **rule} for number, rule in enumerate(rules)]
    return compile_durable(rules_of(model(numbered)))


def _by_hand(definition: dict[str, Any]) -> DurableRules:
    whole = {name: {"all": [{"m": condition}]} for name, condition in definition.items()}
    return DurableRules(whole, {name: name for name in definition}, {}, [])


def test_a_refusal_stands_where_the_trouble_is() -> None:
    """The finding points at the part of the condition that cannot be carried."""
    text = (
        "models:\n  default:\n    dimensions: {d: {}}\n    rules:\n"
        "      - id: small\n"
        "        dimension: d\n"
        "        points: 1\n"
        "        when:\n"
        "          lead.city: 上海\n"
        "          lead.amount: {gt: 0.0000001}\n"
    )
    (finding,) = compile_durable(rules_of(text)).refused
    assert (finding.source.line, finding.source.column) == (10, 29)
    assert finding.rule == "small"


def test_a_refused_rule_leaves_nothing_behind() -> None:
    """Neither a rule nor an attribute of it remains, and its neighbours are carried."""
    when = {"lead.city": "上海", "lead.tags": ["VIP"]}
    compiled = _compiled({"when": {"lead.industry": "制造业"}}, {"when": when})
    assert set(compiled.rules.values()) == {"default.d.r0"}
    assert set(compiled.attributes) == {("lead.industry", "string")}


@pytest.mark.parametrize(
    ("fits", "rules"),
    [
        (MAX_FOLLOWING, [{"when": {"lead.employees": n}} for n in range(600)]),
        (MAX_FOLLOWING, [{"when": {"lead.city": {"starts_with": c}}} for c in "上下"] * 300),
        (MAX_RULES, [{"when": {"lead.city": "上海"}}] * 300),
        (1, [{"when": {"lead.employees": list(range(each))}} for each in (MAX_ALTERNATIVES, 201)]),
    ],
    ids=["tests", "searches", "equal conditions", "alternatives"],
)
def test_what_does_not_fit_is_refused(fits: int, rules: list[Any]) -> None:
    """Tables of fixed size are filled up to their margin, and the rest is refused by rule."""
    compiled = _compiled(*rules)
    assert len(set(compiled.rules.values())) == fits
    assert len(compiled.refused) == len(rules) - fits


def test_alternatives_of_alternatives_are_counted_before_they_are_made() -> None:
    """Ten times three choices at once would be 59,049 rules: refused, and at once."""
    choice = {"any": [{"lead.city": c} for c in "甲乙丙"]}
    (finding,) = _compiled({"when": {"all": [choice] * 10}}).refused
    assert "it would take" in finding.message


def test_many_events_times_many_alternatives_are_too_many() -> None:
    """Each event type needs its own copy of each alternative."""
    rule = {"event": ["page_viewed", "chat_started"], "repeat": "each"}
    (finding,) = _compiled({**rule, "when": {"lead.employees": list(range(150))}}).refused
    assert "it would take 300 rules" in finding.message


@pytest.mark.parametrize(
    ("when", "properties", "facts"),
    [
        ({"lead.amount": 1}, {}, {"lead.amount": 1e-7}),
        ({"lead.amount": 1}, {}, {"lead.amount": "1"}),
        ({"lead.amount": 1}, {}, {"lead.amount": True}),
        ({"lead.phone.valid": True}, {}, {"lead.phone.valid": 1}),
        ({"lead.city": "上海"}, {}, {"lead.city": ["上海"]}),
        ({"lead.city": {"contains": "n"}}, {}, {"lead.city": "a\nb"}),
        ({"lead.city": "上海"}, {}, {"lead.city": "上" * 21_667}),
        ({"lead.city": "上海"}, {}, {"lead.city": "\ud800"}),
        ({"lead.amount": 1}, {}, {"lead.amount": 2**53 + 1}),
        ({"lead.amount": 1}, {}, {"lead.amount": float("inf")}),
    ],
)
def test_a_value_that_would_be_misread_is_an_error(
    when: Any, properties: dict[str, Any], facts: dict[str, Any]
) -> None:
    """Nothing is sent that durable-rules would take for another value."""
    with pytest.raises(DurableCannot, match="durable-rules cannot read lead"):
        message(_compiled({"when": when}), "chat_started", properties, facts)


def test_a_text_is_as_long_as_it_can_count() -> None:
    """The longest field fits unless JSON escapes too much of it; what is searched for is short."""
    compiled = _compiled({"when": {"lead.need": "VIP"}})
    fits, long = "上" * 20_000, '上\x01"' * 6_600
    assert message(compiled, "", {}, {"lead.need": fits})["p0"] == fits
    with pytest.raises(DurableCannot, match=r"lead.need = '上.*\.\.\. as a string"):
        message(compiled, "", {}, {"lead.need": long})
    name = "".join(map(chr, range(0x4E00, 0x4E00 + 501)))
    searched = _compiled(*({"when": {"lead.city": {"contains": name[:n]}}} for n in (500, 501)))
    assert set(searched.rules.values()) == {"default.d.r0"}


def test_a_message_holds_what_the_rules_read_and_nothing_else() -> None:
    """Names are short and our own, dates are instants, lists are only there."""
    compiled = _compiled(
        {"when": {"lead.birthday": {"before": "2026-01-02"}, "lead.tags": {"exists": True}}},
        {"event": "page_viewed", "where": {"page": "$s"}, "repeat": "each"},
    )
    facts = {"lead.birthday": "1970-01-02", "lead.tags": ["VIP"], "lead.city": "上海"}
    assert message(compiled, "page_viewed", {"page": "$s", "$s": 1}, facts) == {
        "lead": 1,
        "kind": "page_viewed",
        "p0": 57_600_000,  # midnight in China
        "p1": 1,
        "p2": "$s",
    }


def test_absences_and_attributes_are_counted_too() -> None:
    """At most 128 `$nex` may follow one test, and 255 properties make a message."""
    names = [f"lead.consent.t{number}" for number in range(300)]
    absent = _compiled(*({"when": {name: {"exists": False}}} for name in names))
    assert len(absent.rules) == MAX_ABSENT
    present = _compiled(*({"when": {name: "given"}} for name in names))
    assert len(present.attributes) == MAX_ATTRIBUTES
    assert len(present.refused) == 300 - MAX_ATTRIBUTES


class TestProcess:
    """The process in which durable-rules runs."""

    pytestmark = needs_durable

    def test_a_full_ruleset_still_answers(self) -> None:
        """As many tests as we allow, where twelve more would hang."""
        compiled = _compiled(*({"when": {"lead.employees": n}} for n in range(600)))
        with DurableProcess(compiled) as process:
            sent = message(compiled, "chat_started", {}, {"lead.employees": 7})
            assert process.matches([sent]) == [{"default.d.r7"}]

    def test_the_longest_texts_are_read_to_their_end(self) -> None:
        """Texts at our bounds are searched up to their last character."""
        long, name = "制" * 19_500, "".join(map(chr, range(0x4E00, 0x4E00 + 500)))
        compiled = _compiled(
            {"when": {"lead.need": {"ends_with": "制业"}}},
            {"when": {"lead.address": {"contains": name}}},
        )
        with DurableProcess(compiled) as process:
            for need, address, fired in (
                (f"{long}业", f"{long}{name}", {"default.d.r0", "default.d.r1"}),
                (f"{long}金", f"{long}{name[:-1]}", set()),
            ):
                facts = {"lead.need": need, "lead.address": address}
                assert process.matches([message(compiled, "", {}, facts)]) == [fired]

    def test_none_of_our_names_are_taken_for_another(self) -> None:
        """Names are compared by a 32-bit hash; all that we give are told apart."""
        names = [f"lead.consent.t{number}" for number in range(MAX_ATTRIBUTES)]
        compiled = _compiled(*({"when": {name: "given"}} for name in names))
        with DurableProcess(compiled) as process:
            sent = [message(compiled, "", {}, {name: "given"}) for name in names]
            wanted = [{f"default.d.r{number}"} for number in range(MAX_ATTRIBUTES)]
            assert process.matches(sent) == wanted

    def test_an_orphan_that_hangs_ends_by_itself(self) -> None:
        """Where nobody is left to kill it, the system does."""
        rules = _by_hand({f"r{number}": {"p": number} for number in range(512)})
        command = [sys.executable, "-P", str(WORKER), "1"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as orphan:
            assert orphan.stdin is not None
            lines = (json.dumps(each) for each in (rules.definition, [{"p": 1}]))
            orphan.stdin.write("".join(f"{line}\n" for line in lines).encode())
            orphan.stdin.flush()
            assert orphan.wait(10) == -signal.SIGALRM

    def test_more_leads_than_it_has_sessions(self) -> None:
        """A session is gone after its lead, so the 1,025th is as good as the first."""
        compiled = _compiled({"when": {"lead.city": "上海"}})
        sent = message(compiled, "chat_started", {}, {"lead.city": "上海"})
        with DurableProcess(compiled) as process:
            assert all(process.matches([sent]) == [{"default.d.r0"}] for _ in range(1_100))

    def test_nothing_to_do_starts_nothing(self) -> None:
        """No message, or no rule that is carried, needs no process."""
        with DurableProcess(_compiled({"when": {"stage": "new"}})) as process:
            assert process.matches([{"lead": 1}]) == [frozenset()]
            assert process.matches([]) == []

    def test_its_death_is_an_error_and_the_next_call_works(self) -> None:
        """A signal in C code is ours to report, not to die of."""
        with DurableProcess(_by_hand({"a": {"p": 1}})) as process:
            with pytest.raises(DurableFailed, match="died with code -11"):
                process.matches([{"k" * 9_000_000: {"x": 1}}])
            assert process.matches([{"p": 1}]) == [{"a"}]

    def test_what_it_refuses_is_an_error_with_its_words(self) -> None:
        """An exception inside comes out as ours, and the next call works."""
        with DurableProcess(_by_hand({"a": {"p": 1}})) as process:
            with pytest.raises(DurableFailed, match="Could not assert fact"):
                process.matches([{"p": 1e-7}])
            assert process.matches([{"p": 1}]) == [{"a"}]

    def test_a_hang_ends(self) -> None:
        """Where it searches without end it is killed in time."""
        rules = _by_hand({f"r{number}": {"p": number} for number in range(512)})
        with (
            DurableProcess(rules, timeout=1) as process,
            pytest.raises(DurableFailed, match="did not answer within 1 s"),
        ):
            process.matches([{"p": 1}])
