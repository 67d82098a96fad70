"""The ERPs of config.yaml: one group of keys for each kind of system.

A kind that this version reads stands in `Erp`. A secret is a reference, as everywhere.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from sync.setting_values import Address, Folder, Name, Part, Reference, listed

TEXT_MAX = 200
COMPANIES_MAX = 100
RATE_MAX = 100
ERP_SECRETS = ("token", "client_secret", "private_key", "token_secret")
REDIRECT_URL = "http://localhost:8425/tieout"  # as registered at the vendor


def _currency(value: str) -> str:
    if value and not re.fullmatch(r"[A-Z]{3}", value):
        raise ValueError("must be a currency like USD, in capital letters")
    return value


def _company_number(value: str) -> str:
    if not (value.isascii() and value.isdigit()):
        raise ValueError('must be the id of a company there, a number in quotes like "1"')
    return value


Text = Annotated[str, Field(max_length=TEXT_MAX)]
Currency = Annotated[str, Field(max_length=3), AfterValidator(_currency)]
Companies = Annotated[tuple[Text, ...], BeforeValidator(listed)]
CompanyNumber = Annotated[Text, AfterValidator(_company_number)]
CompanyNumbers = Annotated[tuple[CompanyNumber, ...], BeforeValidator(listed)]


class ErpPart(Part):
    """What every ERP has.

    Where a kind has `show_flags`, it writes a notice where people work, and no more.
    """

    name: Name


class FileErp(ErpPart):
    """Exports that people or programs drop into a folder."""

    kind: Literal["file"]
    folder: Folder
    dates: Literal["iso", "dmy", "mdy"] = "iso"
    currency: Currency = ""  # of rows that name none; '': such a row is refused
    full_snapshot: bool = False
    columns: dict[str, Text] = Field(default_factory=dict)


class OdooErp(ErpPart):
    """Odoo 19 and newer by JSON-2; 14 to 18 by /jsonrpc."""

    kind: Literal["odoo"]
    base_url: Address
    database: Text = ""
    api: Literal["json2", "jsonrpc"] = "json2"
    login: Text = ""  # jsonrpc only: whose key it is
    token: Reference
    companies: CompanyNumbers = Field(default=(), max_length=COMPANIES_MAX)
    show_flags: bool = False


class TrytonErp(ErpPart):
    """Tryton 7.0 and newer, by its REST API and a user application's key."""

    kind: Literal["tryton"]
    base_url: Address
    database: Text
    token: Reference
    companies: CompanyNumbers = Field(default=(), max_length=COMPANIES_MAX)


Id = Annotated[str, Field(min_length=1, max_length=TEXT_MAX)]  # plain, or a reference
Rate = Annotated[int, Field(ge=1, le=RATE_MAX)]


class VendorErp(ErpPart):
    """A vendor's cloud. The addresses are its own unless a stand-in is named."""

    client_id: Id
    base_url: Address = ""
    login_url: Address = ""
    requests_per_second: Rate = 5


class NetsuiteErp(VendorErp):
    """NetSuite by SuiteQL; logs in by a certificate, or by a token as the older way."""

    kind: Literal["netsuite"]
    account: Id
    login: Literal["certificate", "token"] = "certificate"
    certificate_id: Text = ""
    private_key: Reference = ""
    client_secret: Reference = ""  # of a token login: the consumer's
    token_id: Text = ""
    token_secret: Reference = ""
    companies: Companies = Field(default=(), max_length=COMPANIES_MAX)


class QuickbooksErp(VendorErp):
    """QuickBooks Online; a person consents in the browser."""

    kind: Literal["quickbooks"]
    client_secret: Reference
    company: Id
    redirect_url: Address = REDIRECT_URL


class XeroErp(VendorErp):
    """Xero; a person consents in the browser, or a Custom Connection logs in by itself."""

    kind: Literal["xero"]
    client_secret: Reference
    company: Id
    login: Literal["consent", "connection"] = "consent"
    scopes: Text = "accounting.invoices.read accounting.settings.read offline_access"
    redirect_url: Address = REDIRECT_URL
    requests_per_second: Rate = 1
    show_flags: bool = False


class IntacctErp(VendorErp):
    """Sage Intacct by REST; a user of its own, whose name holds the company's."""

    kind: Literal["intacct"]
    client_secret: Reference
    username: Id
    companies: Companies = Field(default=(), max_length=COMPANIES_MAX)


class BusinessCentralErp(VendorErp):
    """Business Central online; an application of Entra."""

    kind: Literal["business_central"]
    client_secret: Reference
    tenant: Id
    environment: Id = "production"
    companies: Companies = Field(default=(), max_length=COMPANIES_MAX)
    requests_per_second: Rate = 10


Erp = Annotated[
    FileErp
    | OdooErp
    | TrytonErp
    | NetsuiteErp
    | QuickbooksErp
    | XeroErp
    | IntacctErp
    | BusinessCentralErp,
    Field(discriminator="kind"),
]


def disagreements(erp: ErpPart) -> Iterator[tuple[str, str]]:
    """Keys of one ERP that are sound alone and not together, each with what to do."""
    if isinstance(erp, NetsuiteErp):
        for key in LOGINS[erp.login]:
            if not getattr(erp, key):
                yield key, f"is needed for login {erp.login}; see docs/erp/netsuite.md"
    if isinstance(erp, XeroErp) and erp.show_flags:
        words = erp.scopes.split()
        if not {"accounting.invoices", "accounting.transactions"} & set(words):
            yield "scopes", "must hold accounting.invoices where show_flags is true"


LOGINS = {
    "certificate": ("certificate_id", "private_key"),
    "token": ("client_secret", "token_id", "token_secret"),
}
