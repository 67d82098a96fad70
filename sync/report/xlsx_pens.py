"""How the cells of a workbook look: each format made once, when it is first wanted."""

from typing import Any

from sync.report.document import Kind


class Pens:
    """The formats of the workbook, each made once."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._made: dict[tuple[object, ...], Any] = {}
        self.title = book.add_format({"bold": True, "font_size": 14})
        self.quiet = book.add_format({"font_color": "#555555"})
        self.heading = book.add_format({"bold": True, "font_size": 12})
        self.label = book.add_format({"bold": True, "valign": "top"})
        self.top = book.add_format(
            {
                "bold": True,
                "bottom": 1,
                "text_wrap": True,
                "valign": "top",
                "bg_color": "#E8EEF4",
            }
        )
        self.top_over = book.add_format(
            {"bold": True, "bottom": 1, "valign": "top", "bg_color": "#E8EEF4"}
        )  # over several columns: on one line
        self.top_right = book.add_format(
            {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top", "align": "right", "indent": 1, "bg_color": "#E8EEF4"}
        )  # fmt: skip
        self.wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        self.wrong = book.add_format({"bg_color": "#F8D7DA", "font_color": "#7A1420"})
        self.right = book.add_format({"bg_color": "#DDEFE3", "font_color": "#14532D"})

    def of(self, kind: Kind, decimals: int, *, marked: bool, sums: bool, fill: bool) -> Any:
        """The format of a cell."""
        key = (kind, decimals, marked, sums, fill)
        made = self._made.get(key)
        if made is None:
            look: dict[str, object] = {"valign": "top"}
            if kind is Kind.MONEY:
                look["num_format"] = _money(decimals)
            elif kind is Kind.NUMBER:
                look.update({"num_format": "General", "align": "right", "indent": 1})
            elif kind is Kind.PERCENT:
                look["num_format"] = "0.00%"
            elif kind is Kind.DAY:
                look.update({"num_format": "yyyy-mm-dd", "align": "left"})
            elif kind is Kind.WHOLE:
                look["num_format"] = "0_)"  # room before the next column's text
            else:
                look.update({"num_format": "@", "align": "left"})
            if kind is Kind.TEXT:
                look["text_wrap"] = True
            if marked:
                look["bold"] = True
            if sums:
                look.update({"bold": True, "bottom": 6})
            if fill:
                look["bg_color"] = "#FFF9DB"
            made = self._made[key] = self._book.add_format(look)
        return made


def _money(decimals: int) -> str:
    """The bracket's width is kept free after a positive amount, so that decimals align."""
    figure = "#,##0" + ("." + "0" * decimals if decimals else "")
    return f'{figure}_);({figure});"-"_)'
