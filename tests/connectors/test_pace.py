"""One limit against a strict one: no second sees too many, and hardly anything is lost."""

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.pace import (
    CARE_MAX,
    LONGEST_SECONDS,
    LOWEST_SHARE,
    MARGIN_SECONDS,
    RECOVERY_SECONDS,
    SLACK_SECONDS,
    UNEVEN_SECONDS,
    Lane,
    Turn,
    usual,
)

Delays = Callable[[int], tuple[float, float]]  # of a request: the way there, the rest
WAY, WORK = 0.020, 0.100


def lived(limit: float, requests: int, delays: Delays) -> tuple[list[float], float]:
    """When each request was counted, where all go as early as they may; and the rate."""
    lane, now = Lane(limit), 100.0
    counted: list[float] = []
    away: list[tuple[float, int, Turn]] = []
    began = now
    while len(counted) < requests:
        while away and away[0][0] <= now:
            ended, _, turn = heappop(away)
            turn.end(ended, well=True)
        due = lane.due(now)
        if due > now:
            now = min(due, away[0][0] if away else due, now + 0.05)
            continue
        turn = Turn(lane, now)
        lane.take(turn)
        there, rest = delays(len(counted))
        heappush(away, (now + there + rest, len(counted), turn))
        counted.append(now + there)
    return counted, (requests - 1) / (now - began)


def most_in(seconds: float, moments: list[float]) -> int:
    """As many as a limiter sees in any so many seconds."""
    window: deque[float] = deque()
    most = 0
    for moment in sorted(moments):
        window.append(moment)
        while window[0] <= moment - seconds + 1e-9:
            window.popleft()
        most = max(most, len(window))
    return most


limits = st.sampled_from([1, 2, 5, 20, 25, 100])


@given(limit=limits, delays=st.lists(st.floats(0, LONGEST_SECONDS), min_size=1))
def test_some_that_are_held_up_on_the_way_put_nobody_over_the_limit(
    limit: int, delays: list[float]
) -> None:
    def one(number: int) -> tuple[float, float]:
        late = delays[number % len(delays)]
        return WAY + (late if number % 12 == 5 else min(late, MARGIN_SECONDS)), WORK

    counted, _ = lived(limit, 4 * limit + 40, one)
    assert most_in(1, counted) <= limit


@given(
    limit=limits,
    ways=st.lists(st.floats(0, UNEVEN_SECONDS), min_size=1),
    works=st.lists(st.floats(0, 0.6), min_size=1),
)
def test_work_of_any_length_does_not_hide_that_the_way_there_varies(
    limit: int, ways: list[float], works: list[float]
) -> None:
    def one(number: int) -> tuple[float, float]:
        if number == 0:
            return WAY, WORK  # the quickest
        return WAY + ways[number % len(ways)], WORK + works[number % len(works)]

    counted, _ = lived(limit, 4 * limit + 40, one)
    assert most_in(1, counted) <= limit


@pytest.mark.parametrize("limit", [0.5, 1, 2.5, 25, 100])
def test_who_is_on_time_costs_nothing(limit: float) -> None:
    counted, rate = lived(limit, int(40 * limit) + 20, lambda _: (WAY, WORK))
    assert most_in(max(1, int(limit)) / limit, counted) <= max(1, int(limit))
    assert rate > 0.99 * limit


@pytest.mark.parametrize("longest", [0.0, 0.1, 1.0, 4.0])
def test_what_varies_costs_no_more_than_it_may(longest: float) -> None:
    rng = Random(1)
    _, rate = lived(25, 2000, lambda _: (WAY, WORK + longest * rng.random()))
    assert rate > 0.94 * 25


def test_one_that_never_answers_holds_nobody_up() -> None:
    counted, _ = lived(25, 200, lambda n: (WAY, 3600 if n == 30 else WORK))
    gaps = [after - before for before, after in pairwise(counted)]
    assert max(gaps) < 0.2


