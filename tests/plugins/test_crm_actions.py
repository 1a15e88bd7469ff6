"""The actions for CRM systems, against services on loopback that behave as documented."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from engine.plugin import (
    ActionContext,
    Delivered,
    Failed,
    Misconfigured,
    Result,
    Retry,
    settled,
)
from engine.testing import ActionContract, Peer, PeerAnswer, Seen
from plugins.actions.crm import CrmAction
from plugins.actions.crm_hubspot import HubspotAction
from plugins.actions.crm_salesforce import SalesforceAction

PERSON = {"name": "王芳", "email": "wang@acme.cn", "company": "金泰阀门", "phone": "+8613800138000"}


class TestHubspot(ActionContract):
    action = HubspotAction()
    service = True
    params = {**PERSON, "tags": ["a", "b"], "city": "", "to": "lead"}  # noqa: RUF012

    def settings(self, address: str) -> dict[str, Any]:
        told = {"fields": {"tags": "interests"}, "allow_private": True}
        return {"token": "pat-1", "endpoint": address, **told}

    def answer(self) -> PeerAnswer:
        return PeerAnswer(200, {"status": "COMPLETE", "results": [{"id": "51", "new": True}]})

    def test_what_is_sent(self) -> None:
        """One input by its e-mail address, names as HubSpot calls them, nothing that is empty."""
        with Peer(self.answer()) as peer:
            assert self.perform(peer.url) == Delivered("51")
        (seen,) = peer.seen
        assert (seen.method, seen.path) == ("POST", "/crm/v3/objects/contacts/batch/upsert")
        assert seen.headers["authorization"] == "Bearer pat-1"
        (one,) = seen.data["inputs"]
        assert (one["idProperty"], one["id"]) == ("email", "wang@acme.cn")
        assert one["properties"] == {
            "lastname": "王芳",
            "email": "wang@acme.cn",
            "company": "金泰阀门",
            "phone": "+8613800138000",
            "interests": "a;b",
        }

    @pytest.mark.parametrize(
        ("answer", "kind", "word"),
        [
            (PeerAnswer(207, {"errors": [{"category": "VALIDATION_ERROR"}]}), Failed, "VALIDATION"),
            (PeerAnswer(207, {"errors": [{"category": "RATE_LIMITS"}]}), Retry, "RATE_LIMITS"),
            (PeerAnswer(200, {"results": []}), Failed, "without saying"),
            (PeerAnswer(429, {}, {"retry-after": "3"}), Retry, "429"),
            (PeerAnswer(400, {"message": "wang@acme.cn"}), Failed, "400"),
        ],
    )
    def test_errors(self, answer: PeerAnswer, kind: type[Result], word: str) -> None:
        """An error within 200 or 207 is an error, and says nothing of the person."""
        with Peer(answer) as peer:
            result = self.perform(peer.url)
        assert type(result) is kind
        assert word in result.reason
        assert "wang" not in result.reason

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (
                PeerAnswer(200, {"hubId": 62515, "scopes": ["crm.objects.contacts.write"]}),
                Delivered,
            ),
            (PeerAnswer(401, {"category": "INVALID_AUTHENTICATION"}), Misconfigured),
            (PeerAnswer(404, {"category": "OBJECT_NOT_FOUND"}), Misconfigured),
            (PeerAnswer(503, {}), Retry),
        ],
    )
    def test_the_check_asks_whose_the_token_is(
        self, answer: PeerAnswer, kind: type[Result]
    ) -> None:
        """Doctor learns whether the token is good, and nothing of customers is asked or sent."""
        with Peer(answer) as peer:
            context = ActionContext(connection=self.settings(peer.url), now=0)

            async def checked() -> Result | None:
                try:
                    return await settled(self.action.check(context))
                finally:
                    await self.action.close()

            assert type(asyncio.run(checked())) is kind
        (seen,) = peer.seen
        assert seen.path == "/oauth/v2/private-apps/get/access-token-info"
        assert seen.data == {"tokenKey": "pat-1"}

    def test_nobody_to_find(self) -> None:
        """Without the property by which it is found nothing is sent."""
        with Peer() as peer:
            assert type(self.perform(peer.url, self.delivery(params={"name": "王芳"}))) is Failed
        assert peer.seen == []


class Salesforce:
    """Behaves as the REST API does: tokens that end, upserts by an external id."""

    def __init__(self) -> None:
        self.issued = 0
        self.good = ""
        self.records: dict[str, dict[str, Any]] = {}

    def __call__(self, seen: Seen) -> PeerAnswer:
        if seen.path == "/services/oauth2/token":
            told = {k: v[0] for k, v in parse_qs(seen.body.decode()).items()}
            if told != {
                "grant_type": "client_credentials", "client_id": "id", "client_secret": "secret",
            }:  # fmt: skip
                return PeerAnswer(400, {"error": "invalid_client"})
            self.issued += 1
            self.good = f"token-{self.issued}"
            return PeerAnswer(200, {"access_token": self.good, "token_type": "Bearer"})
        if seen.headers.get("authorization") != f"Bearer {self.good}":
            return PeerAnswer(401, [{"errorCode": "INVALID_SESSION_ID"}])
        is_new = seen.path not in self.records
        self.records[seen.path] = seen.data
        return PeerAnswer(201, {"id": "00Q1", "success": True}) if is_new else PeerAnswer(204, b"")


class TestSalesforce(ActionContract):
    service = True
    params = {**PERSON, "lead": "L/1 王"}  # noqa: RUF012

    def setup_method(self) -> None:
        self.action = SalesforceAction()

    def settings(self, address: str) -> dict[str, Any]:
        account = {"client_id": "id", "client_secret": "secret", "external_id": "Lead_Id__c"}
        told = {"fields": {"lead": "Lead_Id__c"}, "allow_private": True}
        return {"instance": address, **account, **told}

    def perform_after(self, address: str, *changes: Callable[[], object]) -> list[Result]:
        """Return what comes of one delivery after each change, between which nothing is closed."""
        context = ActionContext(connection=self.settings(address), now=0)

        async def story() -> list[Result]:
            results = []
            for change in changes:
                change()
                results.append(await settled(self.action.perform(self.delivery(), context)))
            await self.action.close()
            return results

        return asyncio.run(story())

    def test_it_delivers(self) -> None:
        """Made at the first time and brought up to date at the second, with one token."""
        service = Salesforce()
        with Peer() as peer:
            peer.handler = service
            made, updated = self.perform_after(peer.url, lambda: None, lambda: None)
        assert (made, updated) == (Delivered("00Q1"), Delivered(""))
        assert service.issued == 1
        ((path, record),) = service.records.items()
        assert peer.seen[1].path == path
        assert path.startswith("/services/data/v61.0/sobjects/Lead/Lead_Id__c/L%2F1%20")
        assert record == {
            "LastName": "王芳",
            "Email": "wang@acme.cn",
            "Company": "金泰阀门",
            "Phone": "+8613800138000",
        }

    def test_a_token_that_ended_early(self) -> None:
        """A token that the service does not know any more is fetched anew, once."""
        service = Salesforce()

        def forgets() -> None:
            service.good = "none"

        with Peer() as peer:
            peer.handler = service
            results = self.perform_after(peer.url, lambda: None, forgets)
        assert [type(result) for result in results] == [Delivered, Delivered]
        assert service.issued == 2

    def test_no_token_is_good(self) -> None:
        """A service that gives tokens and takes none is asked twice, and stops the connection."""
        service = Salesforce()
        with Peer() as peer:
            peer.handler = lambda seen: (
                service(seen) if "oauth2" in seen.path else PeerAnswer(401, [])
            )
            assert type(self.perform(peer.url)) is Misconfigured
        assert service.issued == 2

    def test_a_wrong_secret(self) -> None:
        """A client that Salesforce does not know stops the connection, and the secret is not told."""

        class Wrong(TestSalesforce):
            def settings(self, address: str) -> dict[str, Any]:
                return {**super().settings(address), "client_secret": "hunter2"}

        wrong = Wrong()
        wrong.setup_method()
        with Peer() as peer:
            peer.handler = Salesforce()
            result = wrong.perform(peer.url)
        assert type(result) is Misconfigured
        assert "invalid_client" in result.reason
        assert "hunter2" not in result.reason

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (PeerAnswer(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED"}]), Retry),
            (PeerAnswer(403, [{"errorCode": "INSUFFICIENT_ACCESS"}]), Misconfigured),
            (PeerAnswer(400, [{"errorCode": "REQUIRED_FIELD_MISSING"}]), Failed),
            (PeerAnswer(300, ["/a", "/b"]), Failed),
            (PeerAnswer(200, {"success": False}), Failed),
        ],
    )
    def test_errors(self, answer: PeerAnswer, kind: type[Result]) -> None:
        """What Salesforce refuses is final, what it cannot do now is tried again."""
        with Peer() as peer:
            service = Salesforce()
            peer.handler = lambda seen: service(seen) if "oauth2" in seen.path else answer
            assert type(self.perform(peer.url)) is kind


class TestCrm(ActionContract):
    """A CRM that answers 200 with a code in the body, and wants its token in the body."""

    service = True
    params = PERSON

    def setup_method(self) -> None:
        self.action = CrmAction()

    def settings(self, address: str) -> dict[str, Any]:
        return {
            "url": f"{address}/data/create",
            "allow_private": True,
            "body": {"corpId": "c-1", "data": {"object_data": {"dataObjectApiName": "LeadsObj"}}},
            "record": "data.object_data",
            "fields": {"phone": "mobile"},
            "ok": {"path": "errorCode", "is": 0},
            "id": "dataId",
            "busy": [20001],
            "stop": [10003],
            "token": {
                "url": f"{address}/token",
                "body": {"appId": "a", "appSecret": "s"},
                "token": "corpAccessToken",
                "path": "corpAccessToken",
                "expired": [20016],
            },
        }

    def served(self, answer: PeerAnswer) -> Any:
        """Return what gives tokens and else this answer."""
        token = PeerAnswer(200, {"errorCode": 0, "corpAccessToken": "t-1", "expiresIn": 7200})
        return lambda seen: token if seen.path == "/token" else answer

    def test_it_delivers(self) -> None:
        """The record is where the CRM wants it, beside what is always sent."""
        with Peer() as peer:
            peer.handler = self.served(PeerAnswer(200, {"errorCode": 0, "dataId": "d-1"}))
            assert self.perform(peer.url) == Delivered("d-1")
        assert peer.seen[0].data == {"appId": "a", "appSecret": "s"}
        assert peer.seen[1].data == {
            "corpId": "c-1",
            "corpAccessToken": "t-1",
            "data": {
                "object_data": {
                    "dataObjectApiName": "LeadsObj",
                    "name": "王芳",
                    "email": "wang@acme.cn",
                    "company": "金泰阀门",
                    "mobile": "+8613800138000",
                }
            },
        }

    @pytest.mark.parametrize(
        ("body", "kind", "calls"),
        [
            ({"errorCode": 20001}, Retry, 2),
            ({"errorCode": 10003}, Misconfigured, 2),
            ({"errorCode": 30000, "errorMessage": "wang@acme.cn"}, Failed, 2),
            ({"errorCode": 20016}, Misconfigured, 4),
            ({"errorCode": False}, Failed, 2),
            ({"errorCode": "0"}, Failed, 2),
            ({}, Failed, 2),
        ],
    )
    def test_codes(self, body: dict[str, Any], kind: type[Result], calls: int) -> None:
        """A 200 with a code inside means what the code does; an ended token is fetched once more."""
        with Peer() as peer:
            peer.handler = self.served(PeerAnswer(200, body))
            result = self.perform(peer.url)
        assert type(result) is kind
        assert "wang" not in result.reason
        assert len(peer.seen) == calls

    def test_a_token_in_a_header(self) -> None:
        """A CRM that asks for a form and a header gets these."""

        class Header(TestCrm):
            def settings(self, address: str) -> dict[str, Any]:
                told = super().settings(address)
                token = {k: v for k, v in told["token"].items() if k != "path"}
                return {**told, "token": {**token, "form": True, "header": "x-token", "prefix": ""}}

        one = Header()
        one.setup_method()
        with Peer() as peer:
            peer.handler = self.served(PeerAnswer(200, {"errorCode": 0}))
            assert one.perform(peer.url) == Delivered("")
        assert peer.seen[0].body == b"appId=a&appSecret=s"
        assert peer.seen[1].headers["x-token"] == "t-1"
        assert "corpAccessToken" not in peer.seen[1].data

    def test_no_token(self) -> None:
        """A token service that answers 200 without a token is the configuration's fault."""
        with Peer(PeerAnswer(200, {"errorCode": 10001})) as peer:
            assert type(self.perform(peer.url)) is Misconfigured


@pytest.mark.parametrize("kind", [TestHubspot, TestSalesforce, TestCrm])
def test_silence_is_tried_again(kind: type[TestHubspot | TestSalesforce | TestCrm]) -> None:
    """A CRM that takes the call and never answers is asked again later."""

    class Hasty(kind):  # type: ignore[misc, valid-type]
        def settings(self, address: str) -> dict[str, Any]:
            return {**super().settings(address), "timeout_s": 0.2}

    one = Hasty()
    if hasattr(one, "setup_method"):
        one.setup_method()
    with Peer(PeerAnswer(delay_s=20)) as peer:
        assert type(one.perform(peer.url)) is Retry
