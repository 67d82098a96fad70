"""How much time and memory a long reconciliation takes as a workbook.

    python -m tests.benchmarks.workbook [ROWS]

Rows are made as they are read, so that what is measured is the report and its writer. Each
measurement is a process of its own: its peak is nobody else's.
"""

import gc
import io
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sync.books import Check, Outcome, Row, Run, Source

ROWS = 100_000
AIM_MB = 60
AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def rows(count: int) -> Iterator[Row]:
    """Mostly matched, some explained by memos, some open: as a year's books are."""
    for n in range(count):
        amount, memos = 10_000 + n % 9973, 0
        kind, unexplained, explained = "MATCHED", 0, 0
        if n % 33 == 0:
            kind, memos, explained = "EXPLAINED_BY_MEMO", -500, -500
        elif n % 1000 == 1:
            kind, unexplained = "OVERBILLED", 100
        at = BEGIN + timedelta(minutes=4 * n)
        gross = amount + unexplained
        yield Row(
            "stripe", kind, f"4db51251-61de-4bfe-b9ce-{n % 5000:012x}", f"Customer {n % 5000}",
            f"0e1d4b2a-8c35-5d0f-9a77-{n:012x}", "FINALIZED", "USD", amount, amount,
            f"in_1R{n:022x}", f"AR-2026-{n:07d}", "OPEN", gross, memos, gross + memos,
            unexplained + memos, explained=explained, unexplained=unexplained,
            tax_minor=825, open_minor=gross + memos, issued_at=at, posted_at=at, start=BEGIN,
            end=at, memo_refs=("CN-1",) if memos else (),
        )  # fmt: skip


def one(what: str, count: int) -> None:
    """One measurement, in this process."""
    from sync.report import reconciliation
    from sync.report.material import Material

    began, used = time.perf_counter(), time.process_time()
    out = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
    if what == "nothing":
        for _ in rows(count):
            pass
    else:
        run = Run(
            "R-1", "acme", Outcome.OPEN_ITEMS, AS_OF, AS_OF, targets=("stripe",),
            checks=(Check("core total", ok=True),), sources=(Source("core", AS_OF, 1, 1, 1, 0),),
        )  # fmt: skip
        material = Material(run, "d" * 64, "c" * 64, lambda: rows(count), count)
        document = reconciliation.build(material)
        if what == "xlsx":
            from sync.report import to_xlsx

            to_xlsx.write(document, out)
        elif what == "csv":
            from sync.report import to_csv

            to_csv.write(document, out)
        elif what == "json":
            from sync.report import to_json

            to_json.write(document, out)
    size = out.seek(0, io.SEEK_END)
    gc.collect()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    sys.stdout.write(
        f"{what:8} {wall:7.1f} s wall {cpu:7.1f} s CPU {peak:7.1f} MB peak {size / 1e6:7.1f} MB file\n"
    )


def main() -> None:
    """Measure each writer, and making the rows alone."""
    words = sys.argv[1:]
    if len(words) == 2:
        one(words[0], int(words[1]))
        return
    count = int(words[0]) if words else ROWS
    sys.stdout.write(f"{count:,} rows, 41 columns each; aim for XLSX: {AIM_MB} MB\n")
    for what in ("nothing", "build", "csv", "json", "xlsx"):
        sys.stdout.flush()
        subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.workbook", what, str(count)],
            check=True,
        )


if __name__ == "__main__":
    main()
