"""What moved between two runs, in a sentence that names row, amount, from what and to what."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sync.books import Agreed, ChainFinding, Check, Excluded, Matched, Outcome, Row, Run
from sync.differing import difference

AT = datetime(2026, 11, 3, 6, tzinfo=UTC)
ROW = Row(
    "erp", "MATCHED", "cc", "Acme", "a", "FINALIZED", "USD", 1_000, 1_000, "d1",
    document_status="OPEN", gross_minor=1_000, net_minor=1_000, open_minor=1_000, posted_at=AT,
)  # fmt: skip
RUN = Run("R-1", "acme", Outcome.CLEAR, AT, AT, rows=(ROW,))


def rows(*some: Row, **more: Any) -> Run:
    return replace(RUN, rows=some, **more)


def named(name: str, **more: Any) -> Row:
    return replace(ROW, core_invoice_id=name, **more)


LEFT = Excluded("erp", "memo", "m1", "USD", 500, "is a draft")
COUNTED = Matched("erp", "USD", 10, 0, 0, 0, 0, 0, "x")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (RUN, replace(RUN, run_id="R-2", version="2", seq=9), ""),
        # A row, in the words of the report; the first three of what a reader would see.
        (RUN, rows(named("a", open_minor=0)), "1 row changed (erp a: open balance 10.00 to 0.00)"),
        (
            RUN, rows(named("a", memo_refs=("CN-1", "CN-2"))),
            "1 row changed (erp a: memo numbers none to CN-1, CN-2)",
        ),
        (
            RUN, rows(named("a", document_id="")),
            "1 row changed (erp a: document d1 to none)",
        ),
        (
            RUN, rows(named("a", posted_at=None)),
            "1 row changed (erp a: posting date 2026-11-03 06:00:00+00:00 to None)",
        ),
        (
            RUN,
            rows(named("a", paid_minor=5, gross_minor=7, kind="OVERBILLED", document_status="PAID")),
            "1 row changed (erp a: class MATCHED to OVERBILLED, gross 10.00 to 0.07, paid 0.00 to 0.05)",
        ),
        (RUN, rows(named("a", tax_minor=5)), "1 row changed (erp a: tax minor)"),
        (
            RUN, rows(named("a", unexplained=-3, timing=2)),
            "1 row changed (erp a: unexplained 0.00 to (0.03), timing 0.00 to 0.02)"
            "; unexplained in all 0.00 to (0.03) USD",
        ),
        # Rows that came and went.
        (RUN, rows(ROW, named("b")), "1 row new (erp b MATCHED)"),
        (rows(ROW, named("b")), RUN, "1 row gone (erp b MATCHED)"),
        (
            RUN, rows(named("b"), named("c")),
            "2 rows new (erp b MATCHED; erp c MATCHED); 1 row gone (erp a MATCHED)",
        ),
        (
            rows(), rows(*map(named, "edcba")),
            "5 rows new (erp a MATCHED; erp b MATCHED; erp c MATCHED; and 2 more)",
        ),
        (rows(), rows(*map(named, "cba")), "3 rows new (erp a MATCHED; erp b MATCHED; erp c MATCHED)"),
        # The same invoice in another register is another row.
        (RUN, rows(replace(ROW, target="stripe")), "1 row new (stripe a MATCHED); 1 row gone (erp a MATCHED)"),
        # Totals, each in its currency.
        (
            rows(named("a", unexplained=5), named("e", currency="EUR", unexplained=7)),
            rows(named("a", unexplained=5), named("e", currency="EUR", unexplained=9)),
            "1 row changed (erp e: unexplained 0.07 to 0.09); unexplained in all 0.07 to 0.09 EUR",
        ),
        # What is left out.
        (
            RUN, replace(RUN, excluded=(LEFT,)),
            "newly left out: erp memo m1 of 5.00 USD, as it is a draft",
        ),
        (
            replace(RUN, excluded=(LEFT,)), replace(RUN, excluded=(replace(LEFT, reason="is void"),)),
            "newly left out: erp memo m1 of 5.00 USD, as it is void; "
            "no longer left out: erp memo m1 of 5.00 USD, as it is a draft",
        ),
        (
            RUN, replace(RUN, excluded=tuple(replace(LEFT, id=f"m{n}") for n in (5, 3, 4, 1, 2))),
            "newly left out: erp memo m1 of 5.00 USD, as it is a draft; erp memo m2 of 5.00 USD, as "
            "it is a draft; erp memo m3 of 5.00 USD, as it is a draft; and 2 more",
        ),
        (
            RUN, replace(RUN, excluded=tuple(replace(LEFT, id=f"m{n}") for n in (2, 3, 1))),
            "newly left out: erp memo m1 of 5.00 USD, as it is a draft; erp memo m2 of 5.00 USD, as "
            "it is a draft; erp memo m3 of 5.00 USD, as it is a draft",
        ),
        # What is counted only, and what a run says beside its rows.
        (RUN, replace(RUN, matched=(COUNTED,)), "plainly matched rows 0 to 10"),
        (
            replace(RUN, matched=(COUNTED,)), replace(RUN, matched=(replace(COUNTED, open_minor=1),)),
            "plainly matched rows 10 to 10 with other figures",
        ),
        (
            replace(RUN, matched=(COUNTED, COUNTED)), replace(RUN, matched=(COUNTED,)),
            "plainly matched rows 20 to 10",
        ),
        (
            RUN, replace(RUN, chains=(ChainFinding("DOUBLE_BILLED", "a", "USD", 5, "both"),)),
            "findings on chains 0 to 1",
        ),
        (
            RUN, replace(RUN, agreed=(Agreed("erp", "USD", 1, 2, 0, 0),)),
            "pairs of Stripe and an ERP 0 to 0",
        ),
        (
            RUN, replace(RUN, checks=(Check("one", ok=False), Check("two", ok=False), Check("three", ok=True))),
            "failed checks: one, two",
        ),
        (replace(RUN, checks=(Check("one", ok=False),)), RUN, "failed checks: none"),
        (RUN, replace(RUN, outcome=Outcome.OPEN_ITEMS), "outcome CLEAR to OPEN_ITEMS"),
        (
            RUN, rows(named("b"), outcome=Outcome.OPEN_ITEMS, matched=(COUNTED,)),
            "1 row new (erp b MATCHED); 1 row gone (erp a MATCHED); plainly matched rows 0 to 10; "
            "outcome CLEAR to OPEN_ITEMS",
        ),
    ],
)  # fmt: skip
def test_what_moved_is_told(before: Run, after: Run, said: str) -> None:
    assert difference(before, after) == said
