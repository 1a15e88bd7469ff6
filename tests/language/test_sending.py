"""What `messages.yaml` says of topics, quiet hours, caps and replies, as it is read."""

from __future__ import annotations

import shutil
from pathlib import Path

from engine.language.instants import DAY
from engine.language.load import Loaded, load_folder
from engine.language.sending import STOP_WORDS, SendingPolicy
from tests.play import BASE

MESSAGES = "messages:\n  welcome: {action: email, topic: marketing, text: 您好}\n"


def loaded(folder: Path, *files: str) -> Loaded:
    """Load the sound base with these lines as `messages/`, a file each; the first has a message."""
    shutil.copytree(BASE, folder, dirs_exist_ok=True)
    (folder / "messages.yaml").unlink()
    (folder / "messages").mkdir()
    for index, text in enumerate(files):
        whole = text if index else MESSAGES + text
        (folder / "messages" / f"{index}.yaml").write_text(whole, encoding="utf-8")
    return load_folder(folder)


def policy(folder: Path, *files: str) -> SendingPolicy:
    """The typed policy of what must be sound."""
    result = loaded(folder, *files)
    assert result.definitions is not None, result.diagnostics
    return result.definitions.sending


def test_where_nothing_is_said_the_usual_holds(tmp_path: Path) -> None:
    """No quiet hours, no caps, the usual stop words and limit of soft bounces."""
    assert policy(tmp_path, "") == SendingPolicy(stop_words=STOP_WORDS)


def test_own_words_replace_those_of_one_channel_and_the_last_limit_counts(tmp_path: Path) -> None:
    """Settings of all files together; a file that says nothing takes nothing back."""
    found = policy(
        tmp_path,
        "policy: {stop_words: {sms: [退订, 不要]}, soft_bounces: {at_most: 2, per: 7d}}\n",
        "policy: {soft_bounces: {at_most: 5, per: 30d}}\n",
        "policy: {stop_words: {wecom: [别发了]}}\n",
    )
    assert found.stop_words["sms"] == ("退订", "不要")
    assert found.stop_words["wecom"] == ("别发了",)
    others = {c: words for c, words in STOP_WORDS.items() if c not in ("sms", "wecom")}
    assert {c: found.stop_words[c] for c in others} == others
    assert (found.soft_bounces, found.soft_within) == (5, 30 * DAY)


def test_quiet_hours_and_caps_are_minutes_and_milliseconds(tmp_path: Path) -> None:
    """A night goes over midnight; `24:00` is the end of the day."""
    found = policy(
        tmp_path,
        "quiet_hours:\n"
        '  - {between: ["21:30", "08:00"], channels: [sms]}\n'
        '  - {between: ["00:00", "24:00"], days: [sat, sun], transactional: true}\n'
        "frequency: [{at_most: 2, per: 1d, topics: [marketing]}]\n",
    )
    night, weekend = found.quiet
    assert (night.start, night.end, night.channels) == (21 * 60 + 30, 8 * 60, ("sms",))
    assert (weekend.start, weekend.end, weekend.days) == (0, 24 * 60, (5, 6))
    assert (night.transactional, weekend.transactional) == (False, True)
    [cap] = found.caps
    assert (cap.at_most, cap.per, cap.topics, cap.channels) == (2, DAY, ("marketing",), ())


def test_a_broken_policy_hides_no_other_mistake(tmp_path: Path) -> None:
    """A limit of another form and a topic that nobody has: two findings, each at its place."""
    found = loaded(
        tmp_path,
        "policy: {soft_bounces: {at_most: 两次, per: 7d}}\n"
        "frequency: [{at_most: 1, per: 1d, topics: [marketting]}]\n",
    ).diagnostics
    assert [(d.source.line, d.code) for d in found] == [(3, "type"), (4, "unknown-topic")]
