"""The named faults, the points where they strike, and who decides that they do.

Names, not bits: a failing world is then a story that can be read, and shrunk.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol


class Fault(StrEnum):
    """What may go wrong, or merely happen, at a point."""

    # The process dies, or is overtaken, around a commit or a call.
    CRASH_BEFORE_INTENT = "crash_before_intent"
    CRASH_AFTER_INTENT = "crash_after_intent"
    CRASH_AFTER_CALL = "crash_after_call"
    CRASH_AFTER_ANSWER = "crash_after_answer"
    CRASH_BEFORE_SETTLE = "crash_before_settle"
    CRASH_AFTER_SETTLE = "crash_after_settle"
    CRASH_AFTER_READ = "crash_after_read"
    TWO_WORKERS = "two_workers"  # stalled here, while another took the lease
    DISK_REFUSES = "disk_refuses"  # full or locked: nothing of the commit is kept
    # What a call may meet.
    REFUSED = "refused"
    TIMEOUT_BEFORE = "timeout_before"  # never arrived
    TIMEOUT_AFTER = "timeout_after"  # carried out, the answer lost
    RATE_LIMIT = "rate_limit"
    LOCK_TIMEOUT = "lock_timeout"  # saved under its key
    LOCK_TIMEOUT_UNSAVED = "lock_timeout_unsaved"
    PLAIN_500 = "plain_500"
    SAVED_500_DONE = "saved_500_done"
    SAVED_500_NOT_DONE = "saved_500_not_done"
    TRUNCATED = "truncated"
    CONFLICT_409 = "conflict_409"
    LATE_REQUEST = "late_request"  # lands after the client gave up
    READ_FAILS = "read_fails"
    # What time, the core and people do meanwhile.
    CLOCK_MINUTES = "clock_minutes"
    CLOCK_HOURS = "clock_hours"
    KEY_PRUNED = "key_pruned"  # a day and more goes by
    CLOCK_DAYS = "clock_days"
    CLOCK_WRONG_AHEAD = "clock_wrong_ahead"  # ours only, until the faults stop
    CLOCK_WRONG_BEHIND = "clock_wrong_behind"
    CORE_VOID = "core_void"
    CORE_VOID_REGENERATE = "core_void_regenerate"
    CORE_REMAPS = "core_remaps"  # the core names another Stripe customer from now on
    PERSON_DELETES_DRAFT = "person_deletes_draft"
    PERSON_EDITS_DRAFT = "person_edits_draft"
    PERSON_EMPTIES_DRAFT = "person_empties_draft"
    PERSON_FINALIZES = "person_finalizes"
    PERSON_VOIDS = "person_voids"
    PERSON_PAYS = "person_pays"
    PERSON_CREDITS = "person_credits"
    PERSON_CLAIMS = "person_claims"  # says it is done; it may not be
    PERSON_RETRIES = "person_retries"
    PERSON_SKIPS = "person_skips"  # leaves an invoice out, perhaps beside a pass at work
    RESTORED_OLD_DATABASE = "restored_old_database"


class Point(StrEnum):
    """Where in the walk a fault may strike."""

    BEFORE_INTENT = "before_intent"
    AFTER_INTENT = "after_intent"
    CALL = "call"
    AFTER_CALL = "after_call"
    AFTER_ANSWER = "after_answer"
    BEFORE_SETTLE = "before_settle"
    AFTER_SETTLE = "after_settle"
    READ = "read"


# Their answers differ in the words of a message, which no decision reads: the worlds of
# the left one are those of the right one.
SAME_AS: Mapping[Fault, Fault] = {
    Fault.PLAIN_500: Fault.TIMEOUT_BEFORE,
    Fault.TRUNCATED: Fault.TIMEOUT_AFTER,
    Fault.CONFLICT_409: Fault.RATE_LIMIT,
}
EVENTS = tuple(Fault)[list(Fault).index(Fault.CLOCK_MINUTES) :]
CRASHES = frozenset(fault for fault in Fault if fault.startswith("crash_"))
OF_A_CALL = (
    Fault.REFUSED,
    Fault.TIMEOUT_BEFORE,
    Fault.TIMEOUT_AFTER,
    Fault.RATE_LIMIT,
    Fault.LOCK_TIMEOUT,
    Fault.LOCK_TIMEOUT_UNSAVED,
    Fault.PLAIN_500,
    Fault.SAVED_500_DONE,
    Fault.SAVED_500_NOT_DONE,
    Fault.TRUNCATED,
    Fault.CONFLICT_409,
    Fault.LATE_REQUEST,
)
AT: Mapping[Point, tuple[Fault, ...]] = {
    Point.BEFORE_INTENT: (
        Fault.CRASH_BEFORE_INTENT,
        Fault.TWO_WORKERS,
        Fault.DISK_REFUSES,
    ),
    Point.AFTER_INTENT: (Fault.CRASH_AFTER_INTENT, Fault.TWO_WORKERS),
    Point.CALL: OF_A_CALL,
    Point.AFTER_CALL: (Fault.CRASH_AFTER_CALL, Fault.TWO_WORKERS, Fault.DISK_REFUSES),
    Point.AFTER_ANSWER: (Fault.CRASH_AFTER_ANSWER,),
    Point.BEFORE_SETTLE: (
        Fault.CRASH_BEFORE_SETTLE,
        Fault.TWO_WORKERS,
        Fault.DISK_REFUSES,
    ),
    Point.AFTER_SETTLE: (Fault.CRASH_AFTER_SETTLE,),
    Point.READ: (Fault.READ_FAILS, Fault.CRASH_AFTER_READ),
}


# A process that sleeps for a day between a look and the call that rests on it wakes up
# with a request that has outlived its key. No order of commits can mend that; the hard
# client deadline is what rules it out.
_LONG = frozenset({Fault.KEY_PRUNED, Fault.CLOCK_DAYS})
_BETWEEN = frozenset({Point.BEFORE_INTENT, Point.AFTER_INTENT, Point.CALL})


class Crash(BaseException):
    """The process is gone, on this very line. Nothing may catch it on the way."""


class Dice(Protocol):
    """What a world needs of a random.Random made from its seed."""

    def random(self) -> float:
        """A number in [0, 1)."""


def one_of(dice: Dice, some: Sequence[Fault]) -> Fault:
    """One of them, each as likely."""
    return some[int(dice.random() * len(some))]


class FaultSource(Protocol):
    """Decides whether something happens at a point, and what."""

    def draw(self, point: Point) -> Fault | None:
        """The fault that strikes here and now, if any."""


class NoFaults:
    """The quiet world."""

    def draw(self, point: Point) -> Fault | None:  # noqa: ARG002 - the port's shape
        """Nothing ever happens."""
        return None


class RandomFaults:
    """Strikes at a rate; half of the strikes belong to the point, half to the world."""

    def __init__(
        self, dice: Dice, rate: float, allowed: frozenset[Fault] | None = None
    ) -> None:
        self._random = dice.random
        self._dice = dice
        self._rate = rate
        self._at, self._events = _choices(allowed)
        self._met = 0
        self.plan: dict[int, Fault] = {}  # what was drawn, as PlannedFaults takes it

    def draw(self, point: Point) -> Fault | None:
        """Rarely something, mostly nothing."""
        met = self._met
        self._met += 1
        if self._random() >= self._rate:
            return None
        some = self._at[point] if self._random() < 0.5 else self._events  # noqa: PLR2004 - half
        if not some:
            return None
        fault = one_of(self._dice, some)
        if not fits(fault, point):
            return None
        self.plan[met] = fault
        return fault


class PlannedFaults:
    """Strikes where the plan says: the nth point met, counted from 0.

    `met` keeps every point in order, which is how the exhaustive run learns them; and
    `could`, where it is asked for, which events were possible there.
    """

    def __init__(self, plan: Mapping[int, Fault]) -> None:
        self._plan = plan
        self.met: list[Point] = []
        self.could: list[frozenset[Fault]] = []
        self.possible: Callable[[Fault], bool] | None = None

    def draw(self, point: Point) -> Fault | None:
        """What is planned here, where it can strike at such a point."""
        fault = self._plan.get(len(self.met))
        self.met.append(point)
        if self.possible is not None:
            self.could.append(frozenset(filter(self.possible, EVENTS)))
        return fault if fault is None or fits(fault, point) else None


class ToldFaults:
    """Strikes as a story tells it: each fault at the next point of its kind, in order.

    An entry may name how many points of its kind go by before it strikes.
    """

    def __init__(self, *story: tuple[Point, Fault] | tuple[Point, Fault, int]) -> None:
        self._story = [(one[0], one[1], one[2] if len(one) > 2 else 0) for one in story]  # noqa: PLR2004 - the third is how many to let by

    def draw(self, point: Point) -> Fault | None:
        """The next fault of the story, if its point has come."""
        if not self._story or self._story[0][0] is not point:
            return None
        where, fault, let_by = self._story[0]
        if let_by:
            self._story[0] = (where, fault, let_by - 1)
            return None
        del self._story[0]
        return fault

    def told(self) -> bool:
        """Has everything happened?"""
        return not self._story


def fits(fault: Fault, point: Point) -> bool:
    """Can this fault strike at such a point? Events can at any."""
    if fault in AT[point]:
        return True
    return fault in _EVENT_SET and not (fault in _LONG and point in _BETWEEN)


_EVENT_SET = frozenset(EVENTS)
_CACHE: dict[
    frozenset[Fault] | None, tuple[dict[Point, tuple[Fault, ...]], tuple[Fault, ...]]
] = {}


def _choices(
    allowed: frozenset[Fault] | None,
) -> tuple[dict[Point, tuple[Fault, ...]], tuple[Fault, ...]]:
    """The faults that may strike at each point, and the events, after the filter."""
    if allowed not in _CACHE:
        keep: Callable[[Fault], bool] = (
            (lambda _: True) if allowed is None else allowed.__contains__
        )
        _CACHE[allowed] = (
            {point: tuple(filter(keep, some)) for point, some in AT.items()},
            tuple(filter(keep, EVENTS)),
        )
    return _CACHE[allowed]
