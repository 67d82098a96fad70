"""The store: one door, all or nothing, fenced, chained, and the same words out as in."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import text

from state.audit import verify
from state.books import Books, FactDiffers
from state.codec import decode, encode
from state.engine import StoreUnusable
from state.invoices import CoreInvoice, CoreLine, CoreStatus, NativeDelivery
from state.observations import AuditEntry, Changes, Ground, Sweep
from state.pushes import PushRecord, PushState
from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice, MemoStatus
from state.statements import MOVED_SINCE
from state.store import LeaseLost, Overtaken, Store
from state.worklist import Cause, Flag, FlagState

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def an_invoice(
    name: str = "ci_1", status: CoreStatus = CoreStatus.FINALIZED
) -> CoreInvoice:
    line = CoreLine(
        "k", "Tokens", "usage", Decimal("99.5"), quantity=Decimal("1E+3"), start=NOW
    )
    return CoreInvoice(
        id=name,
        customer_id="cc_1",
        status=status,
        kind="USAGE",
        currency="USD",
        exact_minor=Decimal("99.5"),
        total_minor=100,
        lines=(line,),
        issued_at=NOW,
        delivery=NativeDelivery("stripe", "in_9"),
    )


def a_flag(subject: str = "in_1") -> Flag:
    return Flag(
        "stripe", subject, Cause.VOIDED_IN_CORE, "ci_1", "cc_1", FlagState.OPEN,
        "void it", "void in core", "USD", 100, 2, NOW,
    )  # fmt: skip


@pytest.fixture(params=["memory", "file", "postgresql"])
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Books]:
    url = "sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/state.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    numbers = count()
    made = Books(url, "acme", new_id=lambda: f"i{next(numbers)}")
    store: Store = made
    assert store.instance == "i0"
    yield made
    made.close()


def test_words_come_out_as_they_went_in(books: Books) -> None:
    invoice = an_invoice()
    document = DownstreamInvoice(
        "stripe",
        "in_1",
        DocumentStatus.OPEN,
        "USD",
        100,
        core_invoice_id="ci_1",
        created_at=NOW,
    )
    memo = CreditMemo("stripe", "cn_1", MemoStatus.ISSUED, "USD", 20, invoice_id="in_1")
    push = PushRecord(
        "ci_1", "cc_1", PushState.DONE, "USD", 100, 100, 1, accepted=("in_0",)
    )
    books.record(
        Changes(invoices=(invoice,), documents=(document,), memos=(memo,), pushes=(push,)),
        at=NOW,
    )
    assert books.invoice("ci_1") == invoice
    assert books.documents_of(["ci_1"]) == {"ci_1": [document]}
    assert books.documents_by_id("stripe", ["in_1"]) == {"in_1": document}
    assert books.memos_of("stripe", ["in_1"]) == {"in_1": [memo]}
    assert books.push("ci_1") == push
    assert books.tracked_documents("stripe") == ["in_1"]
    assert list(books.iter_invoices()) == [invoice]
    assert decode(CoreInvoice, encode(invoice)) == invoice


def observations(books: Books) -> int:
    with books._engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM observations")).scalar() or 0


def test_the_same_fact_twice_is_one_observation(books: Books) -> None:
    for _ in range(2):
        books.record(Changes(invoices=(an_invoice(),)), at=NOW)
    assert observations(books) == 1
    books.record(Changes(invoices=(an_invoice(status=CoreStatus.VOID),)), at=NOW)
    assert observations(books) == 2
    assert books.count_invoices() == {"VOID": 1}


def test_flags_are_numbered_once_and_kept_unique(books: Books) -> None:
    books.record(Changes(flags=(a_flag(), a_flag("in_2"))), at=NOW)
    moved = replace(a_flag(), state=FlagState.RESOLVED)
    books.record(Changes(flags=(moved,)), at=NOW)
    assert [(one.id, one.state) for one in books.flags()] == [
        ("F-000001", "RESOLVED"),
        ("F-000002", "OPEN"),
    ]
    assert books.flag("F-000002") == replace(a_flag("in_2"), id="F-000002")
    assert books.flags_of(["ci_1"])["ci_1"][0].core_invoice_id == "ci_1"


def test_one_holder_at_a_time_and_a_stale_one_commits_nothing(books: Books) -> None:
    first = books.take_lease("a", now=NOW, seconds=60)
    assert first is not None
    assert books.take_lease("b", now=NOW, seconds=60) is None
    later = NOW + timedelta(seconds=61)
    second = books.take_lease("b", now=later, seconds=60)
    assert second == first + 1
    with pytest.raises(LeaseLost):
        books.record(Changes(invoices=(an_invoice(),)), at=later, token=first)
    with pytest.raises(LeaseLost):
        books.renew_lease(first, now=later, seconds=60)
    assert books.invoice("ci_1") is None
    books.release_lease(second)
    assert books.take_lease("a", now=later, seconds=60) == second + 1


def test_whether_a_decision_is_overtaken_is_asked_of_the_last_rows_alone() -> None:
    """By an index over kinds it would walk every push and document there ever was."""
    made = Books("sqlite://", "acme", new_id=lambda: "1")
    made.record(Changes(invoices=(an_invoice(),)), at=NOW)
    seq = made.last_seq()
    with made._engine.connect() as connection:
        asked = str(MOVED_SINCE.compile(connection)).replace("?", str(seq))
        (plan,) = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}")
    assert "USING INTEGER PRIMARY KEY" in plan[3]
    moved = Changes(invoices=(replace(an_invoice(), status=CoreStatus.VOID),))
    made.record(replace(moved, ground=Ground(seq, frozenset({"ci_1"}))), at=NOW)
    other = Changes(flags=(a_flag(),), ground=Ground(seq, frozenset({"ci_9"})))
    made.record(other, at=NOW)
    with pytest.raises(Overtaken, match="invoice ci_1 has just moved"):
        made.record(replace(other, ground=Ground(seq, frozenset({"ci_1"}))), at=NOW)
    made.close()


def test_a_lease_of_a_clock_that_ran_ahead_locks_nobody_out(books: Books) -> None:
    """The machine came up in a year to come, and died: nobody would ever end that lease."""
    ahead = NOW + timedelta(days=400)
    token = books.take_lease("a", now=ahead, seconds=60)
    assert token == 1
    within = ahead - timedelta(days=1)
    assert books.take_lease("b", now=within, seconds=60) is None
    assert books.take_lease("b", now=NOW, seconds=60) == 2
    with pytest.raises(LeaseLost):
        books.renew_lease(token, now=ahead, seconds=60)


def test_a_fact_stands(books: Books) -> None:
    books.keep_fact("stripe.account", "acct_1")
    books.keep_fact("stripe.account", "acct_1")
    with pytest.raises(FactDiffers, match="acct_1"):
        books.keep_fact("stripe.account", "acct_2")


def test_cursors_sweeps_and_runs_are_kept(books: Books) -> None:
    sweep = Sweep("core", NOW, NOW, 3, 40)
    books.record(Changes(cursors={"c": "1"}, sweeps=(sweep,)), at=NOW)
    assert (books.cursor("c"), books.last_sweep("core")) == ("1", sweep)
    entry = AuditEntry("run.kept", "run", "R1")
    kept = {"kind": "r", "period": "", "body": "{}", "sha256": "x"}
    books.keep_run("R1", at=NOW, as_of=NOW, audit=entry, **kept)
    assert books.run() == ("{}", "x")
    assert books.run("R2") is None


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE audit SET body = replace(body, 'three', 'tree') WHERE seq = 3",
        "DELETE FROM audit WHERE seq = 2",
        "UPDATE audit SET at = '' WHERE seq = 4",
    ],
)
def test_a_touched_audit_log_says_where(books: Books, harm: str) -> None:
    for name in ("one", "two", "three", "four"):
        books.record(Changes(audit=(AuditEntry("a", "push", name),)), at=NOW)
    assert books.verify_audit().ok
    assert books.audit_head()[0] == 4
    with books._engine.begin() as connection:
        connection.execute(text(harm))
    verdict = books.verify_audit()
    assert not verdict.ok
    assert verdict.broken_at > 0


def test_an_empty_chain_holds() -> None:
    assert verify([]).ok


def test_two_entities_share_a_file_and_nothing_else(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    one = Books(url, "us", new_id=lambda: "a")
    two = Books(url, "eu", new_id=lambda: "b")
    one.record(Changes(invoices=(an_invoice(),)), at=NOW)
    assert two.invoice("ci_1") is None
    assert (one.instance, two.instance) == ("a", "b")
    one.close()
    two.close()


def test_a_read_waits_for_no_writer_and_sees_what_was_committed(tmp_path: Path) -> None:
    books = Books(f"sqlite:///{tmp_path}/state.db", "a", new_id=lambda: "1")
    books.record(Changes(invoices=(an_invoice(),)), at=NOW)
    writer = sqlite3.connect(tmp_path / "state.db", isolation_level=None, timeout=0)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM current")
    assert books.invoice("ci_1") == an_invoice()
    with books._reads.connect() as reader:
        reader.execute(text("SELECT 1 FROM current")).all()
        writer.execute("COMMIT")  # nor does a writer wait for a read
        assert reader.execute(text("SELECT 1 FROM current")).all()
    assert books.invoice("ci_1") is None
    writer.close()
    books.close()


def test_a_newer_or_foreign_file_is_refused_in_one_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    made = Books(url, "acme", new_id=lambda: "a")
    with made._engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '99'"))
    made.close()
    with pytest.raises(StoreUnusable, match="newer Tieout"):
        Books(url, "acme", new_id=lambda: "a")
    (tmp_path / "not.db").write_text("this is no database " * 100)
    with pytest.raises(Exception, match="not a database"):
        Books(f"sqlite:///{tmp_path}/not.db", "acme", new_id=lambda: "a")


KILLED = """
import sys, os, signal
from tests.state.test_books import *
made = Books(sys.argv[1], "acme", new_id=lambda: "a")
import state.books as b
real = b.Books._audit
def die(self, connection, entries, at):
    real(self, connection, entries, at)
    os.kill(os.getpid(), signal.SIGKILL)
b.Books._audit = die
made.record(Changes(invoices=(an_invoice(),), cursors={"c": "1"}), at=NOW)
"""


def test_a_kill_before_the_commit_keeps_nothing_at_all(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    root = Path(__file__).parent.parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root)}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, url], env=environment, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    books = Books(url, "acme", new_id=lambda: "b")
    assert books.instance == "a"
    assert books.invoice("ci_1") is None
    assert books.cursor("c") is None
    books.close()
