"""An invoice on paper: A4, as many pages as it takes, the same bytes every time; pure."""

import io
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pydyf

from connectors.localcore import pricing_units
from connectors.localcore.exact import plain
from connectors.localcore.words import EXACT, sum_exact
from state.clock import utc

PAGE_WIDTH, PAGE_HEIGHT = 595, 842  # points, A4
LEFT, RIGHT, TOP = 48, 547, 794
ROW = 15
ROWS_FIRST, ROWS_NEXT = 34, 44
INK, GREY, RULE, RED = (
    (0.1, 0.1, 0.12),
    (0.45, 0.45, 0.5),
    (0.8, 0.8, 0.83),
    (0.7, 0.1, 0.1),
)
_NAME, _DATES, _QUANTITY, _PRICE, _AMOUNT = LEFT, 268, 402, 470, RIGHT
_WIDTHS = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278"
    " 556 556 556 556 556 556 556 556 556 556 278 278 584 584 584 556"
    " 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778"
    " 667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556"
    " 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556"
    " 556 556 333 500 278 556 500 722 500 500 500 334 260 334 584"
)
HELVETICA = {chr(32 + place): int(width) for place, width in enumerate(_WIDTHS.split())}
"""How wide Helvetica's characters are, in thousandths of its size (Adobe's metrics)."""
OTHER_WIDTH = 611
BOLD_LETTER = 55  # how much wider a letter is in bold; digits are the same


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """The width of a text in points; that of a bold one is an estimate."""
    width = sum(HELVETICA.get(char, OTHER_WIDTH) for char in text)
    if bold:
        width += BOLD_LETTER * sum(char.isalpha() for char in text)
    return width * size / 1000


def fitted(text: str, size: float, width: float) -> str:
    """The text, cut with an ellipsis so that it fits."""
    if width_of(text, size) <= width:
        return text
    while text and width_of(text + "...", size) > width:
        text = text[:-1]
    return text.rstrip() + "..."


def money(amount: Decimal | int, unit: pricing_units.PricingUnit) -> str:
    """An amount as a person writes it: 1,234.50; fractions of a cent stay."""
    digits = plain(EXACT.scaleb(Decimal(amount), -unit.scale))
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    whole, _, part = digits.partition(".")
    places = 0 if unit.currency in {"JPY", ""} else 2
    part = part.ljust(places, "0")
    return f"{sign}{int(whole):,}{'.' if part else ''}{part}"


class _Sheet:
    """One page that is being written."""

    def __init__(self) -> None:
        self.stream = pydyf.Stream()

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 9,
        bold: bool = False,
        colour: tuple[float, float, float] = INK,
        right: bool = False,
    ) -> None:
        """Write a text; with `right` it ends at x. What WinAnsi lacks becomes `?`."""
        stream = self.stream
        stream.set_color_rgb(*colour)
        stream.begin_text()
        stream.set_font_size("B" if bold else "R", size)
        begin = x - width_of(text, size, bold=bold) if right else x
        stream.set_text_matrix(1, 0, 0, 1, round(begin, 2), y)
        raw = text.encode("cp1252", "replace").hex()
        stream.show_text(f"<{raw}>")
        stream.end_text()

    def rule(self, y: float) -> None:
        """A line across the page."""
        self.stream.set_color_rgb(*RULE, stroke=True)
        self.stream.set_line_width(0.6)
        self.stream.move_to(LEFT, y)
        self.stream.line_to(RIGHT, y)
        self.stream.stroke()


def render(invoice: Mapping[str, Any], customer: str) -> bytes:
    """The PDF of an invoice as the core shows it."""
    unit = pricing_units.unit(invoice["credit_type"]["id"])
    rows = list(invoice["line_items"])
    chunks = [rows[:ROWS_FIRST]]
    rest = rows[ROWS_FIRST:]
    chunks += [rest[at : at + ROWS_NEXT] for at in range(0, len(rest), ROWS_NEXT)]
    sheets: list[_Sheet] = []
    for number, chunk in enumerate(chunks, 1):
        sheet = _Sheet()
        y = _head(sheet, invoice, customer) if number == 1 else TOP
        y = _table(sheet, y, chunk, unit)
        if number == len(chunks):
            _totals(sheet, y, invoice, unit)
        foot = f"{invoice['id']}   page {number} of {len(chunks)}"
        sheet.text(LEFT, 36, foot, size=7.5, colour=GREY)
        sheets.append(sheet)
    return _bytes(sheets)


def _day(value: Any) -> str:
    moment = utc(value) if isinstance(value, str) else value
    return "" if moment is None else f"{moment:%Y-%m-%d}"


