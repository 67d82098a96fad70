"""A chart as SVG, for a page and for paper; its words stand beside it for who cannot see it."""

import re
import sys
from decimal import Decimal
from html import escape
from typing import Any

from sync.report.cells import places, printable
from sync.report.document import Chart

COLOURS = ("#2f6f9f", "#b9472f", "#8a8a8a")
HEIGHT = 260
AIR = 0.2  # of a bar's place, on both sides of it
LEAST, MOST, EACH = 420, 760, 90  # the width, by how many labels there are
# What pygal adds that a page without script, and a file of stable bytes, cannot have.
_EXTRA = re.compile(
    r'<!--.*?-->|<script.*?</script>|<desc.*?</desc>| id="activate[^"]*"', re.DOTALL
)


def svg(chart: Chart, *, ink: str = "currentColor") -> str:
    """The chart as one SVG element. The same chart gives the same text."""
    pygal = _library()
    from pygal.etree import etree
    from pygal.style import Style

    etree.to_etree()  # whether lxml is installed or not, the same bytes
    style = Style(
        background="transparent",
        plot_background="transparent",
        foreground=ink,
        foreground_strong=ink,
        foreground_subtle="#8a8a8a",
        opacity="1",
        opacity_hover="1",
        transition="0s",
        colors=COLOURS,
        font_family="sans-serif",
        guide_stroke_color="#8a8a8a",
        major_guide_stroke_color="#8a8a8a",
        label_font_size=12,
        major_label_font_size=12,
        legend_font_size=12,
    )
    kind = pygal.StackedBar if chart.stacked else pygal.Bar
    slim = type("Slim", (kind,), {"_series_margin": AIR})
    drawn = slim(
        style=style,
        js=[],
        disable_xml_declaration=True,
        explicit_size=True,
        width=max(LEAST, min(MOST, EACH * len(chart.labels) + 150)),
        height=HEIGHT,
        legend_at_bottom=True,
        legend_at_bottom_columns=1,
        margin=8,
        show_legend=len(chart.series) > 1,
        formatter=_figure,
        value_formatter=_figure,
        truncate_legend=-1,
        max_scale=6,
    )
    drawn.uuid = f"c-{chart.key}"
    drawn.x_labels = [printable(label) for label in chart.labels]
    decimals = places(chart.currency)
    for one in chart.series:
        amounts = [Decimal(minor).scaleb(-decimals) for minor in one.minor]
        drawn.add(printable(one.name), amounts)
    text = _EXTRA.sub("", drawn.render(is_unicode=True))
    words = escape(printable(chart.words), quote=True)
    return text.replace(
        "<svg ", f'<svg role="img" aria-label="{escape(chart.title)}. {words}" ', 1
    )


def _library() -> Any:
    """Pygal, without its finder of plug-ins: that one is older than today's importing."""
    import pygal

    sys.meta_path[:] = [
        one for one in sys.meta_path if not isinstance(one, pygal.PluginImportFixer)
    ]
    return pygal


def _figure(value: Decimal | int | None) -> str:
    """A figure on the axis: whole units are enough there."""
    return "" if value is None else f"{value:,.0f}"
