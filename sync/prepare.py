"""Before the first request of a push: whose it is, what it replaces, and is it sane."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from connectors.failures import Incomplete, NotNow, Refused, Unknown
from connectors.ports import Draft
from state.invoices import CoreCustomer, CoreInvoice, CoreStatus
from state.observations import Changes
from state.pushes import PushRecord, PushState
from sync.cases import push_entry
from sync.decide import mapped_customer
from sync.parts import Parts


class CapReached(Exception):
    """More would be pushed at once than the policy allows without a person."""


def check_cap(parts: Parts, records: Iterable[PushRecord]) -> None:
    """A runaway is stopped before its first call: a wrong core, or years of history.

    What cannot be sent does not count, or it would halt every pass for ever.
    """
    fresh = [record for record in records if record.tried == 0]
    if not _over(parts, fresh):
        return
    invoices = parts.store.invoices([record.core_invoice_id for record in fresh])
    fresh = [
        record
        for record in fresh
        if (invoice := invoices.get(record.core_invoice_id)) is not None
        and invoice.status is CoreStatus.FINALIZED
    ]
    if not _over(parts, fresh):
        return
    unmapped = {r.core_customer_id: r for r in fresh if r.customer_id is None}
    mappable = {name for name, one in unmapped.items() if _may_be_mapped(parts, one)}
    fresh = [
        record
        for record in fresh
        if record.customer_id is not None or record.core_customer_id in mappable
    ]
    if _over(parts, fresh):
        raise CapReached(
            f"{len(fresh)} invoices are waiting to be pushed, more than "
            "policy.push_cap_count or policy.push_cap_amount allows at once. "
            "Nothing was pushed. "
            "Look at `tieout plan`, then run `tieout sync --plan FILE`"
        )


def _over(parts: Parts, records: Collection[PushRecord]) -> bool:
    totals: dict[str, int] = {}
    for record in records:
        totals[record.currency] = totals.get(record.currency, 0) + record.pushed_minor
    return len(records) > parts.policy.push_cap_count or any(
        total > parts.policy.push_cap_minor for total in totals.values()
    )


def _may_be_mapped(parts: Parts, record: PushRecord) -> bool:
    """Could this pass find a Stripe customer, or make one? In doubt, yes."""
    try:
        customer_id, lacking = _find_customer(parts, record)
    except Refused:
        return False  # several customers carry its name: a person must say which
    except (NotNow, Unknown, Incomplete):
        return True
    return customer_id is not None or (parts.policy.create_customers and not lacking)


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
    found, lacking = _find_customer(parts, record)
    if found is not None or lacking or not parts.policy.create_customers:
        return found, lacking
    customer = _core_customer(parts, record)
    made = parts.stripe.create_customer(
        record.core_customer_id,
        customer.name if customer is not None else record.core_customer_id,
        email=None if customer is None else customer.email,
        key=f"{parts.instance}:{record.core_customer_id}:customer:0",
    )
    parts.store.keep_fact(_customer_fact(record), made)
    return made, ""


def _find_customer(parts: Parts, record: PushRecord) -> tuple[str | None, str]:
    """The customer that the core, our books or Stripe name; or what is lacking for one."""
    customer = _core_customer(parts, record)
    known = mapped_customer(customer) or parts.store.fact(_customer_fact(record))
    if known is not None:
        return known, ""
    found = parts.stripe.find_customer(record.core_customer_id)
    if found is not None:
        parts.store.keep_fact(_customer_fact(record), found)
        return found, ""
    no_email = customer is None or customer.email is None
    if parts.policy.create_customers and no_email and not parts.policy.auto_charge:
        return None, (
            ", and one cannot be made: Stripe sends an invoice to customers with an "
            "email address only; give the core customer the custom field billing_email"
        )
    return None, ""


def _core_customer(parts: Parts, record: PushRecord) -> CoreCustomer | None:
    name = record.core_customer_id
    return parts.store.customers_by_id([name]).get(name)


def _customer_fact(record: PushRecord) -> str:
    return f"stripe.customer:{record.core_customer_id}"


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
