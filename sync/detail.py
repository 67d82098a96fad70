"""Every row of a kept run, one at a time: those it lists, and those it only counts.

A run keeps what a person may want to look at. The plainly matched of a large run are counted
(`Run.matched`); here they are made again from the observations that the run rests on, so the
detail is whole, in the order of the report, and in constant memory.
"""

import heapq
from collections.abc import Iterator

from state.store import Store
from sync.books import Row, Run
from sync.ledger import CHUNK, Ground, Ledger, invoices_in_order, order, take_invoices
from sync.months import moment_of, period_of


def rows_of(store: Store, run: Run) -> Iterator[Row]:
    """The run's whole detail: severity, then amount, customer, date, invoice, register."""
    if not run.matched:
        return iter(run.rows)
    return heapq.merge(run.rows, _plain(store, run), key=order)


def _plain(store: Store, run: Run) -> Iterator[Row]:
    ground = Ground(
        books=store.as_of(run.seq, moment_of(run)),
        later=None,
        targets=run.targets,
        period=period_of(run),
        tolerance=run.tolerance_minor,
    )
    for some in invoices_in_order(ground):
        held = Ledger()
        ids = [one.id for one in some]
        take_invoices(held, ground, ids, screened=False, keep_plain=CHUNK * 100)
        yield from sorted(held.plain, key=order)
