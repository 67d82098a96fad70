"""Two processes on one PostgreSQL: one holder, one order of numbers, nothing lost."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from state.books import Books

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ROUNDS = 60
WRITER = """
import sys
from datetime import UTC, datetime
from state.books import Books
from state.invoices import CoreInvoice, CoreStatus
from state.observations import AuditEntry, Changes
from state.store import LeaseLost
from decimal import Decimal

url, name, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
now = datetime(2026, 11, 1, 12, tzinfo=UTC)
books = Books(url, "acme", new_id=lambda: name)
taken = lost = 0
for n in range(rounds):
    one = CoreInvoice(f"{name}-{n}", "cc_1", CoreStatus.FINALIZED, "USAGE", "USD",
                      Decimal(n), n)
    entry = AuditEntry("source.read", "source", f"{name}-{n}")
    books.record(Changes(invoices=(one,), audit=(entry,)), at=now)
    token = books.take_lease(name, now=now, seconds=60)
    if token is not None:
        taken += 1
        print("token", token)
        try:
            books.renew_lease(token, now=now, seconds=60)
        except LeaseLost:
            lost += 1
        books.release_lease(token)
print("lost", lost)
books.close()
"""


def run_two(url: str) -> list[list[list[str]]]:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, url, name, str(ROUNDS)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    said = [writer.communicate(timeout=60)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    return [[line.split() for line in one.splitlines()] for one in said]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_processes_write_one_chain(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    if kind == "postgresql":
        url = request.getfixturevalue("postgres_url")
    said = run_two(url)  # both find the database empty, and both may try to make it
    tokens = [word for one in said for word in one if word[0] == "token"]
    assert (
        len({token for _, token in tokens}) == len(tokens) > 0
    )  # each token was one holder's
    assert [word for one in said for word in one if word[0] == "lost"] == [
        ["lost", "0"]
    ] * 2
    books = Books(url, "acme", new_id=lambda: "c")
    assert books.instance in {"a", "b"}
    verdict = books.verify_audit()
    assert (verdict.ok, verdict.lines) == (True, 2 * ROUNDS)
    assert len(books.invoices([f"{n}-{i}" for n in "ab" for i in range(ROUNDS)])) == 120
    with books._engine.connect() as connection:
        seen = connection.execute(text("SELECT count(*) FROM observations")).scalar()
    assert seen == 2 * ROUNDS
    books.close()
