"""What a run says of its sources: where they are, what was asked, and a hash of their rows."""

from dataclasses import replace
from hashlib import sha256

import pytest

from sync.settings import Settings, parse
from sync.sources import told
from tests.kept import Kept, core, day, document, memo

YAML = b"""
core: {kind: metronome, token: env:CORE}
stripe: {mode: live, api_key: env:STRIPE, account: acct_1ABCDEFGHIJKLMNO}
erp:
  - {name: books, kind: file, folder: exports}
  - {name: odoo, kind: odoo, base_url: "https://odoo.example.com", database: prod, token: env:ODOO, companies: ["7"]}
  - {name: xero, kind: xero, client_id: abc, client_secret: env:XERO, company: tenant-1}
"""


@pytest.mark.parametrize(
    ("source", "place", "asked"),
    [
        ("core", "https://api.metronome.com", "active and archived"),
        ("stripe", "https://api.stripe.com, mode live, account acct_1ABC", "credit note"),
        ("books", "files in exports", "every export"),
        ("odoo", "https://odoo.example.com, database prod", "memo of company 7;"),
        ("xero", "xero, at its vendor's address", "memo of company tenant-1;"),
        ("gone", "", ""),
    ],
)
def test_each_source_is_told_in_words(source: str, place: str, asked: str) -> None:
    where, what = told(parse(YAML), source)
    assert place in where
    assert asked in what


def test_the_embedded_parts_are_told_too() -> None:
    assert told(Settings(), "core")[0] == "embedded, in .tieout/core"
    assert told(Settings(), "stripe")[0] == "embedded stand-in, mode sandbox"


def test_the_hash_is_that_of_the_canonical_lines() -> None:
    kept = Kept()
    kept.see(
        day(10, 7),
        invoices=(core("b"), core("a", currency=None)),
        documents=(document("stripe", "b"), document("erp", "b", 500, tax_minor=7)),
        memos=(memo("erp", "b", 20), replace(memo("erp", "c", 9), invoice_id=None)),
    )
    expected = {
        "core": "a|FINALIZED||10000\nb|FINALIZED|USD|10000\n",
        "stripe": "stripe_b|OPEN|USD|10000|0|0|10000|b\n",
        "erp": "erp_b|OPEN|USD|500|7|0|500|b\n"
        "cn_erp_b|issued|USD|20|0|erp_b\ncn_erp_c|issued|USD|9|0|\n",
    }
    found = {one.name: one.sha256 for one in kept.run().sources}
    assert found == {
        name: sha256(text.encode()).hexdigest() for name, text in expected.items()
    }
    kept.see(day(10, 8), documents=(document("erp", "b", 501, tax_minor=7),))
    again = {one.name: one.sha256 for one in kept.run().sources}
    assert {name for name in found if found[name] != again[name]} == {"erp"}
    kept.close()