def test_after_a_pause_a_few_go_at_once_and_then_one_by_one() -> None:
    lane = Lane(25)
    moments = []
    now = 100.0
    for _ in range(10):
        now = max(now, lane.due(now))
        lane.take(Turn(lane, now))
        moments.append(now)
    assert most_in(0.001, moments) == 1 + SLACK_SECONDS * 25 // 1
    assert [after - before for before, after in pairwise(moments[4:])] == pytest.approx(
        [1 / 25] * 5
    )


def cut_at(lane: Lane, *moments: float) -> Lane:
    for now in moments:
        lane.cut(now, now)
    return lane


def test_a_lone_429_costs_a_tenth_for_some_seconds_and_another_halves() -> None:
    lane = cut_at(Lane(20), 100)
    assert lane.rate(100) == pytest.approx(18)
    assert lane.rate(100 + RECOVERY_SECONDS / 20) == pytest.approx(19)
    assert cut_at(lane, 101.5).rate(101.5) == pytest.approx(9.5)
    assert lane.rate(101.5 + RECOVERY_SECONDS) == pytest.approx(20)
    assert cut_at(lane, 200).rate(200) == pytest.approx(18)


def test_those_on_their_way_when_the_rate_was_cut_do_not_cut_it_again() -> None:
    lane = Lane(20)
    lane.cut(99.9, 100)
    for sent in (99.91, 99.95, 99.99):
        lane.cut(sent, 100.1)
    assert lane.rate(100.1) == pytest.approx(18, rel=0.01)


def test_a_rate_is_never_cut_to_nothing() -> None:
    lane = cut_at(Lane(20), *(100 + n / 100 for n in range(50)))
    assert lane.rate(100.49) == pytest.approx(20 * LOWEST_SHARE)


def test_a_cut_rate_is_kept_too() -> None:
    lane = Lane(20)
    now, moments = 100.0, []
    for number in range(200):
        if number == 100:
            lane.cut(now, now)
            lane.cut(now + 0.001, now + 0.001)
            began = now
        now = max(now, lane.due(now))
        turn = Turn(lane, now)
        lane.take(turn)
        turn.end(now + 0.1, well=True)
        moments.append(now)
    after = [moment for moment in moments if began < moment <= began + 3]
    assert len(after) == pytest.approx(3 * 20 * (0.45 + 1.5 / RECOVERY_SECONDS), abs=3)


def test_each_429_makes_it_more_careful_up_to_a_bound() -> None:
    lane = Lane(20)
    lane.learn(0.1)
    for _ in range(50):
        lane.learn(0.5)  # their work has become longer, for all that we know
    assert lane.late(0.5) == pytest.approx(UNEVEN_SECONDS)
    for n in range(20):
        lane.cut(100 + n, 100 + n)
        times = min(2 + n, CARE_MAX)
        assert lane.late(0.5) == pytest.approx(UNEVEN_SECONDS * times)


def test_after_a_429_more_is_spent_on_those_that_are_late() -> None:
    lane = Lane(20)

    def late() -> float:
        for trip in [0.4, 0.6] * 25:
            lane.learn(trip)
        return lane.late(0.6)

    before = late()
    lane.cut(100, 100)
    assert late() == pytest.approx(2 * before)


def test_what_went_wrong_teaches_no_trip() -> None:
    lane = Lane(20)
    Turn(lane, 100).end(100.1, well=True)
    Turn(lane, 100).end(100.0001, well=False)
    assert lane.late(0.1) == pytest.approx(0)


def test_nobody_is_late_before_the_first_answer() -> None:
    assert Lane(20).late(60) == 0


trips = st.lists(st.floats(0.001, 10), min_size=1, max_size=60)


@given(trips=trips, spent=st.floats(0.001, 0.1))
def test_the_late_ones_add_what_may_be_spent_or_all_that_they_are_late(
    trips: list[float], spent: float
) -> None:
    mark = usual(trips, spent)
    counted = sorted(trips)[: max(1, len(trips) - len(trips) // 10 - 1)]
    over = sum(max(0.0, trip - mark) for trip in counted) / len(counted)
    assert over == pytest.approx(spent) or (over < spent and mark == min(trips))
