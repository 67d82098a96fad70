"""Before the first request of a push: whose it is, what it replaces, and is it sane."""

from collections.abc import Iterable
from dataclasses import replace

from connectors.ports import Draft
from state.invoices import CoreInvoice
from state.observations import Changes
from state.pushes import PushRecord, PushState
from sync.cases import push_entry
from sync.decide import mapped_customer
from sync.parts import Parts


class CapReached(Exception):
    """More would be pushed at once than the policy allows without a person."""


def check_cap(parts: Parts, records: Iterable[PushRecord]) -> None:
    """A runaway is stopped before its first call: a wrong core, or years of history."""
    fresh = [record for record in records if record.tried == 0]
    totals: dict[str, int] = {}
    for record in fresh:
        totals[record.currency] = totals.get(record.currency, 0) + record.pushed_minor
    over = [c for c, total in totals.items() if total > parts.policy.push_cap_minor]
    if len(fresh) > parts.policy.push_cap_count or over:
        raise CapReached(
            f"{len(fresh)} invoices are waiting to be pushed, more than "
            "policy.push_cap_count or policy.push_cap_amount allows at once. "
            "Nothing was pushed. "
            "Look at `tieout plan`, then run `tieout sync --plan FILE`"
        )


def prepare(parts: Parts, record: PushRecord, invoice: CoreInvoice) -> PushRecord:
    """Before the first request: know the customer, and how the replaced invoice stands."""
    if record.customer_id is None:
        customer_id, lacking = _resolve_customer(parts, record)
        if customer_id is None:
            skipped = replace(
                record,
                state=PushState.SKIPPED,
                reason="MISSING_MAPPING",
                detail=f"no Stripe customer is known for {record.core_customer_id}{lacking}",
            )
            if skipped != record:
                parts.decide_and_record(
                    Changes(
                        pushes=(skipped,),
                        based_on=(record,),
                        audit=(push_entry(record, skipped),),
                    )
                )
            return skipped
        found = replace(
            record, customer_id=customer_id, state=PushState.PENDING, reason="", detail=""
        )
        parts.record(
            Changes(pushes=(found,), based_on=(record,), audit=(push_entry(record, found),))
        )
        record = found
    if invoice.regenerated_from is not None and record.generation == 0:
        _refresh_ancestor(parts, invoice.regenerated_from, record.customer_id or "")
        record = parts.store.push(record.core_invoice_id) or record
    return record


def _refresh_ancestor(parts: Parts, core_id: str, customer_id: str) -> None:
    """See how the replaced invoice stands now: it may have been paid a minute ago."""
    fresh = parts.stripe.find(customer_id, core_id)
    if fresh:
        pages = [parts.stripe.read(document.id) for document in fresh]
        parts.decide_and_record(
            Changes(
                documents=tuple(one for page in pages for one in page.documents),
                memos=tuple(memo for page in pages for memo in page.memos),
            )
        )


def _resolve_customer(parts: Parts, record: PushRecord) -> tuple[str | None, str]:
    """The customer nobody mapped: known from before, found by metadata, or made.

    Beside it, what is lacking to make one.
    """
    fact = f"stripe.customer:{record.core_customer_id}"
    customer = parts.store.customers_by_id([record.core_customer_id]).get(
        record.core_customer_id
    )
    if (named := mapped_customer(customer)) is not None:
        return named, ""
    known = parts.store.fact(fact)
    if known is not None:
        return known, ""
    customer_id = parts.stripe.find_customer(record.core_customer_id)
    if customer_id is None and parts.policy.create_customers:
        email = None if customer is None else customer.email
        if email is None and not parts.policy.auto_charge:
            return None, (
                ", and one cannot be made: Stripe sends an invoice to customers with an "
                "email address only; give the core customer the custom field billing_email"
            )
        customer_id = parts.stripe.create_customer(
            record.core_customer_id,
            customer.name if customer is not None else record.core_customer_id,
            email=email,
            key=f"{parts.instance}:{record.core_customer_id}:customer:0",
        )
    if customer_id is not None:
        parts.store.keep_fact(fact, customer_id)
    return customer_id, ""


def draft_of(
    parts: Parts, record: PushRecord, invoice: CoreInvoice, *, folded: bool
) -> Draft:
    """The draft that this push asks for, with the metadata by which it is found again."""
    metadata = {
        "core_invoice_id": record.core_invoice_id,
        "core_customer_id": record.core_customer_id,
        "tieout_instance": parts.instance,
    }
    if record.regenerated_from:
        metadata["regenerated_from"] = record.regenerated_from
    if record.replaces:
        metadata["replaces"] = record.replaces
    if folded:
        metadata["lines_folded"] = "1"
    days = parts.policy.days_until_due
    return Draft(
        customer_id=record.customer_id or "",
        currency=record.currency,
        metadata=metadata,
        auto_charge=parts.policy.auto_charge,
        days_until_due=days if invoice.net_terms_days is None else invoice.net_terms_days,
        effective_at=None,
    )
