"""Which core invoice does an ERP document stand for? The first rule that hits is kept.

    1. the core itself names the document: what it delivered, or a copy for revenue
    2. a reference field holds a core invoice id
    3. a reference field holds the id of a Stripe invoice, which names a core invoice
    4. a reference field or the document's number is the number of a Stripe invoice
    5. a reference field holds a core invoice id that the ERP has cut short

Amount, date and customer alone never link anything: that would explain a difference with
a guess.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from state.invoices import CoreInvoice
from state.receivables import STRIPE, DownstreamInvoice
from state.store import Store

# The core's word for a provider, and ours for the system whose ids it gives.
SYSTEMS = {"netsuite": "netsuite", "quickbooks_online": "quickbooks"}
PREFIX_MIN = 18  # digits: of a UUID with dashes, QuickBooks keeps 21 characters of a number
_WORDS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEX = re.compile(r"[0-9a-f]+")
_DASHES_AFTER = (8, 12, 16, 20)


@dataclass(slots=True)
class Links:
    """The linking of one look at one ERP. What takes a walk of the books is made once."""

    store: Store
    _named_by_core: dict[tuple[str, str], str] | None = None
    _stripe_numbers: dict[str, str] | None = None

    def linked(self, documents: Iterable[DownstreamInvoice]) -> Iterator[DownstreamInvoice]:
        """The documents, each with the core invoice it stands for where one is found."""
        some = list(documents)
        words = {one.id: list(_words(one)) for one in some}
        every = {word for of_one in words.values() for word in of_one}
        named = {one.core_invoice_id for one in some if one.core_invoice_id is not None}
        core = self.store.known_ids(every | named)
        stripe = self.store.documents_by_id(STRIPE, every)
        for document in some:
            yield self._linked(document, words[document.id], core, stripe)

    def _linked(
        self,
        document: DownstreamInvoice,
        words: list[str],
        core: set[str],
        stripe: dict[str, DownstreamInvoice],
    ) -> DownstreamInvoice:
        def found(core_id: str, rule: str) -> DownstreamInvoice:
            return replace(document, core_invoice_id=core_id, linked_by=rule)

        for word in words:
            if word in core:
                return found(word, "reference")
        for word in words:
            copied = stripe.get(word)
            if copied is not None and copied.core_invoice_id is not None:
                return found(copied.core_invoice_id, "Stripe id")
        if document.core_invoice_id in core:
            return document
        names = self._core_names()
        named = names.get((document.system, document.id)) or names.get(("", document.id))
        if named is not None:
            return found(named, "core")
        for word in (*words, document.number or ""):
            numbered = self._numbers().get(word)
            if numbered is not None:
                return found(numbered, "Stripe number")
        for word in words:
            whole = self._cut_short(word)
            if whole is not None:
                return found(whole, "reference, cut short")
        if document.core_invoice_id is not None:
            return document  # nobody knows what it names, and no rule knows better
        unknown = next((word for word in words if _UUID.fullmatch(word)), None)
        return document if unknown is None else found(unknown, "reference")

    def _core_names(self) -> dict[tuple[str, str], str]:
        """By system and id; '' stands for a provider of whose ids no system is known."""
        if self._named_by_core is None:
            self._named_by_core = {
                (SYSTEMS.get(provider, ""), name): one.id
                for one in self.store.iter_invoices()
                for provider, name in _named(one)
            }
        return self._named_by_core

    def _numbers(self) -> dict[str, str]:
        if self._stripe_numbers is None:
            self._stripe_numbers = {
                one.number: one.core_invoice_id
                for one in self.store.iter_documents(STRIPE)
                if one.number and one.core_invoice_id is not None
            }
        return self._stripe_numbers

    def _cut_short(self, word: str) -> str | None:
        """The one known id that begins so, its dashes kept or taken out."""
        prefix = with_dashes(word)
        if prefix is None:
            return None
        known = self.store.known_by_prefix(prefix)
        return known[0] if len(known) == 1 else None


def _named(invoice: CoreInvoice) -> Iterator[tuple[str, str]]:
    """The documents that the core names for an invoice, the delivered one last: it wins."""
    yield from ((one, name) for one, name in invoice.copies if one in SYSTEMS)
    delivery = invoice.delivery
    if delivery is not None and delivery.invoice_id is not None:
        yield delivery.provider, delivery.invoice_id


def with_dashes(word: str) -> str | None:
    """The beginning of a UUID as the core writes it; None for what is none."""
    bare = word.lower().replace("-", "")
    if len(bare) < PREFIX_MIN or len(bare) > 32 or not _HEX.fullmatch(bare):  # noqa: PLR2004 - the digits of a UUID
        return None
    cuts = (0, *(cut for cut in _DASHES_AFTER if cut < len(bare)), len(bare))
    return "-".join(bare[a:b] for a, b in pairwise(cuts))


def _words(document: DownstreamInvoice) -> Iterator[str]:
    """Every reference as it stands, and each word in it: "billing:<id>", "Inv. <id>"."""
    for text in document.external_ids:
        yield text
        yield from _WORDS.findall(text)
