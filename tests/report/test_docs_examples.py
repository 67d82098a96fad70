"""The worked examples in docs/reconciliation.md: each figure is computed and compared."""

import re
from pathlib import Path

import pytest

from state.money import display
from sync.chains import Version, chain_findings
from sync.classify import CoreSide, Kind, Leg, Memo, classify_leg

PAGE = (Path(__file__).parent.parent.parent / "docs/reconciliation.md").read_text()
TOLERANCE = 1
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| [A-Z_]{5,} \|", line)
]
EXAMPLES = [row for row in ROWS if len(row) == 10]
CHAINS = [row for row in ROWS if len(row) == 4]
NOT_IN_THE_TABLES = {Kind.DUPLICATE_DOWNSTREAM, Kind.LINK_CONFLICT}


def minor(text: str) -> int:
    found = re.search(r"\(?[\d,]+\.\d\d\)?", text)
    if found is None:
        return 0
    digits = re.sub(r"\D", "", found[0])
    return -int(digits) if found[0].startswith("(") else int(digits)


def currency(text: str) -> str:
    return "EUR" if "EUR" in text else "USD"


def test_every_kind_has_its_example() -> None:
    shown = {row[0] for row in (*EXAMPLES, *CHAINS)}
    assert shown == set(Kind) - NOT_IN_THE_TABLES
    for kind in NOT_IN_THE_TABLES:
        assert kind in PAGE


@pytest.mark.parametrize("row", EXAMPLES, ids=lambda row: str(row[0]))
def test_an_example_is_true(row: list[str]) -> None:
    kind, _, core, downstream, memos, *figures = row
    status = downstream.partition(",")[0].split()[0]
    leg = Leg(
        status, minor(downstream), currency(downstream),
        (Memo("m", minor(memos), currency(downstream)),) if minor(memos) else (),
        push_pending="push under way" in downstream,
    )  # fmt: skip
    side = CoreSide(core.split()[0], minor(core), currency(core))
    found = classify_leg(side, leg, TOLERANCE)
    assert found.kind == kind
    parts = (
        found.net_variance,
        found.rounding,
        found.explained,
        found.unexplained,
        found.closed,
    )
    assert figures == [display(one, "USD") for one in parts]
    assert parts[0] == sum(parts[1:4])


@pytest.mark.parametrize("row", CHAINS, ids=lambda row: str(row[0]))
def test_an_example_across_versions_is_true(row: list[str]) -> None:
    kind, _, versions, exposure = row
    made: list[Version] = []
    for number, text in enumerate(versions.split(";")):
        core, _, downstream = text.partition("→")
        status, amount = core.split()[0], minor(core)
        live = "nothing" not in downstream
        made.append(
            Version(
                f"v{number}", status, f"v{number - 1}" if number else None,
                amount if status == "FINALIZED" else 0, minor(downstream), live,
                "paid" in downstream,
            )
        )  # fmt: skip
    found = {one.kind: one.exposure for one in chain_findings(made)}
    assert display(found[Kind(kind)], "USD") == exposure
