"""The rate budget: kept by all threads together, for each endpoint, with a bound in flight."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

import pytest

from connectors.budget import EVERYWHERE, RateBudget, Unlimited
from tests.connectors.test_pace import most_in


class LateClock:
    """Sleeps wake too late by what the test says."""

    def __init__(self, late: float = 0.0) -> None:
        self.time = 100.0
        self.late = late
        self.turn = threading.Lock()

    def now(self) -> datetime:
        raise AssertionError("a rate is counted on the monotonic clock alone")

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        with self.turn:
            self.time += seconds + self.late


@pytest.mark.parametrize("late", [0.0, 0.001, 0.004, 0.009])
def test_late_sleeps_cost_hardly_anything_of_the_rate(late: float) -> None:
    clock = LateClock(late)
    budget = RateBudget(25, clock=clock)
    moments = []
    for _ in range(501):
        with budget.turn("") as turn:
            moments.append(turn)
            assert turn == clock.time
    assert most_in(1, moments) == 25
    assert 500 / (moments[-1] - moments[0]) == pytest.approx(25, rel=0.005 + 1.1 * late)


def test_each_endpoint_has_a_limit_of_its_own_within_the_whole() -> None:
    clock = LateClock()
    budget = RateBudget(100, clock=clock, per_endpoint=25)
    began, sent = clock.time, Counter[str]()
    for n in range(600):
        name = "ab"[n % 2]
        with budget.turn(name):
            sent[name] += 1
    assert 600 / (clock.time - began) == pytest.approx(50, rel=0.01)
    assert sent["a"] == sent["b"]


def test_who_waits_for_an_endpoint_holds_nothing_of_the_whole_rate() -> None:
    clock = LateClock()
    budget = RateBudget(10, clock=clock, per_endpoint=1)
    with budget.turn("slow") as first:
        pass
    with budget.turn("slow") as second:  # waits about a second
        pass
    assert second - first == pytest.approx(1, rel=0.02)
    with budget.turn("other") as third:
        pass
    assert third - second <= 0.1 + 1e-9


def test_an_answer_that_comes_late_holds_its_place_for_longer() -> None:
    clock = LateClock()
    budget = RateBudget(1, clock=clock)
    with budget.turn("a"):
        clock.time += 0.1
    with budget.turn("a") as late:
        clock.time += 0.4
    with budget.turn("a") as after:
        pass
    assert after - late == pytest.approx(1.3, abs=0.02)


def test_a_429_is_for_its_endpoint_or_for_all() -> None:
    clock = LateClock()
    budget = RateBudget(100, clock=clock, per_endpoint=20)
    assert (budget.rate(), budget.rate("a")) == (100, 20)
    budget.slow_down("a", clock.time)
    assert (budget.rate(), budget.rate("a"), budget.rate("b")) == (100, 18, 20)
    budget.slow_down(EVERYWHERE, clock.time)
    assert budget.rate() == pytest.approx(90)
    clock.time += 60
    assert (budget.rate(), budget.rate("a")) == (100, 20)


def test_without_endpoints_of_their_own_all_share_the_whole() -> None:
    clock = LateClock()
    budget = RateBudget(10, clock=clock)
    budget.slow_down("a", clock.time)
    assert budget.rate("b") == pytest.approx(9)


def test_threads_share_one_rate() -> None:
    clock = LateClock()
    budget = RateBudget(50, clock=clock, per_endpoint=25)
    moments: dict[str, list[float]] = {"a": [], "b": []}

    def work(name: str) -> None:
        for _ in range(20):
            with budget.turn(name) as turn:
                moments[name].append(turn)

    threads = [threading.Thread(target=work, args=(name,)) for name in "aaabbb"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(one) for one in moments.values()] == [60, 60]
    assert [most_in(1, one) <= 25 for one in moments.values()] == [True] * 2


def test_no_more_are_in_flight_than_may_be_and_who_waits_has_taken_no_turn() -> None:
    clock = LateClock()
    budget = RateBudget(1000, clock=clock, at_once=2)
    turns: list[float] = []

    def one() -> None:
        with budget.turn("a") as turn:
            turns.append(turn)

    waiting = threading.Thread(target=one)
    with ExitStack() as first:
        first.enter_context(budget.turn("a"))
        with budget.turn("b"):
            waiting.start()
            waiting.join(0.05)
            assert not turns
            clock.time += 5
        waiting.join()
    assert turns[0] >= 105


def test_a_turn_that_went_to_another_while_one_waited_for_a_place_is_waited_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = LateClock()
    budget = RateBudget(1, clock=clock, per_endpoint=1)

    @contextmanager
    def place() -> Iterator[None]:
        with budget._lock:
            door = budget._door("quicker")
        assert budget._take(door)
        yield

    monkeypatch.setattr(budget, "_places", place())
    with budget.turn("a") as turn:
        assert turn == pytest.approx(101, abs=0.02)


def test_a_failure_gives_its_place_back() -> None:
    budget = RateBudget(1000, clock=LateClock(), at_once=1)
    for _ in range(3):
        with pytest.raises(OSError, match="gone"), budget.turn("a"):
            raise OSError("gone")


@pytest.mark.parametrize(("whole", "each"), [(0, None), (-1, None), (5, 0)])
def test_a_rate_is_above_nothing(whole: float, each: float | None) -> None:
    with pytest.raises(ValueError, match="above 0"):
        RateBudget(whole, clock=LateClock(), per_endpoint=each)


def test_our_own_parts_have_no_limit() -> None:
    budget = Unlimited()
    with budget.turn("a") as turn:
        budget.slow_down("a", turn)
