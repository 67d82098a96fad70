"""Many groups at once, one thing at a time in each, and all come to their end together."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from threading import Event
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def abreast(
    groups: Iterable[Iterable[T]],
    work: Callable[[T], R],
    *,
    threads: int,
    stopping: Callable[[], bool],
) -> list[R]:
    """Do the work of every group; within a group in order, and never two at a time.

    A group that has had its turn goes to the end of the queue, so that no thread is left
    alone with a long one. The first failure is raised, and nothing new is begun after it.
    One thread takes the groups one after the other.
    """
    if threads == 1:
        return [work(one) for group in groups for one in group if not stopping()]
    waiting = deque(deque(group) for group in groups)
    failed = Event()

    def lane() -> Iterator[R]:
        while not failed.is_set() and not stopping():
            try:
                group = waiting.popleft()
            except IndexError:
                return  # what is left is in the hands of other threads
            if group:
                yield work(group.popleft())
                waiting.append(group)

    def run() -> list[R]:
        try:
            return list(lane())
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(threads, thread_name_prefix="push") as pool:
        lanes = [pool.submit(run) for _ in range(min(threads, len(waiting)))]
    return list(chain.from_iterable(one.result() for one in lanes))
