"""Tie a new document to a core invoice by hand: two persons, a reason, and the audit log.

For what the core can correct no more (past 34 days): people void the old document downstream
and write a new one there. Amount and date never link anything by themselves.
"""

from dataclasses import replace

from state.links import Link, LinkState
from state.observations import AuditEntry, Changes
from state.receivables import DownstreamInvoice
from sync.parts import Parts
from sync.persons import person, same


class NotLinkable(Exception):
    """This link cannot be made or taken back; the text says why."""


def add(
    parts: Parts,
    core_invoice_id: str,
    *,
    target: str,
    old: str,
    new: str,
    by: str,
    approver: str,
    reason: str,
) -> Link:
    """Tie `new` to the core invoice in place of `old`. Raises NotLinkable."""
    _two_persons(by, approver, reason)
    if parts.store.invoice(core_invoice_id) is None:
        raise NotLinkable(f"no core invoice {core_invoice_id} is known")
    closed, stands = _document(parts, target, old), _document(parts, target, new)
    if closed.core_invoice_id != core_invoice_id:
        raise NotLinkable(f"--old: {old} does not stand for {core_invoice_id}")
    if closed.status.live:
        raise NotLinkable(
            f"--old: {old} is {closed.status}; void it in {target} first, and let it be seen"
        )
    if stands.core_invoice_id is not None:
        raise NotLinkable(f"--new: {new} names {stands.core_invoice_id} itself")
    for link in parts.store.links():
        taken = (link.target, link.new_document_id) == (target, new)
        if taken and link.state is LinkState.ACTIVE:
            raise NotLinkable(f"--new: {new} is linked already, by {link.id}")
    link = Link(
        id=f"L-{len(parts.store.links()) + 1:06d}",
        target=target,
        core_invoice_id=core_invoice_id,
        old_document_id=old,
        new_document_id=new,
        reason=reason,
        by=by,
        approver=approver,
        at=parts.clock.now(),
    )
    _keep(parts, link, "link.added", by, f"{reason} (approved by {approver})", closed)
    return link


def remove(parts: Parts, link_id: str, *, by: str, approver: str, reason: str) -> Link:
    """Take a link back. Raises NotLinkable."""
    _two_persons(by, approver, reason)
    link = next((one for one in parts.store.links() if one.id == link_id), None)
    if link is None or link.state is LinkState.REMOVED:
        raise NotLinkable(f"{link_id} is no link that stands; see: tieout link list")
    gone = replace(
        link, state=LinkState.REMOVED, removed_by=by, removed_why=f"{reason} ({approver})"
    )
    closed = _document(parts, link.target, link.old_document_id)
    _keep(parts, gone, "link.removed", by, f"{reason} (approved by {approver})", closed)
    return gone


def _two_persons(by: str, approver: str, reason: str) -> None:
    if not reason.strip():
        raise NotLinkable("a link needs a reason: --reason TEXT")
    if same(person(by), person(approver, "--approver")):
        raise NotLinkable(
            "--approver: a link needs a second person, who did not prepare it"
        )


def _document(parts: Parts, target: str, name: str) -> DownstreamInvoice:
    found = parts.store.documents_by_id(target, [name]).get(name)
    if found is None:
        raise NotLinkable(f"{target} has no document {name}, as far as it was read")
    return found


def _keep(
    parts: Parts, link: Link, action: str, by: str, reason: str, old: DownstreamInvoice
) -> None:
    """Keep the link, then decide again what it may settle: the flag on the old document."""
    entry = AuditEntry(
        action,
        "link",
        link.id,
        before=link.old_document_id,
        after=link.new_document_id,
        reason=f"{link.core_invoice_id}: {reason}",
        actor=by,
    )
    parts.record(Changes(links=(link,), audit=(entry,)))
    parts.decide_and_record(Changes(documents=(old,)))
