"""Reports of the seed's story, made once for all the tests that only read them."""

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from sync import reporting
from sync.books import AgedBy, Aging
from sync.report.codec import run_text
from sync.report.document import Document
from sync.report.material import Material
from tests.report.bigger import bigger
from tests.report.company import CUTOFF, Company, seed_story, two_registers


@pytest.fixture(scope="session")
def company() -> Iterator[Company]:
    made = seed_story()
    yield made
    made.close()


@pytest.fixture(scope="session")
def material(company: Company) -> Material:
    run = company.reconcile()
    return reporting.of_run(company.store, run, run_text(run)[1], reporting.NAMES)


@pytest.fixture(scope="session")
def beside() -> Iterator[Material]:
    """A run of Stripe and an ERP."""
    made = two_registers()
    run = made.reconcile(at=CUTOFF + timedelta(hours=1))
    yield reporting.of_run(made.store, run, run_text(run)[1], reporting.NAMES)
    made.close()


@pytest.fixture(scope="session")
def much() -> Iterator[Material]:
    """A run of a bigger book, in three currencies, aged as its settings want it."""
    made = bigger()
    run = replace(made.reconcile(), aging=Aging(AgedBy.INVOICE, (10, 31, 45)))
    yield reporting.of_run(made.store, run, run_text(run)[1], reporting.NAMES)
    made.close()


@pytest.fixture(scope="session")
def documents(material: Material) -> dict[str, Document]:
    wish = reporting.Wish(closed=True, internal=True)
    return {name: reporting.document(name, material, wish) for name in reporting.NAMES}


def rendered(document: Document, form: str) -> bytes:
    out = io.BytesIO()
    reporting.write(document, form, out)
    return out.getvalue()
