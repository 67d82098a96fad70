"""What the versions of one invoice show together: original, void, regenerated, again.

Pure. One version may be in order by itself while the chain is not: the customer holds two
documents for one debt, or none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from state.invoices import CoreStatus
from sync.classify import Kind


@dataclass(frozen=True, slots=True)
class Version:
    """One version in one register; minor units, ex tax."""

    core_id: str
    status: str  # CoreStatus
    regenerated_from: str | None
    core_minor: int  # its amount when FINALIZED; otherwise 0
    net_minor: int  # gross less memos of its posted document; otherwise 0
    live: bool  # a posted document stands for it
    paid: bool  # and took money


@dataclass(frozen=True, slots=True)
class ChainResult:
    """One finding across versions. `exposure` is what is billed too much, or 0."""

    kind: Kind
    exposure: int
    text: str


def chain_findings(versions: Sequence[Version]) -> list[ChainResult]:
    """The findings of a chain, oldest version first."""
    findings = list(_lineage(versions))
    if not versions:
        return findings
    standing = [one for one in versions if one.live and one.net_minor > 0]
    leaf = versions[-1]
    if len(standing) > 1:
        billed = sum(one.net_minor for one in standing)
        due = sum(one.core_minor for one in versions)
        names = ", ".join(one.core_id for one in standing)
        findings.append(
            ChainResult(Kind.DOUBLE_BILLED, billed - due, f"{names} are all billed")
        )
    if leaf.status == CoreStatus.VOID:
        findings.append(
            ChainResult(
                Kind.VOIDED_NOT_REBILLED,
                0,
                f"{leaf.core_id} is void and nothing replaces it",
            )
        )
    paid = [one for one in versions[:-1] if one.paid and one.net_minor > 0]
    if paid and leaf.status == CoreStatus.FINALIZED and not leaf.live:
        names = ", ".join(one.core_id for one in paid)
        findings.append(
            ChainResult(
                Kind.REPLACEMENT_OF_PAID,
                sum(one.net_minor for one in paid),
                f"{leaf.core_id} waits, because {names} took money",
            )
        )
    return findings


def _lineage(versions: Sequence[Version]) -> list[ChainResult]:
    """Each version but the first names the one before it, and only the last is alive."""
    broken = []
    for before, after in pairwise(versions):
        if after.regenerated_from != before.core_id:
            text = f"{after.core_id} does not name {before.core_id}, which it replaces"
            broken.append(ChainResult(Kind.BROKEN_LINEAGE, 0, text))
        elif before.status == CoreStatus.FINALIZED:
            text = f"{before.core_id} is alive in the core and so is {after.core_id}"
            broken.append(ChainResult(Kind.BROKEN_LINEAGE, 0, text))
    return broken
