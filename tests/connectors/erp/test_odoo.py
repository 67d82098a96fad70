"""Odoo's traps: residuals of what is cancelled, locked journals, lasting errors, two doors."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import responses

from connectors.erp.odoo import Odoo
from connectors.erp.odoo_api import Json2, JsonRpc
from connectors.failures import Incomplete, Misconfigured, Refused
from connectors.redaction import Secret
from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice
from tests.connectors.erp.fake_odoo import KEY, URL, FakeOdoo
from tests.connectors.test_metronome import RealishClock
from tests.contracts.registers import seen

RPC = f"{URL}/jsonrpc"


@pytest.fixture
def odoo() -> Iterator[FakeOdoo]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield FakeOdoo(mock)


def register(**more: Any) -> Odoo:
    door = Json2(
        URL, database="erp", token=Secret(KEY), clock=RealishClock(), rng=random.Random(1)
    )
    return Odoo("books", door, base_url=URL, **more)


def look(odoo: FakeOdoo, number: int) -> tuple[DownstreamInvoice, list[CreditMemo]]:
    documents, memos = seen(register().look_again([str(number)]))
    return documents[str(number)], memos


def test_paid_then_voided_is_void_and_asks_for_nothing(odoo: FakeOdoo) -> None:
    number = odoo.post("out_invoice", 10_000, ref="core-1")
    odoo.touch(number, state="cancel")
    document, _ = look(odoo, number)
    assert (document.status, document.open_minor, document.paid_minor) == (
        DocumentStatus.VOID,
        0,
        0,
    )
    assert document.gross_minor == 10_000


def test_credited_and_voided_leaves_a_memo_that_is_free_again(odoo: FakeOdoo) -> None:
    number = odoo.post("out_invoice", 10_000)
    odoo.post("out_refund", 10_000, reversed_entry_id=[number, "INV"])
    odoo.touch(number, state="cancel")
    document, (memo,) = look(odoo, number)
    assert document.status is DocumentStatus.VOID
    assert (memo.invoice_id, memo.applied, memo.explains) == (str(number), False, False)
    assert memo.issued_to_an_invoice


def test_reset_to_draft_is_a_draft_again(odoo: FakeOdoo) -> None:
    number = odoo.post("out_invoice", 10_000, state="draft")
    document, _ = look(odoo, number)
    assert (document.status, document.open_minor) == (DocumentStatus.DRAFT, 0)


def test_one_credit_note_on_two_invoices_is_told_in_parts(odoo: FakeOdoo) -> None:
    first, second = odoo.post("out_invoice", 5_000), odoo.post("out_invoice", 5_000)
    note = odoo.post("out_refund", 7_000)
    odoo.use(note, first, 4_000)
    odoo.use(note, second, 2_500)
    _, memos = look(odoo, first)
    assert [(m.id, m.invoice_id, m.amount_minor, m.applied) for m in memos] == [
        (f"{note}", f"{first}", 4_000, True),
        (f"{note}#part2", f"{second}", 2_500, True),
        (f"{note}#part3", None, 500, False),
    ]


def test_tax_is_left_out_of_what_is_compared(odoo: FakeOdoo) -> None:
    number = odoo.post("out_invoice", 11_900, amount_untaxed=100.0, amount_tax=19.0)
    document, _ = look(odoo, number)
    assert (document.gross_minor, document.tax_minor) == (10_000, 1_900)


def test_a_locked_journal_and_a_closed_period_are_told(odoo: FakeOdoo) -> None:
    number = odoo.post("out_invoice", 100, journal_id=[7, "Locked"])
    assert look(odoo, number)[0].void_blocked == "its journal is locked"
    assert register().locks() == ()
    odoo.tables["res.company"][2]["fiscalyear_lock_date"] = "2026-09-30"
    odoo.tables["res.company"][2]["sale_lock_date"] = "2026-10-31"
    (lock,) = register().locks()
    assert (lock.entity_id, lock.through) == ("2", date(2026, 10, 31))


def test_the_number_is_reused_and_the_id_is_not(odoo: FakeOdoo) -> None:
    number = odoo.post("out_invoice", 100, name="INV/2026/00001", ref="core-1")
    del odoo.tables["account.move"][number]
    odoo.tables["account.move"][99] = {}
    again = odoo.post("out_invoice", 100, name="INV/2026/00001", ref="core-2")
    del odoo.tables["account.move"][99]
    odoo.touch(again, id=again + 100)
    odoo.tables["account.move"][again + 100] = odoo.tables["account.move"].pop(again)
    assert look(odoo, number)[0].status is DocumentStatus.DELETED


def test_every_company_of_the_robot_is_asked_for(odoo: FakeOdoo) -> None:
    odoo.post("out_invoice", 100)
    list(register().sweep())
    contexts = [body["context"] for name, body in odoo.asked if "move/search" in name]
    assert all(one["allowed_company_ids"] == [1, 2] for one in contexts)
    with pytest.raises(Misconfigured, match="may not see company 3"):
        list(register(companies=["3"]).sweep())


def test_rights_and_the_end_of_the_key_are_told(odoo: FakeOdoo) -> None:
    identity = register().identify()
    assert identity.system == "Odoo 19.0"
    assert [one.name for one in identity.entities] == ["Acme US", "Acme UK"]
    assert identity.notes == ("its key ends on 2027-02-22",)
    assert identity.warnings == ()
    odoo.may_write = True
    odoo.now = datetime(2027, 2, 20, tzinfo=UTC)
    assert [one.split(":")[0] for one in register().identify().warnings] == [
        "this robot may write invoices",
        "its key ends on 2027-02-22",
    ]


# --- errors --------------------------------------------------------------------------------
def error(kind: str) -> str:
    return json.dumps({"name": kind, "message": "no such field", "debug": f"Trace {KEY}"})


def test_a_mistake_in_the_question_is_not_asked_again(odoo: FakeOdoo) -> None:
    with responses.RequestsMock() as mock:
        path = f"{URL}/json/2/res.users/context_get"
        mock.add(responses.POST, path, error("builtins.ValueError"), status=500,
                 content_type="application/json")  # fmt: skip
        with pytest.raises(Refused, match="ValueError: no such field") as said:
            list(register().sweep())
        assert len(mock.calls) == 1
    assert "Trace" not in str(said.value)
    assert KEY not in str(said.value)


def test_no_access_is_said_with_what_to_check(odoo: FakeOdoo) -> None:
    odoo.faults = ["403"]
    with pytest.raises(Misconfigured, match="check the robot's key and its groups"):
        list(register().sweep())


@pytest.mark.parametrize("said", [{}, [1], [{"id": 1}], "x", 7])
def test_what_is_no_list_of_whole_rows_is_no_answer(odoo: FakeOdoo, said: Any) -> None:
    connector = register()
    connector._companies = [1]
    with responses.RequestsMock() as mock:
        mock.add(responses.POST, f"{URL}/json/2/account.move/search_read", json=said)
        with pytest.raises(Incomplete):
            list(connector.sweep())


@pytest.mark.parametrize("kind", ["out_invoice", "out_refund"])
@pytest.mark.parametrize(
    ("harm", "why"),
    [
        ({"state": "proforma"}, "the status 'proforma', which this version does not know"),
        ({"date": "yesterday"}, "a date that is none"),
    ],
)
def test_a_state_or_a_day_that_is_not_known_stops_the_reading(
    odoo: FakeOdoo, kind: str, harm: dict[str, str], why: str
) -> None:
    odoo.post(kind, 100, **harm)
    with pytest.raises(Incomplete, match=why):
        list(register().sweep())


# --- the door of versions 14 to 18 -----------------------------------------------------------
def rpc(**more: Any) -> Odoo:
    door = JsonRpc(
        URL, database="erp", login="robot", token=Secret(KEY), clock=RealishClock(),
        rng=random.Random(1),
    )  # fmt: skip
    return Odoo("books", door, base_url=URL, modern=False, **more)


def through_rpc(odoo: FakeOdoo, mock: responses.RequestsMock) -> None:
    """The same Odoo behind /jsonrpc."""

    def answer(request: Any) -> tuple[int, dict[str, Any], str]:
        params = json.loads(request.body)["params"]
        if params["method"] == "version":
            result: Any = {"server_version": "18.0"}
        elif params["method"] == "authenticate":
            result = 6 if params["args"][2] == KEY else False
        else:
            _, uid, key, model, method, positional, named = params["args"]
            assert (uid, key, positional) == (6, KEY, [])
            if method == "check_access_rights":
                result = False
            else:
                result = getattr(odoo, f"_{method}")(model, named)
        return 200, odoo._headers(), json.dumps({"jsonrpc": "2.0", "result": result})

    mock.add_callback(responses.POST, RPC, answer)


def test_the_older_door_reads_the_same(odoo: FakeOdoo) -> None:
    number = odoo.post("out_invoice", 10_000, ref="core-1")
    odoo.use(odoo.post("out_refund", 4_000), number, 4_000)
    with responses.RequestsMock() as mock:
        through_rpc(odoo, mock)
        documents, memos = seen(rpc().sweep())
        assert rpc().identify().system == "Odoo 18.0"
    assert documents[str(number)].open_minor == 6_000
    assert [one.amount_minor for one in memos] == [4_000]
    assert "web#id=" in (documents[str(number)].url or "")


def test_the_older_door_says_its_errors_with_status_200(odoo: FakeOdoo) -> None:
    for kind, expected in (
        ("odoo.exceptions.AccessDenied", Misconfigured),
        ("builtins.ValueError", Refused),
        ("odoo.exceptions.UserError", Refused),
    ):
        said = {
            "error": {
                "code": 0,
                "message": "Odoo Server Error",
                "data": json.loads(error(kind)),
            }
        }
        with responses.RequestsMock() as mock:
            mock.add(responses.POST, RPC, json=said)
            with pytest.raises(expected) as wrong:
                rpc().identify()
            assert KEY not in str(wrong.value)
            assert len(mock.calls) == 1


def test_a_key_that_the_older_door_does_not_know(odoo: FakeOdoo) -> None:
    with responses.RequestsMock() as mock:
        mock.add(responses.POST, RPC, json={"result": False})
        with pytest.raises(
            Misconfigured, match=r"set erp\.database, erp\.login and erp\.token"
        ):
            list(rpc().sweep())


# --- the flag where people work ------------------------------------------------------------------
def test_a_to_do_is_left_once_and_its_feedback_is_read(odoo: FakeOdoo) -> None:
    number = str(odoo.post("out_invoice", 100))
    made = register().show_flag(number, "[Tieout F-000001]", "void it")
    again = register().show_flag(number, "[Tieout F-000001]", "void it")
    assert (made.made, again.made, again.done) == (True, False, False)
    assert made.id == again.id
    assert len(odoo.tables["mail.activity"]) == 1
    odoo.tables["mail.activity"][1] |= {"active": False, "feedback": "Voided, see ticket 7"}
    done = register().show_flag(number, "[Tieout F-000001]", "void it")
    assert (done.done, done.feedback) == (True, "Voided, see ticket 7")


def test_changes_ask_for_an_overlap_and_follow_the_server(odoo: FakeOdoo) -> None:
    odoo.post("out_invoice", 100)
    cursor = register().changes(None, datetime(2020, 1, 1, tzinfo=UTC)).cursor
    assert cursor == "2026-11-24 12:00:02"
    register().changes(cursor, datetime(2020, 1, 1, tzinfo=UTC))
    (asked,) = [body for name, body in odoo.asked if body.get("limit") == 1000]
    assert ["write_date", ">=", "2026-11-24 11:50:02"] in asked["domain"]
