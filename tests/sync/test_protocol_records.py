"""Protocol D, whole records: what each move changes, and that it changes nothing else."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from state.invoices import CoreStatus, NativeDelivery
from state.pushes import PushRecord, PushState
from state.receivables import DocumentStatus, DownstreamInvoice
from sync.moves import (
    Answer,
    Ask,
    Denied,
    Done,
    Doubt,
    Later,
    ReadCore,
    ReadDocument,
    Seen,
    Settle,
    Undertaking,
    Wait,
)
from sync.protocol import (
    BACKOFF_FIRST,
    BACKOFF_LAST,
    CLOCK_AHEAD_MAX,
    GENERATIONS_MAX,
    KEY_LIFE,
    SAVED_5XX,
    absorb,
    next_action,
    retry,
)
from tests.sync.test_protocol import (
    FEW,
    KEYS,
    LONG_AGO,
    NOW,
    TWO_BATCHES,
    a_core,
    a_document,
    a_record,
    seen,
)

P = PushState
# A record on which nothing stands at its default: whatever a move forgets shows.
WORN = a_record(
    P.ATTEMPTED, document_id="in_9", reason="r", detail="d", terms="t", generation=2, tried=4,
    step="create", in_doubt=True, refusal="", asked_at=LONG_AGO, not_before=LONG_AGO,
    failures=3, accepted=("in_8",), regenerated_from="ci_0", replaces="in_0",
)  # fmt: skip
CLEAR: dict[str, Any] = {
    "in_doubt": False,
    "refusal": "",
    "detail": "",
    "failures": 0,
    "not_before": None,
}
DRAFT, OPEN = a_document(), a_document(DocumentStatus.OPEN)
VOIDED: dict[str, Any] = {"core_status": CoreStatus.VOID}
SOON = NOW + timedelta(seconds=16)  # after three failures
NEXT_YEAR = NOW + timedelta(days=365)


@pytest.mark.parametrize(
    ("before", "sight", "after"),
    [
        # an intent without an answer, wherever the record stands
        ({"in_flight": True}, {}, {"in_doubt": True}),
        ({"in_flight": True, "state": P.DONE, "in_doubt": False}, {}, {"in_doubt": True}),
        # held, and voided
        ({"state": P.HELD}, VOIDED, {"state": P.CANCELLED, "reason": "", "detail": ""}),
        # a look that finds
        ({}, {"found": (DRAFT,)}, {"state": P.CREATED, "document_id": "in_1", **CLEAR}),
        ({"refusal": "x"}, {"found": (DRAFT,)}, {"state": P.CREATED, "document_id": "in_1", **CLEAR}),
        ({}, {"found": (DRAFT, a_document(DocumentStatus.VOID, id="in_7"))}, {"state": P.CREATED, "document_id": "in_1", **CLEAR}),
        ({}, {"found": (a_document(id="in_2"), DRAFT)}, {"state": P.QUARANTINED, "reason": "DUPLICATE_DOWNSTREAM", "detail": "live documents: in_1, in_2", "not_before": None}),
        ({}, {"found": (a_document(DocumentStatus.VOID),)}, {"state": P.QUARANTINED, "document_id": "in_1", "reason": "VOIDED_DOWNSTREAM", "detail": "in_1 was voided by hand", "not_before": None}),
        ({}, {"found": (a_document(DocumentStatus.DELETED),)}, {"state": P.QUARANTINED, "document_id": "in_1", "reason": "DRAFT_DELETED", "detail": "in_1 was deleted by hand", "not_before": None}),
        # a look that finds nothing, of an invoice voided meanwhile
        ({}, {"found": (), **VOIDED}, {"state": P.ABANDONED, "detail": "the core voided the invoice; nothing reached Stripe", "not_before": None}),
        ({"refusal": "x"}, {"found": (a_document(DocumentStatus.VOID, id="in_8"),), **VOIDED}, {"state": P.ABANDONED, "detail": "the core voided the invoice; nothing reached Stripe", "not_before": None, "refusal": ""}),
        # refusals, after a look that found nothing
        ({"refusal": SAVED_5XX}, {"found": ()}, {"refusal": "", "not_before": None}),
        ({"refusal": "lock_timeout", "in_doubt": False}, {"found": ()}, {"generation": 3, "refusal": "", "not_before": SOON, "failures": 4}),
        ({"refusal": "idempotency_error", "in_doubt": False}, {"found": ()}, {"refusal": "", "not_before": None}),
        ({"state": P.CREATED, "step": "lines-0", "refusal": "idempotency_error", "in_doubt": False}, {"document": DRAFT, "line_keys": ()}, {"generation": 3, "refusal": "", "not_before": SOON, "failures": 4}),
        ({"refusal": "lock_timeout"}, {"found": ()}, {"refusal": "", "not_before": None}),
        ({"refusal": "lock_timeout", "in_doubt": False, "generation": GENERATIONS_MAX}, {"found": ()}, {"state": P.QUARANTINED, "reason": "REFUSED", "not_before": None}),
        ({"refusal": "other", "detail": ""}, {"found": ()}, {"state": P.QUARANTINED, "reason": "REFUSED", "detail": "other", "not_before": None}),
        # our draft, seen
        ({"state": P.CREATED}, {"document": OPEN}, {"state": P.DONE, **CLEAR}),
        ({"state": P.FILLED, "refusal": "x"}, {"document": OPEN}, {"state": P.DONE, **CLEAR}),
        ({"state": P.CREATED}, {"document": a_document(DocumentStatus.PAID, gross=7)}, {"state": P.QUARANTINED, "reason": "TOTAL_DIFFERS", "detail": "in_1 totals 7, the core 1000 (USD, minor units)", "not_before": None}),
        ({"state": P.CREATED}, {"document": a_document(currency="EUR")}, {"state": P.QUARANTINED, "reason": "CURRENCY_DIFFERS", "detail": "in_1 is in EUR", "not_before": None}),
        ({"state": P.CREATED}, {"document": a_document(DocumentStatus.VOID)}, {"state": P.QUARANTINED, "reason": "VOIDED_DOWNSTREAM", "detail": "in_1 was voided by hand", "not_before": None}),
        ({"state": P.FILLED}, {"document": a_document(DocumentStatus.DELETED, currency="EUR")}, {"state": P.QUARANTINED, "reason": "DRAFT_DELETED", "detail": "in_1 was deleted by hand", "not_before": None}),
        ({"state": P.CREATED}, {"document": DRAFT, **VOIDED}, {"state": P.ABANDONED, "detail": "the core voided the invoice; its draft is on the worklist", "not_before": None}),
        # its lines
        ({"state": P.CREATED}, {"document": DRAFT, "line_keys": KEYS[:3]}, {"state": P.FILLED, "in_doubt": False, "failures": 0}),
        ({"state": P.CREATED, "refusal": "x"}, {"document": DRAFT, "line_keys": KEYS[:3]}, {"state": P.FILLED, "in_doubt": False, "refusal": "", "failures": 0}),
        ({"state": P.CREATED}, {"document": a_document(gross=9), "line_keys": KEYS[:3]}, {"state": P.QUARANTINED, "reason": "TOTAL_DIFFERS", "detail": "in_1 totals 9, the core 1000 (USD, minor units)", "not_before": None}),
        ({"state": P.CREATED}, {"document": DRAFT, "line_keys": ("",)}, {"state": P.QUARANTINED, "reason": "LINES_DIFFER", "detail": "in_1 carries lines that Tieout did not add", "not_before": None}),
        ({"state": P.CREATED}, {"document": DRAFT, "line_keys": KEYS[:2]}, {"state": P.QUARANTINED, "reason": "LINES_DIFFER", "detail": "in_1 holds a part of one call's lines", "not_before": None}),
        # the last look
        ({"state": P.FILLED}, {"document": a_document(gross=9)}, {"state": P.QUARANTINED, "reason": "TOTAL_DIFFERS", "detail": "in_1 totals 9, the core 1000 (USD, minor units)", "not_before": None}),
        ({"state": P.FILLED}, {"document": DRAFT, "core_gone": True}, {"state": P.QUARANTINED, "reason": "CORE_CHANGED", "detail": "the core no longer knows this invoice", "not_before": None}),
        ({"state": P.FILLED}, {"document": DRAFT, "core": a_core(CoreStatus.VOID)}, {"state": P.ABANDONED, "detail": "the core voided the invoice; its draft is on the worklist", "not_before": None}),
        ({"state": P.FILLED}, {"document": DRAFT, "core": a_core(total=9)}, {"state": P.QUARANTINED, "reason": "CORE_CHANGED", "detail": "the core shows another status or total", "not_before": None}),
        ({"state": P.FILLED}, {"document": DRAFT, "core": replace(a_core(), delivery=NativeDelivery("stripe", "in_7"))}, {"state": P.QUARANTINED, "reason": "CORE_CHANGED", "detail": "the core has delivered it itself since", "not_before": None}),
        # times that our own clock wrote while it ran years ahead
        ({"asked_at": NEXT_YEAR, "not_before": NEXT_YEAR}, {"found": ()}, {"asked_at": NOW, "not_before": NOW + KEY_LIFE}),
        ({"not_before": NEXT_YEAR}, {}, {"not_before": NOW + KEY_LIFE}),
        ({"asked_at": NEXT_YEAR}, {}, {"asked_at": NOW}),
        ({"asked_at": NEXT_YEAR, "not_before": None}, {}, {"asked_at": NOW}),
        ({"state": P.FILLED}, {"document": DRAFT, "core": replace(a_core(), currency="EUR")}, {"state": P.QUARANTINED, "reason": "CORE_CHANGED", "detail": "the core shows another status or total", "not_before": None}),
    ],
)  # fmt: skip
def test_a_move_without_a_call(
    before: dict[str, Any], sight: dict[str, Any], after: dict[str, Any]
) -> None:
    record: PushRecord = replace(WORN, **before)
    moved = replace(record, in_flight=False, **after)
    assert next_action(record, seen(**sight), FEW) == Settle(moved)


ASKED: dict[str, Any] = {
    "in_flight": True,
    "tried": 5,
    "refusal": "",
    "asked_at": NOW,
    "not_before": None,
}


@pytest.mark.parametrize(
    ("before", "sight", "undertaking", "after"),
    [
        ({}, {"found": ()}, FEW, {"state": P.ATTEMPTED, "step": "create"}),
        ({"state": P.PENDING}, {"found": ()}, FEW, {"state": P.ATTEMPTED, "step": "create"}),
        ({"step": ""}, {"found": ()}, FEW, {"state": P.ATTEMPTED, "step": "create", "in_doubt": False}),
        ({"step": "", "refusal": "x"}, {"found": ()}, FEW, {"state": P.ATTEMPTED, "step": "create", "in_doubt": False}),
        ({}, {"found": (a_document(DocumentStatus.VOID, id="in_8"),)}, FEW, {"state": P.ATTEMPTED, "step": "create"}),
        ({"state": P.CREATED}, {"document": DRAFT, "line_keys": ()}, FEW, {"step": "lines-0", "in_doubt": False}),
        ({"state": P.CREATED, "step": "lines-0"}, {"document": DRAFT, "line_keys": ()}, FEW, {"step": "lines-0"}),
        ({"state": P.CREATED, "step": "lines-0"}, {"document": DRAFT, "line_keys": KEYS[:100]}, TWO_BATCHES, {"step": "lines-1", "in_doubt": False}),
        ({"state": P.FILLED}, {"document": DRAFT, "core": a_core()}, FEW, {"step": "finalize", "in_doubt": False}),
        ({"state": P.FILLED, "step": "finalize"}, {"document": DRAFT, "core": a_core()}, FEW, {"step": "finalize"}),
    ],
)  # fmt: skip
def test_an_intent(
    before: dict[str, Any],
    sight: dict[str, Any],
    undertaking: Undertaking,
    after: dict[str, Any],
) -> None:
    record: PushRecord = replace(WORN, **before)
    asked = replace(record, **{**ASKED, **after})
    assert next_action(record, seen(**sight), undertaking) == Ask(asked)


FINALIZING: dict[str, Any] = {"state": P.FILLED, "step": "finalize"}
LATER: dict[str, Any] = {"detail": "m", "not_before": SOON, "failures": 4}


@pytest.mark.parametrize(
    ("before", "answer", "after"),
    [
        ({}, Done(DRAFT), {"state": P.CREATED, "document_id": "in_1", **CLEAR}),
        ({"state": P.CREATED, "step": "lines-0"}, Done(DRAFT), {"state": P.CREATED, "document_id": "in_1", **CLEAR}),
        (FINALIZING, Done(OPEN), {"state": P.DONE, **CLEAR}),
        (FINALIZING, Done(a_document(DocumentStatus.PAID)), {"state": P.DONE, **CLEAR}),
        (FINALIZING, Done(DRAFT), {"detail": "in_1 is still DRAFT", "not_before": SOON, "failures": 4}),
        (FINALIZING, Done(a_document(DocumentStatus.OPEN, gross=7)), {"state": P.QUARANTINED, "reason": "TOTAL_DIFFERS", "detail": "in_1 totals 7, the core 1000 (USD, minor units)", "not_before": None}),
        (FINALIZING, Done(a_document(DocumentStatus.VOID)), {"state": P.QUARANTINED, "reason": "VOIDED_DOWNSTREAM", "detail": "in_1 was voided by hand", "not_before": None}),
        ({}, Later("m"), LATER),
        ({}, Later("m", timedelta(seconds=7)), {**LATER, "not_before": NOW + timedelta(seconds=7)}),
        ({}, Later("m", timedelta(0)), {**LATER, "not_before": NOW}),
        ({}, Later("m", timedelta(days=400)), {**LATER, "not_before": NOW + timedelta(hours=1)}),
        ({}, Denied("lock_timeout", "m"), LATER),
        ({}, Denied("lock_timeout", "m", replayed=True), {"refusal": "lock_timeout", "detail": "m"}),
        ({}, Denied("", "m"), {"refusal": "refused", "detail": "m"}),
        ({}, Denied("x", "m", replayed=True), {"refusal": "x", "detail": "m"}),
        ({"in_doubt": False}, Doubt("m"), {**LATER, "in_doubt": True}),
        ({"in_doubt": False}, Doubt("m", replayed=True), {**LATER, "in_doubt": True, "refusal": SAVED_5XX, "not_before": NOW + KEY_LIFE}),
    ],
)  # fmt: skip
def test_an_answer(before: dict[str, Any], answer: Answer, after: dict[str, Any]) -> None:
    record: PushRecord = replace(WORN, in_flight=True, **before)
    taken = replace(record, in_flight=False, **after)
    assert absorb(record, answer, NOW) == taken


@pytest.mark.parametrize(
    ("failures", "wait"),
    [(0, BACKOFF_FIRST), (1, 2 * BACKOFF_FIRST), (8, 256 * BACKOFF_FIRST), (9, BACKOFF_LAST), (10_000, BACKOFF_LAST)],
)  # fmt: skip
def test_a_wait_doubles_up_to_a_quarter_of_an_hour(failures: int, wait: timedelta) -> None:
    after = absorb(replace(WORN, failures=failures), Later("m"), NOW)
    assert after.not_before == NOW + wait
    assert (timedelta(seconds=2), timedelta(minutes=15)) == (BACKOFF_FIRST, BACKOFF_LAST)


@pytest.mark.parametrize(
    ("before", "sight", "action"),
    [
        ({"not_before": NOW}, {"found": None}, None),
        ({"not_before": NOW + timedelta(microseconds=1)}, {}, Wait(NOW + timedelta(microseconds=1))),
        ({"state": P.PENDING, "tried": 0, "not_before": SOON}, VOIDED, Settle),
        ({"not_before": NOW + CLOCK_AHEAD_MAX}, {}, Wait(NOW + CLOCK_AHEAD_MAX)),
        ({"asked_at": NOW + CLOCK_AHEAD_MAX, "not_before": SOON}, {}, Wait(SOON)),
        ({"asked_at": NEXT_YEAR, "state": P.DONE}, {}, Wait()),
        ({"state": P.HELD}, {}, Wait()),
        ({"state": P.DONE}, VOIDED, Wait()),
        ({"asked_at": NOW, "refusal": SAVED_5XX}, {"found": ()}, Wait(NOW + KEY_LIFE)),
        ({"asked_at": NOW - KEY_LIFE, "refusal": SAVED_5XX}, {"found": ()}, Settle),
        ({"asked_at": None, "refusal": SAVED_5XX}, {"found": ()}, Settle),
        ({"asked_at": NOW, "refusal": "lock_timeout"}, {"found": ()}, Wait(NOW + KEY_LIFE)),
        ({"asked_at": NOW, "refusal": "idempotency_error", "in_doubt": False}, {"found": ()}, Wait(NOW + KEY_LIFE)),
        ({"asked_at": NOW}, {"found": (), **VOIDED}, Wait(NOW + KEY_LIFE)),
        ({"asked_at": NOW - KEY_LIFE}, {"found": (), **VOIDED}, Settle),
        ({"asked_at": None}, {"found": (), **VOIDED}, Settle),
        ({"state": P.CREATED}, {"document": DRAFT}, ReadDocument()),
        ({"state": P.CREATED}, {"line_keys": ()}, ReadDocument()),
        ({"state": P.FILLED}, {"document": DRAFT}, ReadCore()),
    ],
)  # fmt: skip
def test_waits_and_looks(
    before: dict[str, Any], sight: dict[str, Any], action: object
) -> None:
    record: PushRecord = replace(WORN, **before)
    found = next_action(record, seen(**sight), FEW)
    if action is Settle:
        assert isinstance(found, Settle)
    elif action is not None:
        assert found == action
    else:
        assert not isinstance(found, Wait)


@pytest.mark.parametrize(
    ("before", "not_before"),
    [
        ({}, LONG_AGO + KEY_LIFE),
        ({"in_doubt": False, "in_flight": True}, LONG_AGO + KEY_LIFE),
        ({"in_doubt": False}, None),
        ({"step": "finalize"}, None),
        ({"asked_at": None}, None),
    ],
)
def test_a_retry_begins_anew_and_waits_for_what_may_still_land(
    before: dict[str, Any], not_before: datetime | None
) -> None:
    record: PushRecord = replace(WORN, **{"state": P.QUARANTINED, "refusal": "x", **before})
    again = replace(
        a_record(P.PENDING), generation=3, tried=4, asked_at=record.asked_at,
        not_before=not_before, accepted=("in_8", "in_9"), regenerated_from="ci_0", replaces="in_0",
    )  # fmt: skip
    assert retry(record, ["in_8", "in_9"]) == again


def test_an_undertaking_knows_its_calls() -> None:
    assert TWO_BATCHES.batches() == (KEYS[:100], KEYS[100:])
    assert FEW.batches() == (KEYS[:3],)
    assert Undertaking(()).batches() == ()
    empty = next_action(
        replace(WORN, state=P.CREATED, pushed_minor=0),
        seen(document=a_document(gross=0), line_keys=()),
        Undertaking(()),
    )
    assert isinstance(empty, Settle)
    assert empty.record.state is P.FILLED


def test_drafts_are_left_as_they_are_where_the_settings_say_so() -> None:
    record = replace(WORN, state=P.FILLED)
    sight: Seen = seen(document=DRAFT, core=a_core())
    left = next_action(record, sight, Undertaking(KEYS[:3], finalize=False))
    assert left == Settle(replace(record, state=P.DONE, **CLEAR))


def test_our_document_is_the_one_that_was_found() -> None:
    other: DownstreamInvoice = a_document(id="in_5")
    action = next_action(WORN, seen(found=(other,)), FEW)
    assert isinstance(action, Settle)
    assert action.record.document_id == "in_5"