def _facts(invoice: Mapping[str, Any], customer: str) -> Iterator[tuple[str, str]]:
    yield "Customer", customer
    yield "Customer id", str(invoice["customer_id"])
    yield "Contract", str(invoice["contract_id"])
    if invoice.get("start_timestamp") is not None:
        period = (
            f"{_day(invoice['start_timestamp'])} until {_day(invoice['end_timestamp'])}"
        )
        yield "Period (end exclusive)", period
    if invoice.get("issued_at") is not None:
        yield "Issued", _day(invoice["issued_at"])
    if invoice.get("net_payment_terms_days") is not None:
        yield "Payment terms", f"net {invoice['net_payment_terms_days']} days"
    if invoice.get("regenerated_from_invoice_id") is not None:
        yield "Replaces void invoice", str(invoice["regenerated_from_invoice_id"])


def _head(sheet: _Sheet, invoice: Mapping[str, Any], customer: str) -> float:
    status = str(invoice["status"])
    sheet.text(LEFT, TOP - 12, "Invoice", size=22, bold=True)
    colour = RED if status == "VOID" else GREY
    sheet.text(RIGHT, TOP - 10, status, size=13, colour=colour, right=True)
    sheet.text(LEFT, TOP - 30, str(invoice["id"]), colour=GREY)
    y: float = TOP - 56
    for name, value in _facts(invoice, customer):
        sheet.text(LEFT, y, name, colour=GREY)
        sheet.text(LEFT + 116, y, fitted(value, 9, RIGHT - LEFT - 116))
        y -= 13
    return y - 14


def _table(
    sheet: _Sheet,
    y: float,
    lines: Sequence[Mapping[str, Any]],
    unit: pricing_units.PricingUnit,
) -> float:
    sheet.text(_NAME, y, "Description", size=8, bold=True)
    sheet.text(_DATES, y, "Period", size=8, bold=True)
    sheet.text(_QUANTITY, y, "Quantity", size=8, bold=True, right=True)
    sheet.text(_PRICE, y, "Unit price", size=8, bold=True, right=True)
    name = unit.currency or unit.name
    sheet.text(_AMOUNT, y, f"Amount {name}", size=8, bold=True, right=True)
    sheet.rule(y - 5)
    y -= ROW + 3
    for line in lines:
        total = Decimal(line["total"])
        colour = RED if total < 0 else INK
        sheet.text(_NAME, y, fitted(str(line["name"]), 8.5, _DATES - _NAME - 8), size=8.5)
        if line.get("starting_at") is not None:
            dates = f"{_day(line['starting_at'])} - {_day(line['ending_before'])}"
            sheet.text(_DATES, y, dates, size=7.5, colour=GREY)
        if line.get("quantity") is not None:
            quantity = fitted(plain(Decimal(line["quantity"])), 8.5, 62)
            sheet.text(_QUANTITY, y, quantity, size=8.5, right=True)
        if line.get("unit_price") is not None:
            price = fitted(money(line["unit_price"], unit), 8.5, 62)
            sheet.text(_PRICE, y, price, size=8.5, right=True)
        sheet.text(_AMOUNT, y, money(total, unit), size=8.5, colour=colour, right=True)
        y -= ROW
    return y


def _totals(
    sheet: _Sheet, y: float, invoice: Mapping[str, Any], unit: pricing_units.PricingUnit
) -> None:
    applied = sum_exact(
        Decimal(line["total"])
        for line in invoice["line_items"]
        if line["type"] == "applied_commit_or_credit"
    )
    total = Decimal(invoice["total"])
    sheet.rule(y + 8)
    y -= 8
    if applied:
        sheet.text(_PRICE, y, "Charges", right=True, colour=GREY)
        sheet.text(_AMOUNT, y, money(EXACT.subtract(total, applied), unit), right=True)
        y -= ROW
        sheet.text(_PRICE, y, "Credits applied", right=True, colour=GREY)
        sheet.text(_AMOUNT, y, money(applied, unit), right=True)
        y -= ROW
    shown = money(total, unit)
    edge = min(_PRICE, _AMOUNT - 12 - width_of(shown, 11, bold=True))
    name = f"Total {unit.currency or unit.name}"
    sheet.text(edge, y - 3, name, size=11, bold=True, right=True)
    sheet.text(_AMOUNT, y - 3, shown, size=11, bold=True, right=True)


def _bytes(sheets: Sequence[_Sheet]) -> bytes:
    document = pydyf.PDF()
    fonts = {}
    for key, name in (("R", "Helvetica"), ("B", "Helvetica-Bold")):
        font = pydyf.Dictionary(
            {
                "Type": "/Font",
                "Subtype": "/Type1",
                "BaseFont": f"/{name}",
                "Encoding": "/WinAnsiEncoding",
            }
        )
        document.add_object(font)
        fonts[key] = font.reference
    for sheet in sheets:
        document.add_object(sheet.stream)
        page = pydyf.Dictionary(
            {
                "Type": "/Page",
                "Parent": document.pages.reference,
                "MediaBox": pydyf.Array([0, 0, PAGE_WIDTH, PAGE_HEIGHT]),
                "Contents": sheet.stream.reference,
                "Resources": pydyf.Dictionary({"Font": pydyf.Dictionary(fonts)}),
            }
        )
        document.add_page(page)
    output = io.BytesIO()
    document.write(output)
    return output.getvalue()
