"""The page of a form: works without JavaScript, on a phone, in Chinese and English."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import jinja2
import msgspec

from engine.plugin import LANGUAGES, Names, Reply, in_language, label_of
from plugins.channels.form_settings import EVENT, Field, Form, Text, meaning

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "zh": {
        "submit": "提交",
        "thanks": "已收到，谢谢！我们会尽快与您联系。",
        "missing": "请填写此项",
        "bad": "格式不对，请检查",
        "problem": "还有几项需要检查",
        "later": "提交太频繁，请稍后再试",
        "leave": "请勿填写",
    },
    "en": {
        "submit": "Submit",
        "thanks": "Thank you. We will be in touch soon.",
        "missing": "Please fill this in",
        "bad": "Please check this",
        "problem": "Please check what is marked below",
        "later": "Too many at once; please try again later",
        "leave": "Leave this empty",
    },
}
_STYLE: Final = (
    "body{font:16px/1.6 system-ui,sans-serif;margin:0;color:#1c2330;background:#f5f6f8}"
    "main{max-width:32rem;margin:0 auto;padding:1.5rem;background:#fff;min-height:100vh;"
    "box-sizing:border-box}h1{font-size:1.4rem}label{display:block}"
    "input:not([type=checkbox]),select,textarea{width:100%;box-sizing:border-box;font:inherit;"
    "padding:.5rem;border:1px solid #8a93a3;border-radius:4px}"
    "button{font:inherit;padding:.6rem 1.6rem;border:0;border-radius:4px;background:#1556b8;"
    "color:#fff}.bad,b{color:#b3261e}.aside{position:absolute;left:-99rem}"
    "@media(prefers-color-scheme:dark){body,main{background:#14181f;color:#e6e9ee}"
    "input,select,textarea{background:#1e242e;color:inherit}.bad,b{color:#ff8a80}}"
)
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_KINDS: Final = {
    "phone": "tel",
    "email": "email",
    "integer": "number",
    "number": "number",
    "money": "number",
    "date": "date",
    "text": "textarea",
    "boolean": "checkbox",
}
_AUTOCOMPLETE: Final = {
    "name": "name",
    "phone": "tel",
    "email": "email",
    "company": "organization",
    "title": "organization-title",
}


class Given(msgspec.Struct, frozen=True):
    """What is in the page already: inputs as sent, and what is wrong with them by name."""

    values: Mapping[str, Sequence[str]] = {}
    errors: Mapping[str, str] = {}
    hidden: tuple[tuple[str, str], ...] = ()
    late: bool = False


def language_of(form: Form, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """Return the page's language: as asked for, as the browser's, else as the form's own."""
    wanted = query.get("_lang") or query.get("lang", "")
    if wanted in LANGUAGES:
        return wanted
    if isinstance(form.title, dict):
        for part in headers.get("accept-language", "").split(",")[:10]:
            short = part.strip()[:2].lower()
            if short in form.title:
                return short
    return form.language


def page(form: Form, name: str, names: Names, language: str, given: Given, honeypot: str) -> str:
    """Return the page of a form as HTML."""
    words = WORDS[language]
    problem = words["later"] if given.late else words["problem"] if given.errors else ""
    return _template().render(
        language=language,
        title=_said(form.title, language),
        intro=_said(form.intro, language),
        submit=_said(form.submit, language) or words["submit"],
        words=words,
        style=_STYLE,
        action=f"/channels/form/{name}",
        hidden=given.hidden,
        inputs=[*_inputs(form, names, language, given)],
        honeypot=honeypot,
        problem=problem,
    )


def thanks_page(form: Form, language: str) -> str:
    """Return the page that says thank you."""
    thanks = _said(form.thanks, language) or WORDS[language]["thanks"]
    title = _said(form.title, language)
    return _template().render(language=language, title=title, thanks=thanks, style=_STYLE)


def as_page(form: Form, html: str, status: int = 200, headers: Mapping[str, str] = {}) -> Reply:
    """Return a page with the headers that let it be shown where the form says, and nowhere else."""
    ancestors = " ".join(form.embed) or "'none'"
    ends = [form.next] if form.next and form.next.startswith("http") else []
    targets = " ".join(["'self'", *(("/".join(end.split("/")[:3])) for end in ends)])
    policy = (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action {targets}; "
        f"base-uri 'none'; frame-ancestors {ancestors}"
    )
    told = {"content-security-policy": policy, "cache-control": "no-store", **headers}
    return Reply(status, html, media_type="text/html", headers=told)


def _inputs(form: Form, names: Names, language: str, given: Given) -> Iterable[Mapping[str, Any]]:
    for number, field in enumerate(form.fields):
        values = given.values.get(field.name, ())
        kind = names.fields.get(meaning(field.name)) or names.events.get(EVENT, {}).get(field.name)
        yield {
            "id": f"f{number}",
            "name": field.name,
            "label": _said(field.label, language) or _label(field, names, language),
            "kind": "textarea" if field.long else _KINDS.get(str(kind), "text"),
            "options": _options(field, names, language),
            "multiple": kind == "list",
            "required": field.required,
            "chosen": values,
            "value": values[0] if values else "",
            "autocomplete": _AUTOCOMPLETE.get(field.name),
            "error": given.errors.get(field.name),
        }
    for consent in form.consent:
        box = f"consent.{consent.topic}"
        yield {
            "name": box,
            "label": _said(consent.label, language),
            "kind": "checkbox",
            "required": consent.required,
            "value": bool(given.values.get(box)),
            "error": given.errors.get(box),
        }


def _known(field: Field, names: Names) -> Any:
    catalogue = names.catalogue
    if catalogue is None:
        return None
    return catalogue.fields.get(meaning(field.name)) or catalogue.property(EVENT, field.name)


def _said(text: Text | None, language: str) -> str:
    return in_language(label_of(text), language) or ""


def _label(field: Field, names: Names, language: str) -> str:
    known = _known(field, names)
    return in_language(known.label if known else None, language) or field.name


def _options(field: Field, names: Names, language: str) -> list[tuple[str, str]]:
    known = _known(field, names)
    values = field.options or (known.values if known is not None else ())
    called = known.called if known is not None else {}
    return [(str(v), in_language(called.get(v), language) or str(v)) for v in values]


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "pages")
    made = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return made.get_template("form.html")
