"""Protocol D as a table: for each state and sight, the one next thing to do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.invoices import CoreInvoice, CoreStatus
from state.pushes import SETTLED, PushRecord, PushState
from state.receivables import DocumentStatus, DownstreamInvoice
from sync.moves import (
    Action,
    Ask,
    Denied,
    Done,
    Doubt,
    Later,
    LookUp,
    ReadCore,
    ReadDocument,
    Seen,
    Settle,
    Undertaking,
    Wait,
)
from sync.protocol import (
    GENERATIONS_MAX,
    KEY_LIFE,
    SAVED_5XX,
    absorb,
    next_action,
    retry,
)

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - KEY_LIFE - timedelta(seconds=1)
KEYS = tuple(f"line-{n}" for n in range(150))
TWO_BATCHES = Undertaking(KEYS)
FEW = Undertaking(KEYS[:3])


def a_record(state: PushState = PushState.PENDING, **what: object) -> PushRecord:
    record = PushRecord(
        core_invoice_id="ci_1",
        core_customer_id="cc_1",
        state=state,
        currency="USD",
        total_minor=1000,
        pushed_minor=1000,
        lines=3,
        customer_id="cus_1",
    )
    return replace(record, **what)  # type: ignore[arg-type]  # a table of field values


def a_document(
    status: DocumentStatus = DocumentStatus.DRAFT, gross: int = 1000, **what: object
) -> DownstreamInvoice:
    document = DownstreamInvoice("stripe", "in_1", status, "USD", gross)
    return replace(document, **what)  # type: ignore[arg-type]  # a table of field values


def a_core(status: CoreStatus = CoreStatus.FINALIZED, total: int = 1000) -> CoreInvoice:
    return CoreInvoice(
        id="ci_1",
        customer_id="cc_1",
        status=status,
        kind="USAGE",
        currency="USD",
        exact_minor=Decimal(total),
        total_minor=total,
    )


def seen(**what: object) -> Seen:
    base = Seen(now=NOW, core_status=CoreStatus.FINALIZED)
    return replace(base, **what)  # type: ignore[arg-type]  # a table of field values


def settled(action: Action) -> PushRecord:
    assert isinstance(action, Settle)
    return action.record


def asked(action: Action) -> PushRecord:
    assert isinstance(action, Ask)
    return action.record


class TestBeforeAnythingIsAsked:
    def test_a_push_begins_with_a_look(self) -> None:
        assert next_action(a_record(), seen(), FEW) == LookUp()

    def test_nothing_found_means_create_and_the_intent_says_so(self) -> None:
        record = asked(next_action(a_record(), seen(found=()), FEW))
        assert record.state is PushState.ATTEMPTED
        assert (record.step, record.tried, record.in_flight) == ("create", 1, True)
        assert record.asked_at == NOW

    def test_a_document_already_there_is_adopted(self) -> None:
        record = settled(next_action(a_record(), seen(found=(a_document(),)), FEW))
        assert (record.state, record.document_id) == (PushState.CREATED, "in_1")

    def test_a_void_cancels_a_push_that_asked_nothing(self) -> None:
        action = next_action(a_record(), seen(core_status=CoreStatus.VOID), FEW)
        assert settled(action).state is PushState.CANCELLED

    def test_a_void_cancels_a_held_push(self) -> None:
        held = a_record(PushState.HELD)
        assert next_action(held, seen(), FEW) == Wait()
        action = next_action(held, seen(core_status=CoreStatus.VOID), FEW)
        assert settled(action).state is PushState.CANCELLED


class TestAnOutcomeNobodyKnows:
    def test_an_intent_without_an_answer_is_a_doubt(self) -> None:
        record = a_record(PushState.ATTEMPTED, step="create", in_flight=True)
        after = settled(next_action(record, seen(), FEW))
        assert after.in_doubt
        assert not after.in_flight

    def test_a_doubt_looks_before_it_asks(self) -> None:
        record = a_record(PushState.ATTEMPTED, step="create", in_doubt=True)
        assert next_action(record, seen(), FEW) == LookUp()

    def test_absent_after_a_doubt_asks_again_under_the_same_key(self) -> None:
        record = a_record(PushState.ATTEMPTED, step="create", in_doubt=True, asked_at=NOW)
        again = asked(next_action(record, seen(found=()), FEW))
        assert again.key("t", "create") == record.key("t", "create")
        assert again.in_doubt

    def test_void_and_absent_waits_until_no_request_can_land(self) -> None:
        record = a_record(PushState.ATTEMPTED, step="create", in_doubt=True, asked_at=NOW)
        sight = seen(found=(), core_status=CoreStatus.VOID)
        assert next_action(record, sight, FEW) == Wait(NOW + KEY_LIFE)
        quiet = replace(record, asked_at=LONG_AGO)
        assert settled(next_action(quiet, sight, FEW)).state is PushState.ABANDONED

    def test_void_and_absent_with_every_request_answered_is_abandoned_now(self) -> None:
        record = a_record(PushState.ATTEMPTED, step="create", asked_at=NOW)
        sight = seen(found=(), core_status=CoreStatus.VOID)
        assert settled(next_action(record, sight, FEW)).state is PushState.ABANDONED

    def test_void_and_found_ends_as_abandoned_with_the_document_known(self) -> None:
        record = a_record(PushState.ATTEMPTED, step="create", in_doubt=True)
        sight = seen(found=(a_document(),), core_status=CoreStatus.VOID)
        adopted = settled(next_action(record, sight, FEW))
        assert adopted.document_id == "in_1"
        after = settled(next_action(adopted, replace(sight, document=a_document()), FEW))
        assert (after.state, after.document_id) == (PushState.ABANDONED, "in_1")

    def test_a_saved_500_waits_for_its_key_and_then_asks_the_same_again(self) -> None:
        record = a_record(PushState.ATTEMPTED, step="create", asked_at=NOW)
        record = absorb(record, Doubt("500", replayed=True), NOW)
        assert record.refusal == SAVED_5XX
        assert next_action(record, seen(), FEW) == Wait(NOW + KEY_LIFE)
        later = seen(now=NOW + KEY_LIFE, found=())
        cleared = settled(next_action(record, later, FEW))
        again = asked(next_action(cleared, later, FEW))
        assert again.generation == 0


class TestFilling:
    def test_lines_go_in_whole_batches_in_order(self) -> None:
        record = a_record(PushState.CREATED, document_id="in_1")
        sight = seen(document=a_document(gross=0), line_keys=())
        assert asked(next_action(record, sight, TWO_BATCHES)).step == "lines-0"
        sight = replace(sight, line_keys=KEYS[:100])
        assert asked(next_action(record, sight, TWO_BATCHES)).step == "lines-1"

    def test_all_lines_and_an_equal_total_is_filled(self) -> None:
        record = a_record(PushState.CREATED, document_id="in_1")
        sight = seen(document=a_document(), line_keys=KEYS[:3])
        assert settled(next_action(record, sight, FEW)).state is PushState.FILLED

    @pytest.mark.parametrize(
        ("sight", "reason"),
        [
            ({"document": a_document(gross=999), "line_keys": KEYS[:3]}, "TOTAL_DIFFERS"),
            ({"document": a_document(gross=0), "line_keys": KEYS[:2]}, "LINES_DIFFER"),
            ({"document": a_document(gross=0), "line_keys": ("",)}, "LINES_DIFFER"),
            (
                {"document": a_document(gross=0), "line_keys": (KEYS[0],) * 2},
                "LINES_DIFFER",
            ),
            ({"document": a_document(currency="EUR")}, "CURRENCY_DIFFERS"),
            ({"document": a_document(DocumentStatus.DELETED)}, "DRAFT_DELETED"),
            ({"document": a_document(DocumentStatus.VOID)}, "VOIDED_DOWNSTREAM"),
            ({"document": a_document(DocumentStatus.OPEN, gross=7)}, "TOTAL_DIFFERS"),
        ],
    )
    def test_what_does_not_agree_is_quarantined(
        self, sight: dict[str, object], reason: str
    ) -> None:
        record = a_record(PushState.CREATED, document_id="in_1")
        after = settled(next_action(record, seen(**sight), FEW))
        assert (after.state, after.reason) == (PushState.QUARANTINED, reason)

    def test_somebody_finalized_it_by_hand_with_the_right_total(self) -> None:
        record = a_record(PushState.CREATED, document_id="in_1")
        sight = seen(document=a_document(DocumentStatus.PAID))
        assert settled(next_action(record, sight, FEW)).state is PushState.DONE

    def test_a_resumed_fill_reads_the_document_and_its_lines(self) -> None:
        record = a_record(PushState.CREATED, document_id="in_1")
        assert next_action(record, seen(), FEW) == ReadDocument()
        assert next_action(record, seen(document=a_document()), FEW) == ReadDocument()


class TestFinishing:
    record = a_record(PushState.FILLED, document_id="in_1")

    def test_the_core_is_read_again_last(self) -> None:
        assert next_action(self.record, seen(document=a_document()), FEW) == ReadCore()

    def test_still_finalized_means_finalize(self) -> None:
        sight = seen(document=a_document(), core=a_core())
        assert asked(next_action(self.record, sight, FEW)).step == "finalize"

    def test_drafts_are_left_where_the_settings_say_so(self) -> None:
        sight = seen(document=a_document(), core=a_core())
        leave = Undertaking(KEYS[:3], finalize=False)
        assert settled(next_action(self.record, sight, leave)).state is PushState.DONE

    @pytest.mark.parametrize(
        ("sight", "state"),
        [
            ({"core": a_core(CoreStatus.VOID)}, PushState.ABANDONED),
            ({"core_status": CoreStatus.VOID}, PushState.ABANDONED),
            ({"core": a_core(total=900)}, PushState.QUARANTINED),
            ({"core": a_core(CoreStatus.DRAFT)}, PushState.QUARANTINED),
            ({"core_gone": True}, PushState.QUARANTINED),
            ({"document": a_document(gross=1)}, PushState.QUARANTINED),
        ],
    )
    def test_a_core_or_a_draft_that_moved_stops_it(
        self, sight: dict[str, object], state: PushState
    ) -> None:
        whole = {"document": a_document(), **sight}
        assert settled(next_action(self.record, seen(**whole), FEW)).state is state


class TestAnswers:
    record = a_record(PushState.ATTEMPTED, step="create", in_flight=True, asked_at=NOW)

    def test_a_created_draft_is_known_by_its_id(self) -> None:
        after = absorb(self.record, Done(a_document()), NOW)
        assert (after.state, after.document_id) == (PushState.CREATED, "in_1")
        assert not after.in_flight

    def test_finalize_answered_is_done(self) -> None:
        record = replace(self.record, state=PushState.FILLED, step="finalize")
        document = a_document(DocumentStatus.OPEN)
        assert absorb(record, Done(document), NOW).state is PushState.DONE

    def test_not_now_waits_as_long_as_it_was_told(self) -> None:
        after = absorb(self.record, Later("429", timedelta(seconds=7)), NOW)
        assert after.not_before == NOW + timedelta(seconds=7)
        assert not after.in_doubt

    def test_waits_double_up_to_a_quarter_of_an_hour(self) -> None:
        waits = []
        record = self.record
        for _ in range(14):
            record = absorb(record, Later("429"), NOW)
            assert record.not_before is not None
            waits.append((record.not_before - NOW).total_seconds())
        assert waits[:4] == [2, 4, 8, 16]
        assert waits[-1] == 900

    def test_a_lock_timeout_is_first_a_not_now(self) -> None:
        after = absorb(self.record, Denied("lock_timeout", "busy"), NOW)
        assert after.refusal == ""
        assert after.not_before is not None

    def test_a_refusal_that_speaks_of_the_key_takes_a_new_one_after_a_look(self) -> None:
        record = absorb(self.record, Denied("lock_timeout", "stored", replayed=True), NOW)
        assert next_action(record, seen(), FEW) == LookUp()
        rotated = settled(next_action(record, seen(found=()), FEW))
        assert rotated.generation == 1
        assert rotated.refusal == ""

    def test_no_new_key_while_any_request_under_the_old_one_is_unanswered(self) -> None:
        record = replace(self.record, in_doubt=True)
        record = absorb(record, Denied("lock_timeout", "stored", replayed=True), NOW)
        assert next_action(record, seen(found=()), FEW) == Wait(NOW + KEY_LIFE)
        later = seen(now=NOW + KEY_LIFE, found=())
        assert settled(next_action(record, later, FEW)).generation == 0

    def test_keys_are_not_given_up_for_ever(self) -> None:
        record = replace(self.record, generation=GENERATIONS_MAX)
        record = absorb(record, Denied("lock_timeout", "stored", replayed=True), NOW)
        after = settled(next_action(record, seen(found=()), FEW))
        assert after.state is PushState.QUARANTINED

    def test_any_other_refusal_is_for_a_person(self) -> None:
        record = absorb(self.record, Denied("resource_missing", "No such customer"), NOW)
        after = settled(next_action(record, seen(found=()), FEW))
        assert (after.state, after.reason) == (PushState.QUARANTINED, "REFUSED")
        assert after.detail == "No such customer"

    def test_a_refused_finalize_that_had_landed_is_done(self) -> None:
        record = replace(self.record, state=PushState.FILLED, step="finalize")
        record = absorb(record, Denied("invoice_not_editable", "already"), NOW)
        sight = seen(document=a_document(DocumentStatus.OPEN))
        assert settled(next_action(record, sight, FEW)).state is PushState.DONE

    def test_a_doubt_belongs_to_one_step_only(self) -> None:
        record = a_record(
            PushState.FILLED, document_id="in_1", step="lines-0", in_doubt=True, refusal="x"
        )
        sight = seen(document=a_document(), core=a_core())
        finalizing = asked(next_action(record, sight, FEW))
        assert not finalizing.in_doubt


class TestLooking:
    def test_two_live_documents_stop_everything(self) -> None:
        found = (a_document(), a_document(id="in_2"))
        after = settled(next_action(a_record(), seen(found=found), FEW))
        assert after.reason == "DUPLICATE_DOWNSTREAM"
        assert "in_2" in after.detail

    def test_a_voided_document_is_not_billed_again_without_a_person(self) -> None:
        closed = (a_document(DocumentStatus.VOID),)
        after = settled(next_action(a_record(), seen(found=closed), FEW))
        assert after.reason == "VOIDED_DOWNSTREAM"
        again = retry(after, [after.document_id or ""])
        assert again.key("t", "create") != after.key("t", "create")
        assert asked(next_action(again, seen(found=closed), FEW)).step == "create"


states = st.sampled_from(PushState)
moments = st.one_of(st.none(), st.datetimes(timezones=st.just(UTC)))
records = st.builds(
    a_record,
    states,
    step=st.sampled_from(["", "create", "lines-0", "finalize"]),
    in_flight=st.booleans(),
    in_doubt=st.booleans(),
    refusal=st.sampled_from(["", SAVED_5XX, "lock_timeout", "resource_missing"]),
    generation=st.integers(0, GENERATIONS_MAX),
    tried=st.integers(0, 5),
    failures=st.integers(0, 40),
    asked_at=moments,
    not_before=moments,
    document_id=st.sampled_from([None, "in_1"]),
)
documents = st.builds(
    a_document,
    st.sampled_from([s for s in DocumentStatus if s not in {"ABSENT", "NOT_CONFIGURED"}]),
    st.sampled_from([0, 1000]),
)
sights = st.builds(
    Seen,
    now=st.datetimes(timezones=st.just(UTC)),
    core_status=st.sampled_from([CoreStatus.FINALIZED, CoreStatus.VOID]),
    core=st.one_of(st.none(), st.builds(a_core, st.sampled_from(CoreStatus))),
    core_gone=st.booleans(),
    found=st.one_of(st.none(), st.lists(documents, max_size=3).map(tuple)),
    document=st.one_of(st.none(), documents),
    line_keys=st.one_of(st.none(), st.just(()), st.just(KEYS[:3])),
)


@given(records, sights)
def test_every_state_has_one_answer_and_no_step_goes_backwards(
    record: PushRecord, sight: Seen
) -> None:
    action = next_action(record, sight, FEW)
    if isinstance(action, Ask):
        after = action.record
        assert after.in_flight
        assert after.tried == record.tried + 1
        assert after.generation == record.generation
        assert record.state not in SETTLED
    if isinstance(action, Settle) and record.state in SETTLED:
        assert record.in_flight or action.record.state is PushState.CANCELLED


@given(records, sights)
def test_nothing_is_created_without_a_look_that_found_nothing_live(
    record: PushRecord, sight: Seen
) -> None:
    action = next_action(record, sight, FEW)
    if isinstance(action, Ask) and action.record.step == "create":
        assert sight.found is not None
        assert not any(document.status.live for document in sight.found)


@given(records, sights)
def test_nothing_is_finalized_without_reading_the_core_and_an_equal_total(
    record: PushRecord, sight: Seen
) -> None:
    action = next_action(record, sight, FEW)
    if isinstance(action, Ask) and action.record.step == "finalize":
        assert sight.core is not None
        assert sight.core.status is CoreStatus.FINALIZED
        assert sight.document is not None
        assert sight.document.gross_minor == record.pushed_minor
