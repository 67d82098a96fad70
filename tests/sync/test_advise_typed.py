"""A file of corrected events: what is taken from it, and what is refused in one line."""

from decimal import Decimal
from pathlib import Path

import pytest

from sync.commands.advise_typed import events_in
from sync.commands.options import Unusable


def with_properties(told: str) -> str:
    event = '"customer_id": "acme", "event_type": "t", "timestamp": "2026-07-01"'
    return f'[{{{event}, "properties": {told}}}]'


def read(folder: Path, text: str) -> list[tuple[str, dict[str, str]]]:
    path = folder / "events.json"
    path.write_text(text)
    return [(one.transaction_id, dict(one.properties)) for one in events_in(path, "ci_1")]


def test_numbers_keep_every_digit_and_an_event_without_an_id_gets_one(
    tmp_path: Path,
) -> None:
    told = '{"n": 0.10000000000000000001, "ok": true, "of": "x"}'
    wanted = {"n": str(Decimal("0.10000000000000000001")), "ok": "true", "of": "x"}
    assert read(tmp_path, with_properties(told)) == [("ci_1-corrected-1", wanted)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[", "cannot be read as JSON"),
        (with_properties('{"n": NaN}'), "NaN is no number"),
        (with_properties('{"n": Infinity}'), "Infinity is no number"),
        ("[]", "must hold a list of 1 to"),
        ('{"n": 1}', "must hold a list of 1 to"),
        ('[{"odd": 1}]', "event 1 may hold"),
        (with_properties('{"n": null}'), "event 1: properties must be plain"),
        (with_properties("{}").replace("2026-07-01", "then"), "event 1: timestamp"),
    ],
)
def test_what_is_no_event_is_one_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(Unusable, match=why):
        read(tmp_path, text)
