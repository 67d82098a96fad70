"""The rate budget: kept in every second, shared by threads, halved by a 429 and won back."""

import threading
from collections import Counter, deque
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.budget import EVERYWHERE, RECOVERY_SECONDS, SHARE, RateBudget, Unlimited


class LateClock:
    """Sleeps wake too late by what the test says."""

    def __init__(self, late: float = 0.0) -> None:
        self.time = 100.0
        self.late = late

    def now(self) -> datetime:
        raise AssertionError("a rate is counted on the monotonic clock alone")

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.time += seconds + self.late


def most_in_a_second(moments: list[float]) -> int:
    window: deque[float] = deque()
    most = 0
    for moment in moments:
        window.append(moment)
        while window[0] <= moment - 1:
            window.popleft()
        most = max(most, len(window))
    return most


@given(
    limit=st.sampled_from([1, 2, 5, 20, 25, 100, 1000]),
    late=st.sampled_from([0.0, 0.0005, 0.002, 0.004, 0.009]),
    pauses=st.lists(st.floats(0, 3), max_size=5),
)
def test_no_second_sees_more_than_the_limit(
    limit: int, late: float, pauses: list[float]
) -> None:
    clock = LateClock(late)
    budget = RateBudget(limit, clock=clock)
    moments = []
    for pause in [*pauses, 0.0]:
        clock.time += pause
        for _ in range(2 * limit + 1):
            budget.acquire("GET invoices")
            moments.append(clock.time)
    assert most_in_a_second(moments) <= limit


@pytest.mark.parametrize("late", [0.0, 0.001, 0.004, 0.009])
def test_late_sleeps_cost_nothing_of_the_rate(late: float) -> None:
    clock = LateClock(late)
    budget = RateBudget(25, clock=clock)
    began = clock.time
    for _ in range(1001):
        budget.acquire("")
    assert 1000 / (clock.time - began) == pytest.approx(25 * SHARE, rel=0.001)


def test_each_endpoint_has_a_limit_of_its_own_within_the_whole() -> None:
    clock = LateClock()
    budget = RateBudget(100, clock=clock, per_endpoint=25)
    began, sent = clock.time, Counter[str]()
    for n in range(600):
        name = "ab"[n % 2]
        budget.acquire(name)
        sent[name] += 1
    assert 600 / (clock.time - began) == pytest.approx(50 * SHARE, rel=0.01)
    assert sent["a"] == sent["b"]


def test_who_waits_for_an_endpoint_holds_nothing_of_the_whole_rate() -> None:
    clock = LateClock()
    budget = RateBudget(10, clock=clock, per_endpoint=1)
    budget.acquire("slow")
    before = clock.time
    budget.acquire("slow")  # waits about a second
    assert clock.time - before == pytest.approx(1 / SHARE, rel=0.02)
    before = clock.time
    budget.acquire("other")
    assert clock.time - before <= 0.1 / SHARE + 1e-9


def test_a_429_halves_and_time_heals() -> None:
    clock = LateClock()
    budget = RateBudget(100, clock=clock, per_endpoint=20)
    budget.slow_down("a")
    assert budget.rate("a") == pytest.approx(10 * SHARE)
    assert budget.rate("b") == pytest.approx(20 * SHARE)
    clock.time += RECOVERY_SECONDS / 4
    assert budget.rate("a") == pytest.approx(15 * SHARE)
    for _ in range(50):
        budget.slow_down("a")
    assert budget.rate("a") == pytest.approx(20 * SHARE / 16)
    budget.slow_down(EVERYWHERE)
    assert budget.rate() == pytest.approx(50 * SHARE)
    assert budget.rate("b") == pytest.approx(20 * SHARE)
    clock.time += RECOVERY_SECONDS
    assert (budget.rate(), budget.rate("a")) == pytest.approx((100 * SHARE, 20 * SHARE))


def test_threads_share_one_rate() -> None:
    clock = LateClock()
    turn = threading.Lock()
    inner = clock.sleep

    def sleep(seconds: float) -> None:
        with turn:
            inner(min(seconds, 0.001))

    clock.sleep = sleep  # type: ignore[method-assign]
    budget = RateBudget(50, clock=clock, per_endpoint=25)
    moments: dict[str, list[float]] = {"a": [], "b": []}

    def work(name: str) -> None:
        for _ in range(20):
            budget.acquire(name)
            moments[name].append(clock.time)

    threads = [threading.Thread(target=work, args=(name,)) for name in "aaabbb"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [most_in_a_second(sorted(one)) <= 25 for one in moments.values()] == [True] * 2


@pytest.mark.parametrize(("whole", "each"), [(0, None), (-1, None), (5, 0)])
def test_a_rate_is_above_nothing(whole: float, each: float | None) -> None:
    with pytest.raises(ValueError, match="above 0"):
        RateBudget(whole, clock=LateClock(), per_endpoint=each)


def test_our_own_parts_have_no_limit() -> None:
    budget = Unlimited()
    budget.slow_down("a")
    budget.acquire("a")
