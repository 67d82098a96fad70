"""The audit log's hash chain: pure. Each line's hash takes in the one before."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One line as it is kept. `body` is the canonical text of its entry."""

    seq: int
    at: str
    body: str
    prev: str
    hash: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of the chain found."""

    ok: bool
    lines: int
    head: str
    broken_at: int = 0  # the first line that does not hold; 0 for none


def chained(seq: int, at: str, body: str, prev: str) -> AuditLine:
    """The line that follows `prev`."""
    digest = sha256(f"{seq}\n{at}\n{prev}\n{body}".encode()).hexdigest()
    return AuditLine(seq, at, body, prev, digest)


def verify(lines: Iterable[AuditLine]) -> Verdict:
    """Walk the chain from its first line. An edit, a gap or a swap breaks it.

    A cut-off tail does not: that is what the head in each report is for.
    """
    head, count = GENESIS, 0
    for line in lines:
        whole = chained(count + 1, line.at, line.body, head)
        if whole != line:
            return Verdict(ok=False, lines=count, head=head, broken_at=count + 1)
        head, count = line.hash, count + 1
    return Verdict(ok=True, lines=count, head=head)
