"""By what leads are of one company: its name, and the domain of its e-mail addresses. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

from engine.machines.state import Lead

# What companies put behind their names, longest first; 金泰阀门有限公司 is 金泰阀门.
_FORMS: Final = (
    "股份有限公司",
    "有限责任公司",
    "集团有限公司",
    "有限公司",
    "股份公司",
    "集团公司",
    "公司",
    "集团",
    "corporation",
    "incorporated",
    "limited",
    "coltd",
    "gmbh",
    "corp",
    "llc",
    "ltd",
    "inc",
)
_LEAST: Final = 2  # characters of a name that is left


def company_keys(lead: Lead) -> tuple[str, ...]:
    """Return what names a lead's company: ``name:`` as it is compared, ``domain:`` of its own.

    Domains of free and throw-away mail name nobody's company.
    """
    get = lead.facts.get
    keys = []
    name = plain_name(str(get("lead.company") or ""))
    if name:
        keys.append(f"name:{name}")
    if get("lead.email.kind") == "business" and get("lead.email.domain"):
        keys.append(f"domain:{get('lead.email.domain')}")
    return tuple(keys)


def plain_name(company: str) -> str:
    """Return a company's name as it is compared: without width, case, marks and legal form.

    >>> plain_name("金泰阀门（苏州）有限公司") == plain_name("金泰阀门(苏州)")
    True
    """
    text = unicodedata.normalize("NFKC", company).casefold()
    name = "".join(character for character in text if character.isalnum())
    for form in _FORMS:
        if name.endswith(form) and len(name) - len(form) >= _LEAST:
            return name.removesuffix(form)
    return name if len(name) >= _LEAST else ""
