"""Numbers, addresses and text in the one form in which they are stored."""

from __future__ import annotations

import pytest

from engine.language.contacts import clean, domain, email, folded, phone


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("138 0013 8000", "+8613800138000"),
        ("\uff0b86 138\uff0d0013\uff0d8000\u200b", "+8613800138000"),
        ("021-6234 5678 转 801", "+862162345678;ext=801"),
        ("+1 650 253 0000", "+16502530000"),
    ],
)
def test_a_number_has_one_form(written: str, stored: str) -> None:
    """However it is grouped, and whatever was copied along."""
    assert phone(written) == (stored, True)


@pytest.mark.parametrize("written", ["", "无", "12345", "1" * 61, "138001380000000"])
def test_what_is_no_number_stays_as_it_is_written(written: str) -> None:
    """Salespeople can still read what the customer meant."""
    assert phone(written) == (written, False)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("王芳 <Wang@ACME.cn>", ("wang@acme.cn", "acme.cn")),
        ("mailto:wang@acme.cn。", ("wang@acme.cn", "acme.cn")),
        ("wang@xn--fsqu00a.xn--fiqs8s", ("wang@例子.中国", "例子.中国")),
    ],
)
def test_an_address_has_one_form(written: str, stored: tuple[str, str]) -> None:
    """With a name, a scheme or a Chinese full stop around it, and in either form of its domain."""
    assert email(written) == stored


@pytest.mark.parametrize("written", ["王芳", "a@b@c.cn", f"{'a' * 250}@acme.cn"])
def test_what_is_no_address_has_no_domain(written: str) -> None:
    """It stays as it is written; the longest is that of RFC 5321."""
    assert email(written) == (written, None)


def test_words_are_looked_for_without_width_and_case() -> None:
    """Full-width letters and capitals are the same; unseen signs are none."""
    assert folded("ＡＣＭＥ\u200b　阀门") == "acme 阀门"
    assert clean("上海\t市\r\n浦东\u00ad新区", lines=False) == "上海 市 浦东新区"
    assert clean("上海\n浦东\u200d", lines=True) == "上海\n浦东"
    assert clean("👩\u200d💻") == "👩\u200d💻"
    assert domain("ACME.cn") == "acme.cn"
    assert domain("wang@acme.cn") is None
