"""Reconcile a million core invoices x Stripe x ERP from our own SQLite state database.

    python -m tests.benchmarks.reconciling load --invoices 1000000 --data FOLDER
    python -m tests.benchmarks.reconciling run --data FOLDER          (ours)
    python -m tests.benchmarks.reconciling join --data FOLDER         (a) DuckDB's bare join
    python -m tests.benchmarks.reconciling datacompy --data FOLDER    (b) core against Stripe
    python -m tests.benchmarks.reconciling all --invoices 100000 1000000

`all` runs each in a process of its own, at each size, and tells how the cost grows. With
--histories every document is seen open and then paid, and every push waiting and then done,
as months of work leave them. Every measured process prints one JSON line: wall and CPU
seconds, peak resident memory, and for ours the CPU seconds of each stage.

All three read the same database. (a) reads the same rows in the same way, from the columns
that it needs, and answers with counts alone: no choice among what was seen again, no books
as of a cutoff, no rows, checks, hash or kept run. (b) does less still: one register, no memo.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

from state.invoices import CoreCustomer, CoreInvoice, CoreStatus
from state.pushes import PushRecord, PushState
from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice
from state.worklist import Cause, Flag, FlagState
from sync.books import Run
from sync.reconcile import How
from tests.kept import TARGETS, Kept, core, day, document, memo

BATCH = 5_000
PER_CUSTOMER = 100
OPEN, PAID, VOID = DocumentStatus.OPEN, DocumentStatus.PAID, DocumentStatus.VOID


def address(folder: Path) -> str:
    return f"sqlite:///{folder}/state.db"


def load(folder: Path, invoices: int, *, histories: bool) -> dict[str, Any]:
    """Write the books through the store's one door, in bulk."""
    kept = Kept(address(folder))
    random = Random(20_261_101)
    count = 0
    for first in range(0, invoices, BATCH):
        last = min(first + BATCH, invoices)
        made = [_one(random, n) for n in range(first, last)]
        cores = tuple(one for one, _, _ in made if one is not None)
        documents = tuple(some for _, of_one, _ in made for some in of_one)
        memos = tuple(some for _, _, of_one in made for some in of_one)
        customers = tuple(
            CoreCustomer(f"cc_{n:06d}", f"Customer {n}")
            for n in range(first // PER_CUSTOMER, -(-last // PER_CUSTOMER))
        )
        flags = tuple(flag for one in made for flag in _flags(*one))
        if histories:
            count += _before(kept, documents)
        kept.see(
            day(10, 20),
            customers=customers,
            invoices=cores,
            documents=documents,
            memos=memos,
            flags=flags,
        )
        count += len(cores) + len(documents) + len(memos) + len(customers)
    kept.close()
    return {"observations": count}


def _before(kept: Kept, documents: tuple[DownstreamInvoice, ...]) -> int:
    """Each document open, and the push of each in Stripe from waiting to done."""
    asked = tuple(
        replace(one, status=OPEN, paid_minor=0, open_minor=one.gross_minor, paid_at=None)
        for one in documents
    )
    done = tuple(
        PushRecord(
            one.core_invoice_id, one.customer_id or "", PushState.DONE, one.currency,
            one.gross_minor, one.gross_minor, 1, document_id=one.id,
        )
        for one in documents
        if one.target == TARGETS[0] and one.core_invoice_id and not one.id.endswith("again")
    )  # fmt: skip
    waiting = (replace(one, state=PushState.PENDING, document_id=None) for one in done)
    kept.see(day(10, 8), documents=asked, pushes=tuple(waiting))
    kept.see(day(10, 9), pushes=done)
    return len(asked) + 2 * len(done)


def _one(
    random: Random, n: int
) -> tuple[CoreInvoice | None, list[DownstreamInvoice], list[CreditMemo]]:
    """One invoice with its documents: 3 % have memos, about 1 % are broken in some way."""
    name = f"4f1c7a52-8e0b-4c33-9d51-{n:012d}"
    minor = random.randrange(1_000, 5_000_000)
    invoice: CoreInvoice | None = core(
        name,
        minor,
        customer_id=f"cc_{n // PER_CUSTOMER:06d}",
        issued=day(10, 1 + n % 14) + timedelta(seconds=n % 86_400),
    )
    status = random.choice((OPEN, PAID, PAID))
    documents = [
        document(
            target,
            name,
            minor,
            status=status,
            number=f"{target[:1].upper()}-{n:08d}",
            paid_minor=minor if status is PAID else 0,
            paid_at=day(10, 18) if status is PAID else None,
            tax_minor=0,
            customer_id=f"cus_{n // PER_CUSTOMER}",
        )
        for target in TARGETS
    ]
    memos: list[CreditMemo] = []
    luck = random.random()
    assert invoice is not None
    if luck < 0.03:
        memos = [
            memo(target, name, max(minor // 10, 1), approved_by="r.meier")
            for target in TARGETS
        ]
    elif luck < 0.032:
        documents.pop(random.randrange(2))  # missing
    elif luck < 0.034:
        documents[0] = document(TARGETS[0], name, minor + 700)  # unexplained
    elif luck < 0.036:
        invoice = core(name, minor, customer_id=invoice.customer_id, status=CoreStatus.VOID)
    elif luck < 0.037:
        extra = document(TARGETS[0], name, minor)
        documents.append(replace(extra, id=f"{extra.id}_again"))
    elif luck < 0.038:
        invoice = None  # an orphan downstream
    elif luck < 0.039:
        memos = [memo(TARGETS[1], name, 500, invoice_id=None)]
    elif luck < 0.040:
        documents[1] = document(TARGETS[1], name, minor, currency="EUR")
    return invoice, documents, memos


def _flags(
    invoice: CoreInvoice | None,
    documents: list[DownstreamInvoice],
    memos: list[CreditMemo],
) -> Iterator[Flag]:
    """The worklist asks for what stands wrongly."""
    del memos
    if invoice is None:
        return
    wrong = documents if invoice.status is CoreStatus.VOID else documents[2:]
    cause = Cause.DUPLICATE_DOWNSTREAM
    if invoice.status is CoreStatus.VOID:
        cause = Cause.VOIDED_IN_CORE
    for one in wrong:
        yield Flag(
            one.target, one.id, cause, invoice.id, invoice.customer_id, FlagState.OPEN,
            "void it", "it stands", "USD", one.gross_minor, 1, day(10, 20),
        )  # fmt: skip


class _NoPandas:
    """Where pandas is installed, Arrow loads it: 60 MB that none of ours and (a) needs."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Pandas is not there, as in an installation without what (b) brings."""
        del path, target
        if name == "pandas":
            raise ModuleNotFoundError(name)


class Stages:
    """The CPU seconds of each step of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._name, self._since = "opening", time.process_time()

    def step(self, name: str, total: int | None) -> None:
        """What went before is over."""
        del total
        now = time.process_time()
        spent = self.seconds.get(self._name, 0.0) + now - self._since
        self.seconds[self._name] = round(spent, 2)
        self._name, self._since = name, now

    def advance(self, count: int = 1) -> None:
        """Nothing is told."""

    def note(self, text: str) -> None:
        """Nothing is told."""


def ours(folder: Path) -> dict[str, Any]:
    """The whole command's work: join, compare, check, and keep the run."""
    kept = Kept(address(folder))
    kept.parts.new_id = lambda: uuid4().hex  # the folder may have been measured before
    stages = Stages()
    run: Run = kept.run(how=How(engine=True), progress=stages)
    stages.step("", None)
    kept.close()
    return {
        "stages": stages.seconds,
        "rows": len(run.rows),
        "matched": sum(one.count for one in run.matched),
        "failed_checks": [check.name for check in run.checks if not check.ok],
    }


def bare_join(folder: Path) -> dict[str, Any]:
    """(a) The same rows through ADBC into DuckDB, joined and classed; no rows kept."""
    import duckdb
    from adbc_driver_sqlite import dbapi

    found = {}
    with (
        dbapi.connect(f"file:{folder}/state.db?mode=ro") as link,
        link.cursor() as cursor,
        duckdb.connect(":memory:") as db,
    ):
        for kind in ("invoice", "document", "memo"):
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": "65536"})
            cursor.execute(
                "SELECT id, ref, parent, status, currency, minor FROM observations "
                "NOT INDEXED WHERE entity = 'acme' AND kind = ?",
                (kind,),
            )
            db.register("incoming", cursor.fetch_record_batch())
            db.execute(f"CREATE TABLE {kind} AS SELECT * FROM incoming")
        for target in TARGETS:
            rows = db.execute(
                """
                SELECT CASE WHEN d.id IS NULL THEN 'MISSING' WHEN i.id IS NULL THEN 'ORPHAN'
                  WHEN i.status <> 'FINALIZED' THEN 'VOID'
                  WHEN d.currency <> i.currency THEN 'CURRENCY'
                  WHEN d.minor <> i.minor THEN 'DIFFERS'
                  WHEN m.amount IS NOT NULL THEN 'EXPLAINED' ELSE 'MATCHED' END AS class,
                  count(*), sum(i.minor), sum(d.minor), sum(m.amount)
                FROM invoice i FULL JOIN (SELECT * FROM document WHERE parent = $target) d
                  ON d.ref = i.id
                LEFT JOIN (SELECT ref, sum(minor) AS amount FROM memo GROUP BY ref) m
                  ON m.ref = d.id
                GROUP BY 1 ORDER BY 1
                """,
                {"target": target},
            ).fetchall()
            found[target] = {row[0]: row[1] for row in rows}
    return found


def datacompy_join(folder: Path) -> dict[str, Any]:
    """(b) What people do today: two data frames, one leg, no memos."""
    import sqlite3

    import datacompy
    import pandas as pd

    frames = []
    with sqlite3.connect(f"file:{folder}/state.db?mode=ro", uri=True) as link:
        for kind, key in (("invoice", "id"), ("document", "ref")):
            where = "" if kind == "invoice" else " AND parent = 'stripe'"
            frames.append(
                pd.read_sql_query(
                    f"SELECT {key} AS id, currency, minor FROM observations "
                    f"WHERE entity = 'acme' AND kind = '{kind}'{where}",
                    link,
                )
            )
    in_core, in_stripe = frames
    made = datacompy.PandasCompare(in_core, in_stripe, join_columns="id")
    return {"equal": int(made.count_matching_rows()), "rows": len(in_core)}


WORK: dict[str, Callable[[Path], dict[str, Any]]] = {
    "run": ours,
    "join": bare_join,
    "datacompy": datacompy_join,
}


def measured(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    began, cpu = time.perf_counter(), time.process_time()
    said = work()
    return {
        "wall_s": round(time.perf_counter() - began, 2),
        "cpu_s": round(time.process_time() - cpu, 2),
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        **said,
    }


def each(folder: Path, invoices: int, *, histories: bool) -> dict[str, dict[str, Any]]:
    """Each work in a process of its own, one after another."""
    found: dict[str, dict[str, Any]] = {}
    for what in ("load", *WORK):
        words = [sys.executable, "-m", __spec__.name if __spec__ else __name__, what]
        words += ["--data", str(folder), "--invoices", str(invoices)]
        words += ["--histories"] if histories else []
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        found[what] = json.loads(done.stdout)
        sys.stdout.write(f"{what:10} {done.stdout}")
        sys.stdout.flush()
    rate = found["load"]["observations"] / found["load"]["wall_s"]
    ours_, join, other = (found[name] for name in ("run", "join", "datacompy"))
    sys.stdout.write(
        f"{invoices:,} invoices: loaded {rate:,.0f} observations/s; "
        f"ours is {ours_['cpu_s'] / join['cpu_s']:.1f} x the bare join in CPU, "
        f"{ours_['wall_s'] / join['wall_s']:.1f} x in wall; and "
        f"{other['cpu_s'] / ours_['cpu_s']:.2f} x as fast as datacompy on one leg in CPU, "
        f"{other['wall_s'] / ours_['wall_s']:.2f} x in wall\n"
    )
    return found


def at_each_size(folder: Path | None, sizes: list[int], *, histories: bool) -> None:
    """All of it at each size, each in a folder of its own; and how the cost grows."""
    spent: list[tuple[int, float]] = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="tieout-bench-", dir=folder) as one:
            found = each(Path(one), size, histories=histories)
        spent.append((size, found["run"]["cpu_s"]))
    for (few, before), (many, after) in pairwise(spent):
        slope = math.log(after / before) / math.log(many / few)
        sys.stdout.write(
            f"{many / few:g} x the invoices cost {after / before:.1f} x the CPU "
            f"(slope {slope:.2f}; 1 is linear)\n"
        )


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("what", choices=("load", *WORK, "all"))
    words.add_argument("--invoices", type=int, nargs="+", default=[100_000, 1_000_000])
    words.add_argument("--histories", action="store_true")
    words.add_argument("--data", type=Path, default=None)
    asked = words.parse_args()
    if asked.data is not None:
        asked.data.mkdir(parents=True, exist_ok=True)
    if asked.what == "all":
        at_each_size(asked.data, asked.invoices, histories=asked.histories)
        return
    if asked.data is None:
        words.error("--data: name the folder of the database")
    size = asked.invoices[-1]
    if asked.what != "datacompy":
        sys.meta_path.insert(0, _NoPandas())
    work = WORK.get(asked.what)
    if work is None:
        said = measured(lambda: load(asked.data, size, histories=asked.histories))
    else:
        said = measured(lambda: work(asked.data))
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
