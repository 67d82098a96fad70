"""Tie a document to a core invoice by hand: two persons, a reason, and the audit log.

For what the core can correct no more (past 34 days): people void the old document downstream
and write a new one there. And for an ERP's document that lacks the core's id: it becomes the
invoice's document, and is held against it like any other. Amount and date never link anything
by themselves.
"""

from dataclasses import replace

from state.links import Link, LinkState
from state.observations import AuditEntry, Changes
from state.receivables import STRIPE, DownstreamInvoice
from sync.cases import gather
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
    _known(parts, core_invoice_id)
    closed, stands = _document(parts, target, old), _document(parts, target, new)
    if closed.core_invoice_id != core_invoice_id:
        raise NotLinkable(f"--old: {old} does not stand for {core_invoice_id}")
    if closed.status.live:
        raise NotLinkable(
            f"--old: {old} is {closed.status}; void it in {target} first, and let it be seen"
        )
    _free(parts, stands, "--new")
    return _made(parts, core_invoice_id, closed, stands, by, approver, reason)


def name(
    parts: Parts,
    core_invoice_id: str,
    *,
    target: str,
    document: str,
    by: str,
    approver: str,
    reason: str,
) -> Link:
    """Say that a document is the core invoice's own. Raises NotLinkable."""
    _two_persons(by, approver, reason)
    _known(parts, core_invoice_id)
    if target == STRIPE:
        raise NotLinkable(
            f"--in: in Stripe write core_invoice_id={core_invoice_id} into the metadata of "
            f"{document}; it is then found by itself, and never pushed a second time"
        )
    found = _document(parts, target, document)
    _free(parts, found, "--document")
    for other in _standing(parts, core_invoice_id, target):
        raise NotLinkable(
            f"--document: {other} stands for {core_invoice_id} in {target} already; if both "
            "bill it, void one of them there"
        )
    return _made(parts, core_invoice_id, None, found, by, approver, reason)


def _standing(parts: Parts, core_invoice_id: str, target: str) -> list[str]:
    """Its live documents in a register, those that are linked by hand among them."""
    (case, *_), _ = gather(parts.store, [core_invoice_id])
    return [held.document.id for held in case.on(target) if held.document.status.live]


def _free(parts: Parts, document: DownstreamInvoice, option: str) -> None:
    """A document that names an invoice, or was linked before, is not tied to another."""
    if document.core_invoice_id is not None:
        raise NotLinkable(
            f"{option}: {document.id} names {document.core_invoice_id} itself"
        )
    for link in parts.store.links():
        taken = (link.target, link.new_document_id) == (document.target, document.id)
        if taken and link.state is LinkState.ACTIVE:
            raise NotLinkable(f"{option}: {document.id} is linked already, by {link.id}")


def _made(
    parts: Parts,
    core_invoice_id: str,
    old: DownstreamInvoice | None,
    new: DownstreamInvoice,
    by: str,
    approver: str,
    reason: str,
) -> Link:
    link = Link(
        id=f"L-{len(parts.store.links()) + 1:06d}",
        target=new.target,
        core_invoice_id=core_invoice_id,
        old_document_id=old.id if old is not None else "",
        new_document_id=new.id,
        reason=reason,
        by=by,
        approver=approver,
        at=parts.clock.now(),
    )
    _keep(parts, link, "link.added", by, f"{reason} (approved by {approver})")
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
    _keep(parts, gone, "link.removed", by, f"{reason} (approved by {approver})")
    return gone


def _two_persons(by: str, approver: str, reason: str) -> None:
    if not reason.strip():
        raise NotLinkable("a link needs a reason: --reason TEXT")
    if same(person(by), person(approver, "--approver")):
        raise NotLinkable(
            "--approver: a link needs a second person, who did not prepare it"
        )


def _known(parts: Parts, core_invoice_id: str) -> None:
    if parts.store.invoice(core_invoice_id) is None:
        raise NotLinkable(f"no core invoice {core_invoice_id} is known")


def _document(parts: Parts, target: str, name: str) -> DownstreamInvoice:
    found = parts.store.documents_by_id(target, [name]).get(name)
    if found is None:
        raise NotLinkable(f"{target} has no document {name}, as far as it was read")
    return found


def _keep(parts: Parts, link: Link, action: str, by: str, reason: str) -> None:
    """Keep the link, then decide again what it may settle or raise: flags on the documents."""
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
    invoice = parts.store.invoice(link.core_invoice_id)
    if invoice is not None:
        parts.decide_and_record(Changes(invoices=(invoice,)))
