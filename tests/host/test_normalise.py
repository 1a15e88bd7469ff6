"""Normalisation: one stored form for what means the same."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.host import normalise
from engine.host.regions import region_of


@pytest.mark.parametrize(
    ("text", "stored", "valid"),
    [
        ("13800138000", "+8613800138000", True),
        ("１３８００１３８０００", "+8613800138000", True),
        ("+86 138-0013-8000", "+8613800138000", True),
        ("0571-88888888", "+8657188888888", True),
        ("+1 650 253 0000", "+16502530000", True),
        ("12345", "12345", False),
        ("无", "无", False),
        ("1" * 500, "1" * 500, False),
    ],
)
def test_phones_become_e164_or_stay_as_written(text: str, stored: str, valid: bool) -> None:
    """Valid numbers have one form; what is no number is kept and said to be invalid."""
    assert normalise.phone(text) == (stored, valid)


@pytest.mark.parametrize(
    ("text", "stored", "domain"),
    [
        ("Wang@Acme-Valves.CN", "wang@acme-valves.cn", "acme-valves.cn"),
        ("ｗａｎｇ＠qq.com", "wang@qq.com", "qq.com"),
        ("a@例子.公司", "a@例子.公司", "例子.公司"),
        ("nobody", "nobody", None),
        ("a@b@c.cn", "a@b@c.cn", None),
        ("x" * 300 + "@a.cn", "x" * 300 + "@a.cn", None),
    ],
)
def test_addresses_are_lower_case_and_checked(text: str, stored: str, domain: str | None) -> None:
    """A valid address gives its domain, an invalid one is kept without."""
    assert normalise.email(text) == (stored, domain)


@pytest.mark.parametrize(
    ("domain", "kind"),
    [
        ("qq.com", "free"),
        ("vip.qq.com", "free"),
        ("mailinator.com", "disposable"),
        ("acme-valves.cn", "business"),
        (None, "invalid"),
    ],
)
def test_domains_have_a_kind(domain: str | None, kind: str) -> None:
    """Free and throw-away providers are told from companies, below their domains too."""
    assert normalise.email_kind(domain) == kind


@pytest.mark.parametrize(
    ("province", "city", "region"),
    [
        ("江苏", None, "华东"),
        ("广西壮族自治区", None, "华南"),
        ("内蒙古自治区", None, "华北"),
        ("黑龙江省", "北京", "东北"),
        (None, "苏州市", "华东"),
        (None, "呼和浩特", "华北"),
        (None, "上海", "华东"),
        ("Utopia", "深圳", "华南"),
        (None, "巴音郭楞", "西北"),
        (None, "晋江市", "华东"),
        (None, "鼓楼区", None),  # in four provinces of two regions
        (None, "某地", None),
        (None, None, None),
    ],
)
def test_places_have_a_region(province: str | None, city: str | None, region: str | None) -> None:
    """The province decides, else the city, in short and full names; unknown places have none."""
    assert region_of(province, city) == region


@example("A\x1f\u0300")
@given(st.text() | st.text("王金\u3000 \t\u200b\u200de\u0301Åé\u0000阀"))
def test_text_is_cleaned_in_one_form(text: str) -> None:
    """What is clean stays as it is, in NFC, without anything unseen or blanks around it."""
    found = normalise.clean(text)
    assert normalise.clean(found) == found
    assert unicodedata.is_normalized("NFC", found)
    assert found == found.strip()
    assert not {"\u200b", "\ufeff", "\u00ad", "\n", "\t"} & set(found)
