"""How fast invoices reach Stripe within its limits: the real push over HTTP, timed.

    python -m tests.benchmarks.push --invoices 1000 --lines 50

The stand-in runs in a process of its own, answers after --latency ms and refuses what is
above its limits in any sliding second. The books are a SQLite file, every commit durable.
What is timed is the push alone, after the core has been read.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import requests

from connectors.budget import RateBudget
from connectors.stripe_receivables import StripeReceivables
from state.books import Books
from state.invoices import CoreCustomer, CoreInvoice, CoreLine, CoreStatus
from sync.decide import Policy
from sync.parts import Parts
from sync.poll import sweep_core
from sync.progress import Silent
from sync.push import push_all
from sync.settings import Settings
from sync.wiring import AT_ONCE_MAX, SystemClock, writers_for
from tests.world import MemoryCore

API_KEY = "sk_test_bench"
TOO_MANY = 429
POSTS_BESIDE_LINES = 2  # create and finalize
REQUESTS = 6  # to Stripe for an invoice of at most 100 lines: 3 that write and 3 that read
SERVE = """
import sys
sys.setswitchinterval(0.0005)  # its own threads must not delay the moment that it counts
from connectors.sandbox.service import start
print(start().url, flush=True)
sys.stdin.read()
"""


class ManyCustomers(MemoryCore):
    """A core in memory with invoices of many customers."""

    def fill(self, v1: StripeReceivables, invoices: int, lines: int, each: int) -> None:
        for n in range(invoices):
            customer = f"cc_{n // each}"
            if customer not in self.people:
                stripe_id = v1.create_customer(
                    customer, customer, email="ap@example.com", key=customer
                )
                self.people[customer] = CoreCustomer(
                    customer, customer, stripe_customer_field=stripe_id
                )
            name = f"ci_{n:05d}"
            self.books[name] = CoreInvoice(
                id=name,
                customer_id=customer,
                status=CoreStatus.FINALIZED,
                kind="USAGE",
                currency="USD",
                exact_minor=Decimal(lines * 100),
                total_minor=lines * 100,
                lines=tuple(
                    CoreLine(f"{name}-{i}", f"Line {i} of {name}", "usage", Decimal(100))
                    for i in range(lines)
                ),
                issued_at=datetime(2026, 11, 1, tzinfo=UTC),
            )

    def invoices(
        self, customer_id: str, status: CoreStatus
    ) -> Iterator[tuple[CoreInvoice, ...]]:
        if not hasattr(self, "by_customer"):
            self.by_customer: dict[str, list[CoreInvoice]] = {}
            for one in self.books.values():
                self.by_customer.setdefault(one.customer_id, []).append(one)
        yield tuple(o for o in self.by_customer[customer_id] if o.status is status)


@contextmanager
def stand_in() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The Stripe stand-in as a process; its URL."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.communicate()


def admin(url: str, what: str, body: Any) -> None:
    requests.post(f"{url}/_sandbox/{what}", json=body, timeout=5).raise_for_status()


def cpu_seconds(pid: int) -> float:
    """CPU that a process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Push once, and say what it took."""
    clock = SystemClock()
    with stand_in() as (url, process):
        core = ManyCustomers()
        core.fill(
            StripeReceivables(API_KEY, clock=clock, rng=Random(1), api_base=url),
            args.invoices,
            args.lines,
            args.each,
        )
        whole = args.overall or 40 * args.per_endpoint
        budget = RateBudget(
            whole, clock=clock, per_endpoint=args.per_endpoint, at_once=AT_ONCE_MAX
        )
        writers = args.writers or writers_for(whole)
        receivables = StripeReceivables(
            API_KEY,
            clock=clock,
            rng=Random(1),
            api_base=url,
            budget=budget,
            connections=AT_ONCE_MAX,
        )
        store = Books(f"sqlite:///{folder}/state.db", "acme", new_id=lambda: "bench")
        parts = Parts(
            settings=Settings(entity="acme"),
            policy=Policy(push_cap_count=10**6, push_cap_minor=10**12),
            store=store,
            core=core,
            stripe=receivables,
            registers=(receivables,),
            clock=clock,
            holder="bench",
            new_id=lambda: "1",
            version="bench",
            writers=writers,
        )
        parts = replace(parts, token=store.take_lease("b", now=clock.now(), seconds=86_400))
        sweep_core(parts, Silent())
        limits = {"per_endpoint_per_second": args.per_endpoint}
        admin(url, "limits", {**limits, "global_per_second": args.overall})
        jitter = {"way_ms": args.way, "work_ms": args.work}
        admin(url, "latency", {"ms": args.latency, **jitter})
        theirs = cpu_seconds(process.pid)
        ours, began = time.process_time(), time.monotonic()
        pushed = push_all(parts, Silent())
        wall, cpu = time.monotonic() - began, time.process_time() - ours
        theirs = cpu_seconds(process.pid) - theirs
        sent = requests.get(f"{url}/_sandbox/requests", timeout=60).json()
        store.close()
    return _figures(args, pushed.done, wall, cpu, theirs, sent)


def _figures(
    args: argparse.Namespace,
    done: int,
    wall: float,
    cpu: float,
    theirs: float,
    sent: list[dict[str, Any]],
) -> dict[str, Any]:
    finals = [r["at"] for r in sent if r["path"].endswith("/finalize")]
    posts = [
        r
        for r in sent
        if r["method"] == "POST"
        and r.get("status") != TOO_MANY
        and not r["path"].endswith("/customers")
    ]
    batches = -(-args.lines // 100)
    allowed = args.per_endpoint / batches
    if args.overall:
        allowed = min(allowed, args.overall / (REQUESTS + 2 * (batches - 1)))
    steady = (len(finals) - 1) / (finals[-1] - finals[0])
    return {
        "invoices": args.invoices,
        "lines": args.lines,
        "done": done,
        "seconds": round(wall, 2),
        "invoices_per_second": round(done / wall, 2),
        "allowed_per_second": round(allowed, 2),
        "share_of_allowed": round(done / wall / allowed, 3),
        "share_between_first_and_last": round(steady / allowed, 3),
        "answers_429": sum(r.get("status") == TOO_MANY for r in sent),
        "posts_per_invoice": len(posts) / args.invoices,
        "posts_wanted": POSTS_BESIDE_LINES + batches,
        "cpu_ms_per_invoice": round(1000 * cpu / done, 1),
        "stand_in_cpu_ms_per_invoice": round(1000 * theirs / done, 1),
    }


def main() -> int:
    """Measure, print, and fail where an invoice is missing or was sent too often."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--invoices", type=int, default=1000)
    parser.add_argument("--lines", type=int, default=50)
    parser.add_argument("--each", type=int, default=4, help="invoices of one customer")
    parser.add_argument("--latency", type=int, default=120, help="milliseconds")
    parser.add_argument("--way", type=int, default=0, help="at most so much more to there")
    parser.add_argument("--work", type=int, default=0, help="at most so much more there")
    parser.add_argument("--per-endpoint", type=int, default=25, help="requests a second")
    parser.add_argument("--overall", type=int, default=0, help="requests a second; 0: any")
    parser.add_argument("--writers", type=int, default=0, help="customers at once")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(args, Path(folder))
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    whole = figures["done"] == args.invoices
    return 0 if whole and figures["posts_per_invoice"] == figures["posts_wanted"] else 1


if __name__ == "__main__":
    sys.exit(main())
