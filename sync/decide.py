"""What should be pushed: each core invoice's route, decided from recorded facts.

Pure. Nothing here asks anyone anything: a customer we do not know yet is resolved by the
push itself, and comes back as the flag MISSING_MAPPING when nobody knows it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from connectors.ports import CurrencyRule
from state.invoices import CoreCustomer, CoreInvoice, CoreStatus
from state.pushes import PushRecord, PushState
from state.receivables import STRIPE, CreditMemo, DocumentStatus, DownstreamInvoice
from sync.lines import draft_lines, foots


class Delivery(StrEnum):
    """Who brings invoices to Stripe (configuration: stripe.delivery)."""

    AUTO = "auto"  # we do, except where the core does it itself
    PUSH = "push"  # we do
    OBSERVE = "observe"  # the core does; we match, flag and reconcile


@dataclass(frozen=True, slots=True)
class Policy:
    """The choices of the configuration that decisions rest on."""

    delivery: Delivery = Delivery.AUTO
    finalize: bool = True
    skip_zero: bool = True  # also below Stripe's minimum charge
    hold_replacement_of_paid: bool = True
    create_customers: bool = False
    auto_charge: bool = False
    days_until_due: int | None = 30
    push_cap_count: int = 500  # pushes begun in one pass; more needs a person
    push_cap_minor: int = 100_000_000  # and their sum, in any one currency
    tolerance_minor: int = 1
    annotate: bool = True  # show a flag in the Stripe invoice's metadata


@dataclass(frozen=True, slots=True)
class Held:
    """A downstream document with its memos."""

    document: DownstreamInvoice
    memos: tuple[CreditMemo, ...] = ()

    @property
    def credited_minor(self) -> int:
        """What applied memos in the document's currency take off, each once."""
        counted = {
            memo.id: memo.amount_minor
            for memo in self.memos
            if memo.explains and memo.currency == self.document.currency
        }
        return sum(counted.values())

    @property
    def exposure_minor(self) -> int:
        """What the customer is asked for, or has paid, ex tax. A draft asks for nothing."""
        if not self.document.status.posted:
            return 0
        return max(self.document.gross_minor - self.credited_minor, 0)


@dataclass(frozen=True, slots=True)
class Case:
    """Everything recorded about one core invoice, as decisions see it."""

    core_invoice_id: str
    invoice: CoreInvoice | None = None
    customer: CoreCustomer | None = None
    record: PushRecord | None = None
    documents: tuple[Held, ...] = ()
    ancestors: tuple[Held, ...] = ()  # Stripe documents of what it was regenerated from
    successor: str | None = None  # the core invoice regenerated from this one
    successor_live: frozenset[str] = frozenset()  # targets where a successor stands
    payer: CoreCustomer | None = None  # where another customer pays for it, and is known
    rivals: tuple[str, ...] = ()  # core invoices of the same lines that are billed already
    anomaly: str | None = None  # what the core changed unlawfully; None: not read just now

    @property
    def bill_to(self) -> CoreCustomer | None:
        """Whose invoice it is in Stripe: the customer's own, or that of who pays for it."""
        pays_itself = self.invoice is None or self.invoice.payer_id is None
        return self.customer if pays_itself else self.payer

    def on(self, target: str) -> tuple[Held, ...]:
        """Its documents in one system."""
        return tuple(held for held in self.documents if held.document.target == target)

    def live_on(self, target: str) -> list[Held]:
        """Its live documents in one system: first the one that stays, ours or the oldest."""
        ours = self.record.document_id if self.record is not None else None
        return sorted(
            (held for held in self.on(target) if held.document.status.live),
            key=lambda held: (
                held.document.id != ours,
                held.document.created_at is None,
                held.document.created_at,
                held.document.id,
            ),
        )


