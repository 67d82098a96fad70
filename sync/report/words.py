"""What each classification means and what to do about it, in an accountant's words."""

from collections.abc import Mapping

from sync.classify import SEVERITY, Kind

KINDS: Mapping[str, str] = {
    Kind.NOT_CONFIGURED: "there is no such register",
    Kind.NOT_DUE: "the core has no final invoice, and nothing stands downstream",
    Kind.VOID_NEVER_PUSHED: "voided in the core before anything stood downstream",
    Kind.IGNORED_CLOSED: "void or deleted downstream, and not final in the core",
    Kind.ZERO_NOT_PUSHED: "its total is zero, and it is not downstream",
    Kind.MATCHED: "equal",
    Kind.VOIDED_BOTH: "void in the core, and void or deleted downstream",
    Kind.CREDITED_IN_FULL: "not due in the core, and memos take all of it downstream",
    Kind.ROUNDING: "the difference is within the rounding tolerance",
    Kind.EXPLAINED_BY_MEMO: "below the core by exactly what memos credit",
    Kind.CORRECTED_BY_MEMO: "was billed too much; memos repaired it in full",
    Kind.PUSH_PENDING: "on its way to Stripe",
    Kind.AWAITING_FINALIZATION: "a draft downstream, of the right amount",
    Kind.OVER_CREDITED: "memos repaired a variance, and credit more besides",
    Kind.PARTIALLY_CORRECTED: "was billed too much; memos repaired some of it",
    Kind.NOT_IN_CORE: "stands downstream and names an invoice that the core does not know",
    Kind.PREMATURE: "stands downstream while the core still drafts it",
    Kind.MEMO_EXCEEDS_INVOICE: "memos credit more than the document's gross",
    Kind.MEMO_ON_VOID: "a memo stands on a void or deleted document",
    Kind.NEGATIVE_INVOICE: "the core owes the customer; it is never pushed",
    Kind.UNDERBILLED: "below the core, and no memo says why",
    Kind.OVERBILLED: "above the core, and no memo repairs it",
    Kind.DRAFT_MISMATCH: "a draft downstream, of another amount",
    Kind.VOIDED_DOWNSTREAM_ONLY: "alive in the core, voided by hand downstream",
    Kind.MISSING_DOWNSTREAM: "final in the core, and nowhere downstream",
    Kind.CURRENCY_MISMATCH: "in another currency than the core's; nothing is netted",
    Kind.VOID_PENDING_DRAFT: "void in the core; a draft downstream is to be deleted",
    Kind.VOID_PENDING_PARTIAL_MEMO: "void in the core, open downstream, memos take some of it",
    Kind.VOID_PENDING: "void in the core, open downstream",
    Kind.VOID_BLOCKED_PART_PAID: "void in the core, part paid downstream",
    Kind.VOID_BLOCKED_PAID: "void in the core, paid downstream",
    Kind.LINK_CONFLICT: "two core invoices lay claim to one document",
    Kind.DUPLICATE_DOWNSTREAM: "more than one live document for one core invoice",
    Kind.VOIDED_NOT_REBILLED: "the last version is void and nothing took its place",
    Kind.REPLACEMENT_OF_PAID: "a replacement waits beside a paid original",
    Kind.BROKEN_LINEAGE: "a version does not name the one before it, or two are alive",
    Kind.DOUBLE_BILLED: "the customer holds two documents for one debt",
}

_ACTIONS: Mapping[str, str] = {
    Kind.PUSH_PENDING: "Wait for the next pass, then reconcile again.",
    Kind.AWAITING_FINALIZATION: "Finalize the draft downstream.",
    Kind.PARTIALLY_CORRECTED: "Issue a credit memo for the rest.",
    Kind.NOT_IN_CORE: "Find out who made the document; void it or credit it in full.",
    Kind.PREMATURE: "Wait for the core to finalize, or void the document.",
    Kind.MEMO_EXCEEDS_INVOICE: "Void or correct the memo.",
    Kind.MEMO_ON_VOID: "Void the memo: its invoice is void already.",
    Kind.NEGATIVE_INVOICE: "Write a credit memo in receivables.",
    Kind.UNDERBILLED: "Ask the core's owner; a memo with its reason explains it.",
    Kind.OVERBILLED: "Issue a credit memo, or void and bill again.",
    Kind.DRAFT_MISMATCH: "Delete the draft and let it be pushed again.",
    Kind.VOIDED_DOWNSTREAM_ONLY: "Void it in the core too, or let it be pushed again.",
    Kind.MISSING_DOWNSTREAM: "See why the push stopped: tieout push list.",
    Kind.CURRENCY_MISMATCH: "Void the document and bill in the core's currency.",
    Kind.VOID_PENDING_DRAFT: "Delete the draft downstream.",
    Kind.VOID_PENDING_PARTIAL_MEMO: "Void the document, or credit the rest.",
    Kind.VOID_PENDING: "Void the document downstream.",
    Kind.VOID_BLOCKED_PART_PAID: "Issue a credit memo for all of it: a void is not possible.",
    Kind.VOID_BLOCKED_PAID: "Issue a credit memo for all of it: a void is not possible.",
    Kind.LINK_CONFLICT: "Say which core invoice the document stands for.",
    Kind.DUPLICATE_DOWNSTREAM: "Keep one document and void the others.",
}


def action_for(kind: str) -> str:
    """What a person should do about a row."""
    return _ACTIONS.get(kind, "Look at the row.")


def priority_of(kind: str) -> int:
    """1 is the most urgent: the customer is asked for what is not owed."""
    rank = SEVERITY[kind]
    if rank >= SEVERITY[Kind.VOID_PENDING_DRAFT]:
        return 1
    return 2 if rank >= SEVERITY[Kind.NEGATIVE_INVOICE] else 3
