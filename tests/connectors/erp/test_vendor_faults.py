"""What a vendor says is wrong: the right end, the remedy named, and no secret shown."""

import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.failures import ConnectorFailure, Misconfigured, NotNow, Unauthorized
from tests.contracts.registers import seen
from tests.contracts.vendors.business_central import BusinessCentralDesk
from tests.contracts.vendors.desk import VendorDesk, replayed
from tests.contracts.vendors.intacct import IntacctDesk
from tests.contracts.vendors.netsuite import NetSuiteDesk
from tests.contracts.vendors.quickbooks import QuickBooksDesk
from tests.contracts.vendors.xero import XeroDesk

DESKS = [NetSuiteDesk, QuickBooksDesk, XeroDesk, IntacctDesk, BusinessCentralDesk]


def netsuite(code: str) -> Any:
    return {"o:errorDetails": [{"detail": "said", "o:errorCode": code}]}


def quickbooks(code: str) -> Any:
    return {"Fault": {"Error": [{"Message": "said", "code": code}]}}


def intacct(code: str) -> Any:
    return {"ia::error": {"code": code, "message": "said"}}


CASES: list[tuple[type[VendorDesk], int, Any, type[ConnectorFailure], str]] = [
    (NetSuiteDesk, 400, netsuite("SSS_REQUEST_LIMIT_EXCEEDED"), NotNow, "said"),
    (NetSuiteDesk, 400, netsuite("WS_REQUEST_BLOCKED"), NotNow, "said"),
    (NetSuiteDesk, 401, netsuite("INVALID_LOGIN"), Unauthorized, "check the certificate"),
    (NetSuiteDesk, 403, netsuite("INSUFFICIENT_PERMISSION"), Misconfigured, "docs/erp/netsuite.md"),
    (NetSuiteDesk, 403, netsuite("OTHER"), Misconfigured, "check what this key may read"),
    (QuickBooksDesk, 403, quickbooks("003100"), Misconfigured, "sandbox-quickbooks.api.intuit.com"),
    (QuickBooksDesk, 403, quickbooks("003001"), NotNow, "said"),
    (QuickBooksDesk, 401, {"fault": {"error": [{"message": "said", "code": "3200"}]}}, Unauthorized, "said"),
    (QuickBooksDesk, 401, "<FaultInfo>no JSON</FaultInfo>", Unauthorized, "401"),
    (XeroDesk, 403, {"Title": "Forbidden", "Detail": "said"}, Misconfigured, "is erp.company the tenant's id"),
    (XeroDesk, 401, {"Title": "Unauthorized", "Detail": "TokenExpired: said"}, Unauthorized, "TokenExpired"),
    (IntacctDesk, 400, intacct("GW-0012"), Misconfigured, "user@company"),
    (IntacctDesk, 403, intacct("permissionDenied"), Misconfigured, "docs/erp/intacct.md"),
    (IntacctDesk, 429, intacct("GW-0010"), NotNow, "said"),
    (BusinessCentralDesk, 401, {"error": {"code": "Authentication_InvalidCredentials", "message": "said"}}, Unauthorized, "said"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "status", "body", "failure", "said"), CASES)
def test_an_error_body_has_the_right_end_and_names_the_remedy(
    kind: type[VendorDesk],
    status: int,
    body: Any,
    failure: type[ConnectorFailure],
    said: str,
) -> None:
    for desk in replayed(kind):
        desk.bodies = {status: body}
        desk.fault(str(status), times=99)
        with pytest.raises(failure, match=said.replace(".", r"\.")):
            list(desk.register.sweep())


@pytest.fixture(params=DESKS, ids=lambda kind: kind.__name__)
def desk(request: pytest.FixtureRequest) -> Iterator[VendorDesk]:
    yield from replayed(request.param)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_no_failure_and_no_log_line_shows_the_token(desk: VendorDesk, status: int) -> None:
    """Even where the vendor echoes it."""
    desk.bodies = {status: {"message": "canary-token", "Message": "canary-token"}}
    desk.fault(str(status), times=99)
    with pytest.raises(ConnectorFailure) as failed:
        desk.register.identify()
    shown = [
        *traceback.format_exception(failed.value),
        repr(desk.register),
        *map(str, desk.log),
    ]
    for text in shown:
        assert "canary" not in text


@pytest.mark.parametrize(
    "body",
    [[], "text", 7, None, {"items": 7}, {"value": [1]}, {"ia::result": [], "ia::meta": []}],
)
def test_an_answer_of_another_shape_is_no_whole_answer(desk: VendorDesk, body: Any) -> None:
    desk.bodies = {200: body}
    desk.fault("200", times=99)
    with pytest.raises(ConnectorFailure):
        list(desk.register.sweep())


def test_a_look_reads_what_has_changed_and_no_more(desk: VendorDesk) -> None:
    old = desk.invoice("core-1", 10_000)
    desk.credit(old, 1_000)
    desk.clock.sleep(86_400)
    desk.invoice("core-2", 100)
    cursor = desk.register.changes(None, desk.clock.now()).cursor
    desk.clock.sleep(86_400)
    new = desk.invoice("core-3", 100)
    hints = desk.register.changes(cursor, desk.clock.now())
    documents, memos = seen(hints.pages)
    assert new in documents
    assert old not in {*documents, *hints.ids}
    assert memos == []


def test_its_table_of_capabilities_is_whole(desk: VendorDesk) -> None:
    can = desk.register.capabilities
    assert can.cursor
    assert can.deletions
    assert can.concurrency == 1  # one question after another: below every vendor's cap
