"""The audit log extract: who did what, in order, with the chain that proves it."""

import json
from dataclasses import dataclass
from typing import Any

from state.audit import GENESIS, AuditLine
from sync.report.common import ground, head
from sync.report.document import Column, Document, Facts, Kind, Section, table
from sync.report.material import SIGNED, Material

TITLE = "Audit log extract"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log with its words read."""

    line: AuditLine
    body: dict[str, Any]

    def word(self, name: str) -> str:
        """One of its words."""
        return str(self.body.get(name) or "")

    @property
    def actor_kind(self) -> str:
        """A person, or the program."""
        return "worker" if self.word("actor") == "worker" else "user"

    @property
    def role(self) -> str:
        """In which role the actor acted: the one signed as, or who does a worker's work."""
        if self.word("action") == SIGNED:
            return self.word("after")
        return "worker" if self.actor_kind == "worker" else "operator"

    @property
    def run_id(self) -> str:
        """The run that the line is about; '' for one about the books themselves."""
        of_a_run = self.word("object_type") in {"run", "signoff"}
        return self.word("object_id") if of_a_run else ""


def build(material: Material, *, about: str = "") -> Document:
    """The log up to the run, or the lines about one object or person."""
    every = [Entry(line, json.loads(line.body)) for line in material.audit]
    period = material.run.period
    kept = [one for one in every if _fits(one, about, period)]
    complete = len(kept) == len(every)
    verdict = material.verdict
    holds = verdict is not None and verdict.ok
    if verdict is not None and verdict.ok and verdict.head != material.run.audit_head:
        holds = False
        words = f"does not end as the run saw it: {material.run.audit_head}"
    elif holds:
        words = f"holds, {verdict.lines if verdict else 0} lines"
    else:
        words = f"does not hold: line {verdict.broken_at if verdict else 0} is not as it was written"
    first = every[0].line.hash if every else GENESIS
    last = every[-1].line.hash if every else GENESIS
    facts = Facts(
        "log",
        "The log",
        (
            (
                "Extract",
                "complete" if complete else f"filtered ({len(kept)} of {len(every)})",
            ),
            ("Chain", words),
            ("First line, hash", first),
            ("Last line, hash", last),
            (
                "Keep this",
                "A cut-off tail shows only against the last hash in an earlier report.",
            ),
        ),
    )
    lines = table("lines", "Lines", _COLUMNS, kept, lambda _: "", empty="No line.")
    return Document(
        "audit",
        head(material, TITLE),
        (Section("audit", "Audit log", (facts, lines)), ground(material)),
        main="lines",
        failed=0 if holds else 1,
    )


def _fits(one: Entry, about: str, period: str) -> bool:
    named = about in {"", one.word("object_id"), one.word("actor"), one.word("object_type")}
    return named and one.line.at.startswith(period)


_COLUMNS: tuple[Column[Entry], ...] = (
    Column("seq", "Seq", Kind.WHOLE, lambda one: one.line.seq, 8, brief=True),
    Column("at", "At (UTC)", Kind.TIME, lambda one: one.line.at[:19] + "Z", 21, brief=True),
    Column("actor", "Actor", Kind.TEXT, lambda one: one.word("actor"), 16, brief=True),
    Column("actor_kind", "User or worker", Kind.ID, lambda one: one.actor_kind, 9),
    Column("role", "Role", Kind.ID, lambda one: one.role, 11, brief=True),
    Column("action", "Action", Kind.ID, lambda one: one.word("action"), 22, brief=True),
    Column("object_type", "Object type", Kind.ID, lambda one: one.word("object_type"), 12),
    Column("object_id", "Object id", Kind.ID, lambda one: one.word("object_id"), 38, brief=True),
    Column("before", "Before", Kind.TEXT, lambda one: one.word("before"), 18, brief=True),
    Column("after", "After", Kind.TEXT, lambda one: one.word("after"), 18, brief=True),
    Column("reason", "Reason", Kind.TEXT, lambda one: one.word("reason"), 40, brief=True),
    Column("run_id", "Run id", Kind.ID, lambda one: one.run_id, 26),
    Column("request_id", "Request id", Kind.ID, lambda one: one.word("request_id"), 22),
    Column("key", "Idempotency key", Kind.ID, lambda one: one.word("idempotency_key"), 30),
    Column("prev", "Hash before", Kind.ID, lambda one: one.line.prev, 20),
    Column("hash", "Hash", Kind.ID, lambda one: one.line.hash, 20),
)  # fmt: skip
