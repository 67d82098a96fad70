"""Numbers, pages and instants keep exactly what they were given."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.localcore import exact, moments, paging
from connectors.localcore.errors import BadRequest

AMOUNTS = st.decimals(
    min_value=Decimal("-1e20"), max_value=Decimal("1e20"), allow_nan=False, places=9
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text() | AMOUNTS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_is_read_back_equal(value: Any) -> None:
    assert exact.loads(exact.dumps(value)) == value
    assert exact.recall(exact.dumps(value)) == value


@given(VALUES)
def test_what_is_written_is_json_for_everybody(value: Any) -> None:
    plain = json.loads(exact.dumps(value), parse_float=Decimal)
    assert plain == value


@given(AMOUNTS)
def test_an_amount_is_plain_digits(amount: Decimal) -> None:
    text = exact.dumps(amount)
    assert "e" not in text.lower()
    assert text != "-0"
    assert not (("." in text) and text.endswith("0"))


@pytest.mark.parametrize("bad", [0.1, Decimal("NaN"), Decimal("Infinity"), {1, 2}, b"x"])
def test_what_has_no_exact_form_is_refused(bad: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        exact.dumps({"amount": bad})


@pytest.mark.parametrize(
    "text",
    [
        "1e31", "1e-31", "-1e999", "Infinity", "NaN", "1" * 40, "0." + "0" * 59 + "1",
        "0.1" + "0" * 80, "{", '{"a": 1e400}',
    ],
)  # fmt: skip
def test_a_number_out_of_all_measure_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        exact.loads(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_survives_the_books(moment: datetime) -> None:
    assert moments.moment(moments.micros(moment)) == moment


@given(st.datetimes(timezones=st.just(UTC)), st.integers(1, 10**12))
def test_the_books_sort_instants_as_time_does(moment: datetime, later: int) -> None:
    after = moments.micros(moment) + later
    assert moments.micros(moment) < after
    if moment < datetime(9900, 1, 1, tzinfo=UTC):
        assert moments.moment(after) - moment == timedelta(microseconds=later)


@given(st.lists(st.integers(), max_size=30), st.integers(1, 7))
def test_pages_give_every_row_once_in_order(rows: list[int], limit: int) -> None:
    numbered = list(enumerate(rows, start=1))
    seen: list[int] = []
    cursor = None
    for _ in range(len(rows) + 1):
        after = paging.seq_after("list", cursor) or 0
        page, cursor = paging.take(
            (row for row in numbered if row[0] > after),
            limit=limit,
            scope="list",
            mark=lambda row: row[0],
        )
        seen += [row[1] for row in page]
        if cursor is None:
            break
    assert seen == rows
    assert cursor is None


@given(st.lists(st.integers(), max_size=30), st.integers(1, 7))
def test_pages_of_a_computed_list_do_too(rows: list[int], limit: int) -> None:
    seen: list[int] = []
    cursor = None
    for _ in range(len(rows) + 1):
        after = paging.seq_after("list", cursor)
        page, cursor = paging.take_all(rows, limit=limit, scope="list", after=after)
        seen += page
        if cursor is None:
            break
    assert seen == rows
    assert cursor is None


@given(st.text(min_size=1))
def test_a_cursor_that_is_not_ours_is_a_400(text: str) -> None:
    with pytest.raises(BadRequest, match="is not a cursor of this list"):
        paging.seq_after("list", text)