def decide_push(case: Case, policy: Policy, rule: CurrencyRule | None) -> PushRecord | None:
    """The push record this case should have now; None leaves things as they are."""
    invoice, record = case.invoice, case.record
    if invoice is None:
        return None
    if record is not None:
        return _reconsider(case, invoice, record, policy, rule)
    if invoice.status is not CoreStatus.FINALIZED:
        return None
    lines = 0
    pushed = invoice.total_minor
    if rule is not None and foots(invoice):
        drafted = draft_lines(invoice, rule)
        lines, pushed = len(drafted.lines), drafted.total_minor
    fresh = PushRecord(
        core_invoice_id=invoice.id,
        core_customer_id=invoice.payer_id or invoice.customer_id,
        state=PushState.PENDING,
        currency=invoice.currency or "",
        total_minor=invoice.total_minor,
        pushed_minor=pushed,
        lines=lines,
        customer_id=mapped_customer(case.bill_to),
        regenerated_from=invoice.regenerated_from,
        replaces=_replaced_document(case),
    )
    if (reason := _not_ours(case, invoice, policy)) is not None:
        return replace(fresh, state=PushState.SKIPPED, reason=reason)
    if (stop := _not_billable(invoice, pushed, policy, rule)) is not None:
        return replace(fresh, state=stop[0], reason=stop[1], detail=stop[2])
    if case.rivals:
        return _billed_elsewhere(fresh, case.rivals)
    if policy.hold_replacement_of_paid and paid_ancestor(case) is not None:
        return replace(fresh, state=PushState.HELD, reason="REPLACEMENT_OF_PAID")
    return fresh


def anomaly(before: CoreInvoice | None, after: CoreInvoice) -> str:
    """What in a new reading the core's own life cycle forbids; '' when nothing.

    Metronome: a finalized invoice is immutable, and void is final. Drafts move freely.
    """
    if before is None or before.status in {CoreStatus.DRAFT, CoreStatus.ABSENT}:
        return ""
    if before.status is CoreStatus.VOID and after.status is not CoreStatus.VOID:
        return f"it was VOID and is now {after.status}"
    if after.status not in {CoreStatus.FINALIZED, CoreStatus.VOID}:
        return f"it was {before.status} and is now {after.status}"
    if before.customer_id != after.customer_id:
        return f"it moved from customer {before.customer_id} to {after.customer_id}"
    if (before.exact_minor, before.currency) != (after.exact_minor, after.currency):
        return (
            f"its total was {before.exact_minor} {before.currency} and is now "
            f"{after.exact_minor} {after.currency} (minor units)"
        )
    return ""


def mapped_customer(customer: CoreCustomer | None) -> str | None:
    """The Stripe customer that the core itself names: custom field first, then billing."""
    if customer is None:
        return None
    return customer.stripe_customer_field or customer.stripe_billing_customer


def paid_ancestor(case: Case) -> Held | None:
    """A document of an earlier version that took money and is not credited in full."""
    for held in case.ancestors:
        took_money = held.document.status in {DocumentStatus.PAID, DocumentStatus.PART_PAID}
        if took_money and held.exposure_minor > 0:
            return held
    return None


def _reconsider(
    case: Case,
    invoice: CoreInvoice,
    record: PushRecord,
    policy: Policy,
    rule: CurrencyRule | None,
) -> PushRecord | None:
    """A record moves here only where new facts open what was shut, or end it."""
    if invoice.status is CoreStatus.VOID and _rests_unasked(case, record):
        return replace(record, state=PushState.CANCELLED, reason="", detail="")
    if (reason := _not_ours_any_more(case, invoice, record, policy)) is not None:
        return replace(record, state=PushState.SKIPPED, reason=reason, detail="")
    if record.state is PushState.HELD and (
        not policy.hold_replacement_of_paid or paid_ancestor(case) is None
    ):
        return replace(record, state=PushState.PENDING, reason="")
    if record.state is PushState.SKIPPED and record.reason == "MISSING_MAPPING":
        customer = mapped_customer(case.bill_to)
        if customer is not None:
            return replace(
                record, state=PushState.PENDING, reason="", detail="", customer_id=customer
            )
    if record.state is PushState.PENDING and case.rivals:
        return _billed_elsewhere(record, case.rivals)
    if record.state is PushState.PENDING:
        # Nothing was asked under its present key, so its terms are still open.
        released = record.generation > 0  # a person let it go
        if policy.hold_replacement_of_paid and not released and paid_ancestor(case):
            return replace(record, state=PushState.HELD, reason="REPLACEMENT_OF_PAID")
        if released and (stop := _unbillable_still(invoice, record, policy, rule)):
            return stop
        customer = mapped_customer(case.bill_to) or record.customer_id
        replaces = _replaced_document(case)
        if (customer, replaces) != (record.customer_id, record.replaces):
            return replace(record, customer_id=customer, replaces=replaces)
    return None


