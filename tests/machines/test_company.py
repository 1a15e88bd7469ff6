"""By what leads are of one company."""

from __future__ import annotations

import pytest

from engine.machines.company import company_keys, plain_name
from engine.machines.state import Lead
from tests.play import START


def keys(**fields: object) -> tuple[str, ...]:
    """What names the company of a lead with these fields."""
    facts = {f"lead.{name.replace('__', '.')}": value for name, value in fields.items()}
    return company_keys(Lead("l", START, START, facts=facts))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("金泰阀门有限公司", "金泰阀门"),
        ("金泰阀门（苏州）有限公司", "金泰阀门(苏州)"),
        ("Ａｃｍｅ Valves Co., Ltd.", "ACME-valves"),
        ("Müller GmbH", "MÜLLER"),
        ("华东集团有限公司", "华东"),
    ],
)
def test_one_name_is_written_in_many_ways(one: str, other: str) -> None:
    """Width, case, marks and the legal form make no difference."""
    assert keys(company=one) == keys(company=other) == (f"name:{plain_name(one)}",)


def test_other_names_are_other_companies() -> None:
    """The place is part of a name, and so is what only begins like a legal form."""
    assert keys(company="金泰阀门（苏州）") != keys(company="金泰阀门（无锡）")
    assert keys(company="公司宝") == ("name:公司宝",)
    assert keys(company="小公司") == ("name:小公司",)


@pytest.mark.parametrize("company", [None, "", "　", "——", "A"])
def test_what_says_nothing_names_nobody(company: str | None) -> None:
    """A name that is empty, of marks alone or of one letter connects no leads."""
    assert keys(company=company) == ()


def test_a_domain_names_a_company_only_where_it_has_it_for_itself() -> None:
    """Business mail does; free mail, and a kind without a domain, do not."""
    assert keys(email__kind="business", email__domain="acme.cn") == ("domain:acme.cn",)
    assert keys(email__kind="free", email__domain="qq.com") == ()
    assert keys(email__kind="business") == ()
    both = keys(company="金泰阀门", email__kind="business", email__domain="acme.cn")
    assert both == ("name:金泰阀门", "domain:acme.cn")
