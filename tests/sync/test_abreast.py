"""Groups side by side: in order, never two at a time in one, and stopped by a failure."""

import threading
from collections import Counter

import pytest

from sync.abreast import abreast


def never() -> bool:
    return False


GROUPS = [
    [f"{name}{n}" for n in range(count)]
    for name, count in zip("abcdef", range(6), strict=True)
]


@pytest.mark.parametrize("threads", [1, 2, 3, 20])
def test_every_group_is_worked_through_in_its_own_order(threads: int) -> None:
    began: list[str] = []
    busy: Counter[str] = Counter()
    turn = threading.Lock()

    def work(one: str) -> str:
        with turn:
            began.append(one)
            busy[one[0]] += 1
            assert busy[one[0]] == 1, "two at a time in one group"
        threading.Event().wait(0.001)
        with turn:
            busy[one[0]] -= 1
        return one.upper()

    done = abreast(GROUPS, work, threads=threads, stopping=never)
    assert sorted(done) == sorted(one.upper() for group in GROUPS for one in group)
    for group in GROUPS:
        assert [one for one in began if one in group] == group


def test_one_thread_takes_the_groups_one_after_the_other() -> None:
    done = abreast(GROUPS, str, threads=1, stopping=never)
    assert done == [one for group in GROUPS for one in group]


def test_many_threads_bring_the_groups_forward_together() -> None:
    began: list[str] = []
    gate = threading.Barrier(2, timeout=5)

    def work(one: str) -> None:
        began.append(one)
        gate.wait()

    abreast(["abc", "ABC"], work, threads=2, stopping=never)
    assert [one.lower() for one in began] == ["a", "a", "b", "b", "c", "c"]


@pytest.mark.parametrize("threads", [1, 3])
def test_a_failure_ends_it_and_nothing_new_is_begun(threads: int) -> None:
    began: list[int] = []

    def work(one: int) -> None:
        began.append(one)
        raise LookupError(one)

    with pytest.raises(LookupError):
        abreast([[n] for n in range(1000)], work, threads=threads, stopping=never)
    assert len(began) <= threads


@pytest.mark.parametrize("threads", [1, 3])
def test_who_is_to_stop_begins_nothing_more(threads: int) -> None:
    done: list[int] = []
    abreast(
        [[n, n] for n in range(9)],
        done.append,
        threads=threads,
        stopping=lambda: len(done) >= 2,
    )
    assert 2 <= len(done) <= 1 + threads


def test_no_group_is_nothing_to_do() -> None:
    assert abreast([], str, threads=4, stopping=never) == []
    assert abreast([[], []], str, threads=4, stopping=never) == []