def _rests_unasked(case: Case, record: PushRecord) -> bool:
    """It waits for a person, nothing was ever asked for it, and nothing of it is in Stripe."""
    if record.state is PushState.HELD:
        return True
    unmapped = record.state is PushState.SKIPPED and record.reason == "MISSING_MAPPING"
    if record.state is not PushState.QUARANTINED and not unmapped:
        return False
    return record.tried == 0 and record.document_id is None and not case.on(STRIPE)


def _not_ours_any_more(
    case: Case, invoice: CoreInvoice, record: PushRecord, policy: Policy
) -> str | None:
    """Why one that still waits for its first request is somebody else's by now.

    A person may let go what the core delivers, but nothing while we only observe.
    """
    waits = record.state in {PushState.HELD, PushState.PENDING} or (
        record.state is PushState.SKIPPED and record.reason == "MISSING_MAPPING"
    )
    released = record.generation > 0 and policy.delivery is not Delivery.OBSERVE
    return _not_ours(case, invoice, policy) if waits and not released else None


def _unbillable_still(
    invoice: CoreInvoice, record: PushRecord, policy: Policy, rule: CurrencyRule | None
) -> PushRecord | None:
    """A person may let go what the policy had left out, never what cannot be billed."""
    asked_for = replace(policy, skip_zero=False)
    stop = _not_billable(invoice, record.pushed_minor, asked_for, rule)
    if stop is None:
        return None
    return replace(record, state=stop[0], reason=stop[1], detail=stop[2])


def _not_ours(case: Case, invoice: CoreInvoice, policy: Policy) -> str | None:
    """Something else delivers it, or bills the same. To push as well would bill it twice."""
    if policy.delivery is Delivery.OBSERVE:
        return "OBSERVED"
    if invoice.delivery is not None:
        return "NATIVE_DELIVERY"
    if not invoice.billable:
        return "UNBILLABLE"
    if invoice.consolidated_in is not None:  # its lines go out on that one
        return "CONSOLIDATED"
    if policy.delivery is Delivery.AUTO and case.bill_to is not None:
        contract = invoice.payer_contract_id or invoice.contract_id
        if contract is not None and contract in case.bill_to.native_contracts:
            return "NATIVE_DELIVERY"
    return None


def _billed_elsewhere(record: PushRecord, rivals: tuple[str, ...]) -> PushRecord:
    """Metronome: a consolidated invoice and its constituents have the same lines."""
    why = f"its lines are billed already, by {', '.join(rivals)}"
    return replace(
        record, state=PushState.QUARANTINED, reason="BILLED_ELSEWHERE", detail=why
    )


def _not_billable(
    invoice: CoreInvoice, pushed: int, policy: Policy, rule: CurrencyRule | None
) -> tuple[PushState, str, str] | None:
    """Amounts that Stripe must not, need not, or cannot be asked to bill."""
    skipped, stopped = PushState.SKIPPED, PushState.QUARANTINED
    if invoice.currency is None:
        return skipped, "CUSTOM_UNIT", "a custom pricing unit is not money"
    if invoice.total_minor < 0:
        return skipped, "NEGATIVE_INVOICE", "the core owes the customer: credit memo in A/R"
    if rule is None:
        return stopped, "CURRENCY", f"Stripe cannot bill in {invoice.currency}"
    if policy.skip_zero and pushed < max(rule.minimum_minor, 1):
        return skipped, "ZERO_TOTAL" if pushed == 0 else "BELOW_MINIMUM", ""
    if pushed > rule.maximum_minor:
        return (
            stopped,
            "OVER_LIMIT",
            f"Stripe bills at most {rule.maximum_minor} minor units",
        )
    if not foots(invoice):
        return stopped, "LINES_DO_NOT_FOOT", "the core's lines do not sum to its total"
    return None


def _replaced_document(case: Case) -> str | None:
    return case.ancestors[0].document.id if case.ancestors else None
