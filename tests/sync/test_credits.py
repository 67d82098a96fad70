"""Credits by table: what one reading says beyond the last, and what must hold."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from state.credits import CoreCredit, CreditSegment, LedgerEntry
from state.invoices import APPLIED, CoreInvoice, CoreLine, CoreStatus
from sync.credit_checks import Breach, balances, burn_rank, findings, footing
from sync.credits import Move, Readings, expiring, movements, roll_forward

JULY, AUGUST, SEPTEMBER, OCTOBER = (
    datetime(2026, month, 1, tzinfo=UTC) for month in (7, 8, 9, 10)
)
DAY = timedelta(days=1)
FIGURES = ["opening", "granted", "burned", "returned", "expired", "closing"]


def entry(kind: str, amount: int, at: datetime, invoice: str | None = None) -> LedgerEntry:
    return LedgerEntry(f"CREDIT_{kind}", Decimal(amount), at, "s1", invoice, "k1")


START = entry("SEGMENT_START", 500, JULY)
BURN = entry("AUTOMATED_INVOICE_DEDUCTION", -200, AUGUST, "ci_1")
BACK = entry("CREDITED", 200, AUGUST + 4 * DAY, "ci_1")
GONE = entry("EXPIRATION", -300, SEPTEMBER)


def credit(*ledger: LedgerEntry, name: str = "cr_1", **more: object) -> CoreCredit:
    made = CoreCredit(
        id=name,
        customer_id="cc_1",
        name="Goodwill",
        product_id="p_goodwill",
        unit="USD (cents)",
        priority=Decimal(5),
        segments=(CreditSegment("s1", Decimal(500), JULY, SEPTEMBER),),
        ledger=ledger,
        currency="USD",
        created_at=JULY,
    )
    return replace(made, **more)  # type: ignore[arg-type]  # fields by name


def told(*readings: CoreCredit) -> list[tuple[str, int]]:
    seen: Readings = [(AUGUST + n * DAY, one) for n, one in enumerate(readings)]
    return [(one.move, int(one.amount)) for one in movements(seen)]


@pytest.mark.parametrize(
    ("readings", "moves"),
    [
        ([credit(START)], [("GRANTED", 500)]),
        ([credit(START), credit(START)], [("GRANTED", 500)]),
        ([credit(START), credit(START, BURN)], [("GRANTED", 500), ("BURNED", -200)]),
        (
            [credit(START, BURN), credit(START, BURN, BACK)],
            [("GRANTED", 500), ("BURNED", -200), ("RETURNED", 200)],
        ),
        ([credit(START, BURN, GONE)], [("GRANTED", 500), ("BURNED", -200), ("EXPIRED", -300)]),
        # A void after the end: the core works the expiration out anew.
        (
            [
                credit(START, BURN, GONE),
                credit(START, BURN, entry("CREDITED", 200, OCTOBER, "ci_1"),
                       entry("EXPIRATION", -500, OCTOBER)),
            ],
            [("GRANTED", 500), ("BURNED", -200), ("EXPIRED", -300), ("RETURNED", 200),
             ("EXPIRED", -200)],
        ),
        # An edit has no time of its own and no entry: it is the schedule that moved.
        (
            [credit(START), credit(entry("SEGMENT_START", 800, JULY),
                segments=(CreditSegment("s1", Decimal(800), JULY, SEPTEMBER),))],
            [("GRANTED", 500), ("EDITED", 300)],
        ),
        (
            [credit(START), credit(START,
                segments=(CreditSegment("s1", Decimal(500), JULY, OCTOBER),))],
            [("GRANTED", 500), ("EDITED", 0)],
        ),
        ([credit(START), credit(segments=())], [("GRANTED", 500), ("EDITED", -500)]),
        # What the core took out of a ledger again is taken out here too.
        ([credit(START, BURN), credit(START)], [("GRANTED", 500), ("BURNED", -200), ("BURNED", 200)]),
        ([credit(START, entry("MANUAL", -50, AUGUST))], [("GRANTED", 500), ("ADJUSTED", -50)]),
        ([credit(START, entry("ROLLOVER", -50, AUGUST))], [("GRANTED", 500), ("ADJUSTED", -50)]),
        ([credit(START, BURN, entry("CANCELED", 200, AUGUST, "ci_1"))],
         [("GRANTED", 500), ("BURNED", -200), ("RETURNED", 200)]),
    ],
)  # fmt: skip
def test_movements_are_what_a_reading_adds(
    readings: list[CoreCredit], moves: list[tuple[str, int]]
) -> None:
    assert told(*readings) == moves


def test_an_edit_says_what_it_changed() -> None:
    item = CreditSegment("s1", Decimal(800), JULY + DAY, OCTOBER)
    seen: Readings = [(AUGUST, credit(START)), (SEPTEMBER, credit(segments=(item,)))]
    edited = next(one for one in movements(seen) if one.move is Move.EDITED)
    assert edited.text == (
        "amount 500 to 800, start 2026-07-01T00:00:00Z to 2026-07-02T00:00:00Z,"
        " end 2026-09-01T00:00:00Z to 2026-10-01T00:00:00Z"
    )
    assert edited.at == SEPTEMBER


def test_a_credit_is_granted_when_it_can_first_be_used() -> None:
    late = credit(START, created_at=AUGUST + 3 * DAY)
    assert movements([(OCTOBER, late)])[0].at == AUGUST + 3 * DAY


def test_the_months_of_a_credit_follow_on_one_another_and_foot() -> None:
    whole = credit(START, BURN, BACK, entry("AUTOMATED_INVOICE_DEDUCTION", -150, AUGUST + 4 * DAY, "ci_2"), entry("EXPIRATION", -350, SEPTEMBER))  # fmt: skip
    moved = movements([(OCTOBER, whole)])
    july, august, september = (
        roll_forward(whole, moved, start, end)
        for start, end in ((JULY, AUGUST), (AUGUST, SEPTEMBER), (SEPTEMBER, OCTOBER))
    )
    figures = [
        [int(getattr(one, name)) for name in FIGURES] for one in (july, august, september)
    ]
    assert figures == [
        [0, 500, 0, 0, 0, 500],
        [500, 0, 350, 200, 0, 350],
        [350, 0, 0, 0, 350, 0],
    ]
    assert all(one.foots for one in (july, august, september))


def test_a_window_that_is_over_is_unsettled_until_its_invoice_is_final() -> None:
    open_still = credit(START)
    rolled = roll_forward(
        open_still, movements([(AUGUST, open_still)]), JULY, SEPTEMBER + DAY
    )
    left = [int(one) for one in (rolled.closing, rolled.unsettled, rolled.accessible)]
    assert left == [500, 500, 0]
    rolled = roll_forward(open_still, movements([(AUGUST, open_still)]), JULY, SEPTEMBER)
    assert (int(rolled.unsettled), int(rolled.accessible)) == (0, 500)  # its last instant


def test_what_is_left_and_ends_within_the_notice_is_said() -> None:
    ((item, left),) = expiring(credit(START, BURN), SEPTEMBER - 2 * DAY)
    assert (item.id, int(left)) == ("s1", 300)
    assert expiring(credit(START), SEPTEMBER - 31 * DAY) == []
    assert expiring(credit(START), SEPTEMBER) == []
    assert expiring(credit(START, archived=True), SEPTEMBER - DAY) == []
    assert expiring(credit(START, BURN, entry("MANUAL", -300, AUGUST)), AUGUST + DAY) == []


# --- what must hold ------------------------------------------------------------------------


def invoice(
    *applied: tuple[str, int], status: CoreStatus = CoreStatus.FINALIZED, **more: object
) -> CoreInvoice:
    usage = CoreLine("u", "Tokens", "usage", Decimal(900), "p_tokens")
    lines = [
        CoreLine(
            f"a{n}", "applied", APPLIED, Decimal(-amount), "p_tokens", start=JULY,
            end=AUGUST, credit_id=name, segment_id="s1",
        )
        for n, (name, amount) in enumerate(applied)
    ]  # fmt: skip
    made = CoreInvoice(
        id="ci_1",
        customer_id="cc_1",
        status=status,
        kind="USAGE",
        currency="USD",
        exact_minor=Decimal(900 - sum(amount for _, amount in applied)),
        total_minor=900 - sum(amount for _, amount in applied),
        lines=(usage, *lines),
        contract_id="k1",
        issued_at=AUGUST + DAY,
    )
    return replace(made, **more)  # type: ignore[arg-type]  # fields by name


FINAL, VOID = CoreStatus.FINALIZED, CoreStatus.VOID


@pytest.mark.parametrize(
    ("held", "billed", "breaches"),
    [
        ([credit(START, BURN)], invoice(("cr_1", 200)), []),
        ([credit(START, BURN, BACK)], invoice(("cr_1", 200), status=VOID), []),
        ([credit(START)], invoice(), []),
        ([credit(START)], invoice(("cr_1", 200)), [Breach.LEDGER_DIFFERS]),
        ([credit(START, BURN)], invoice(("cr_1", 150)), [Breach.LEDGER_DIFFERS]),
        ([credit(START, BURN)], invoice(), [Breach.LEDGER_DIFFERS]),
        ([credit(START, BURN)], invoice(("cr_1", 200), status=VOID), [Breach.NOT_RETURNED]),
        ([credit(START, BURN, BACK)], invoice(("cr_1", 200)), [Breach.NOT_RETURNED]),
        ([credit(START)], invoice(("cr_9", 10)), [Breach.CREDIT_UNKNOWN]),
        ([credit(START)], invoice(("cr_1", 200), status=CoreStatus.DRAFT), []),
        ([credit(START, BURN, contract_id="k1")], invoice(("cr_1", 200)), []),
        ([credit(START, BURN, contract_id="k2")], invoice(("cr_1", 200)), [Breach.BURNED_ELSEWHERE]),
        ([credit(START, BURN, contract_ids=("k1", "k2"))], invoice(("cr_1", 200)), []),
        ([credit(START, BURN, contract_ids=("k2",))], invoice(("cr_1", 200)), [Breach.BURNED_ELSEWHERE]),
        ([credit(entry("SEGMENT_START", 400, JULY))], invoice(), [Breach.SCHEDULE_DIFFERS]),
    ],
)  # fmt: skip
def test_invoices_agree_with_ledgers(
    held: list[CoreCredit], billed: CoreInvoice, breaches: list[Breach]
) -> None:
    assert [one.breach for one in findings(held, [billed])] == breaches


PAYS = credit(START, BURN, name="cr_2")


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (credit(START, priority=Decimal(4)), True),
        (credit(START, priority=Decimal(6)), False),
        (credit(START, priority=Decimal(5)), False),  # of equal rank
        (credit(START, contract_id="k1"), True),  # on a tie the contract pays first
        (credit(START, contract_id="k2", priority=Decimal(1)), False),
        (credit(START, product_ids=("p_tokens",)), True),  # the narrower one pays first
        (credit(START, product_ids=("p_other",), priority=Decimal(1)), False),
        (credit(START, tags=("t",), priority=Decimal(1)), False),  # cannot be judged
        (credit(START, archived=True, priority=Decimal(1)), False),
        (credit(START, currency="EUR", priority=Decimal(1)), False),
        (credit(START, created_at=OCTOBER, priority=Decimal(1)), False),  # came after
        (credit(START, entry("MANUAL", -500, JULY), priority=Decimal(1)), False),  # empty
        (credit(START, segments=(CreditSegment("s1", Decimal(500), JULY, AUGUST),)), True),
        (
            credit(START, priority=Decimal(1),
                   segments=(CreditSegment("s1", Decimal(500), JULY + DAY, AUGUST),)),
            False,  # does not cover the line
        ),
    ],
)  # fmt: skip
def test_credits_burn_in_the_order_of_their_rank(other: CoreCredit, found: bool) -> None:
    breaches = findings([PAYS, other], [invoice(("cr_2", 200))])
    assert [one.breach for one in breaches] == [Breach.OUT_OF_ORDER] * found
    if found:
        assert (breaches[0].credit_id, breaches[0].invoice_id) == ("cr_1", "ci_1")


def test_a_void_invoice_is_not_judged_by_the_order_of_a_time_that_is_past() -> None:
    held = [credit(START, BURN, BACK, name="cr_2"), credit(START, priority=Decimal(1))]
    assert findings(held, [invoice(("cr_2", 200), status=VOID)]) == []


def test_amounts_of_a_currency_in_whole_units_are_compared_in_minor_units() -> None:
    euros = credit(
        entry("AUTOMATED_INVOICE_DEDUCTION", -2, AUGUST, "ci_1"), currency="EUR", places=2
    )
    assert findings([euros], [invoice(("cr_1", 200), currency="EUR")]) == []


def test_a_balance_is_what_is_open_at_one_instant_or_another() -> None:
    two = credit(
        START, BURN,
        segments=(CreditSegment("s1", Decimal(500), JULY, SEPTEMBER),
                  CreditSegment("s2", Decimal(70), AUGUST, OCTOBER)),
    )  # fmt: skip
    two = replace(
        two, ledger=(*two.ledger, replace(START, amount=Decimal(70), segment_id="s2"))
    )
    assert balances(two) == {0, 300, 370, 70}
    moved = movements([(OCTOBER, two)])
    right = roll_forward(replace(two, balance=Decimal(370)), moved, JULY, OCTOBER)
    assert footing(right) == []
    wrong = roll_forward(replace(two, balance=Decimal(371)), moved, JULY, OCTOBER)
    assert [one.breach for one in footing(wrong)] == [Breach.BALANCE_DIFFERS]
    assert "0 or 70 or 300 or 370, the core says 371" in footing(wrong)[0].text
    assert [one.breach for one in footing(replace(right, closing=Decimal(1)))] == [
        Breach.DOES_NOT_FOOT
    ]
    assert balances(replace(two, archived=True)) == {0}


def test_no_digit_is_lost_however_many_there_are() -> None:
    long = Decimal("12345678901234567890.123456789012")
    tiny = Decimal("0.000000000001")
    item = CreditSegment("s1", long, JULY, SEPTEMBER)
    burned = replace(BURN, amount=-tiny)
    read = credit(
        replace(START, amount=long), burned, segments=(item,), balance=long - tiny
    )
    exact = Decimal("12345678901234567890.123456789011")
    rolled = roll_forward(read, movements([(AUGUST, read)]), JULY, AUGUST + DAY)
    assert (rolled.closing, rolled.foots) == (exact, True)
    assert footing(replace(rolled, credit=replace(read, balance=exact))) == []


def test_entries_of_other_kinds_and_lines_of_other_segments_are_passed_over() -> None:
    noted = credit(START, BURN, entry("SEAT_BASED_ADJUSTMENT", 0, AUGUST, "ci_1"))
    assert findings([noted], [invoice(("cr_1", 200))]) == []
    lost = credit(START, BURN, segments=())  # its segment was taken off the schedule
    better = credit(START, name="cr_0", priority=Decimal(1))
    assert findings([lost, better], [invoice(("cr_1", 200))]) == []


def test_products_and_tags_narrow_a_credit_alike() -> None:
    item = CreditSegment("s1", Decimal(500), JULY, SEPTEMBER)
    three = burn_rank(credit(product_ids=("a", "b"), tags=("t",)), item)
    two = burn_rank(credit(product_ids=("a", "b")), item)
    one = burn_rank(credit(tags=("t",)), item)
    everything = burn_rank(credit(), item)
    assert one < two < three < everything
