"""The ERPs of config.yaml: one group of keys for each kind of system.

A kind that this version reads stands in `Erp`. A secret is a reference, as everywhere.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from sync.setting_values import Address, Folder, Name, Part, Reference, listed

TEXT_MAX = 200
COMPANIES_MAX = 100


def _currency(value: str) -> str:
    if value and not re.fullmatch(r"[A-Z]{3}", value):
        raise ValueError("must be a currency like USD, in capital letters")
    return value


Text = Annotated[str, Field(max_length=TEXT_MAX)]
Currency = Annotated[str, Field(max_length=3), AfterValidator(_currency)]
Companies = Annotated[tuple[Text, ...], BeforeValidator(listed)]


class ErpPart(Part):
    """What every ERP has. `show_flags` writes a notice where people work, and no more."""

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
    companies: Companies = Field(default=(), max_length=COMPANIES_MAX)
    show_flags: bool = False


class TrytonErp(ErpPart):
    """Tryton 7.0 and newer, by its REST API and a user application's key."""

    kind: Literal["tryton"]
    base_url: Address
    database: Text
    token: Reference
    companies: Companies = Field(default=(), max_length=COMPANIES_MAX)


Erp = Annotated[FileErp | OdooErp | TrytonErp, Field(discriminator="kind")]
