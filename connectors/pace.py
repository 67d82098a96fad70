"""The arithmetic of one limit, pure: when the next request may go, by how the last ones went.

The other side counts a request as it arrives, at an instant that we never see: between our
sending it and their answer. Of two that leave a second apart the first may be held up on its
way, and then both are counted in one second. So each request holds one of so many places as
the limit has, for a second and for what it was late: its round trip beyond the usual one.
Whoever was on time costs nothing; one that was held up keeps its own place for longer and
nobody else's.
"""

from collections import deque
from collections.abc import Collection
from itertools import pairwise
from math import inf

MARGIN_SECONDS = 0.003  # more than the second, between two that must not meet in one
UNEVEN_SECONDS = 0.015  # that the way there may vary, whatever their work does
SPENT_SECONDS = 0.015  # that the late ones add to a second, on average
CARE_MAX = 3  # times as much of both, once more for each 429
LONGEST_SECONDS = 1.000  # that one of them adds; it may never answer
SLACK_SECONDS = 0.100  # how late a turn may be taken and the next ones still make it up
TRIPS = 50  # the last round trips, by which the usual one is told
LONE_CUT = 0.9  # what a first 429 leaves of the rate, and
NEXT_CUT = 0.5  # what another one leaves before the rate is won back
LOWEST_SHARE = 1 / 16
RECOVERY_SECONDS = 30  # from nothing to the whole rate


class Turn:
    """One request that was let through: when, and when its answer was here."""

    __slots__ = ("answered", "home", "taken")

    def __init__(self, home: "Lane", taken: float) -> None:
        self.home = home  # the lane whose round trips are like this one's
        self.taken = taken
        self.answered = inf

    def end(self, now: float, *, well: bool) -> None:
        """Its answer is here, or there will be none; what went wrong teaches no trip."""
        self.answered = now
        if well:
            self.home.learn(now - self.taken)

    def late(self, now: float) -> float:
        """How much later than usual it was counted, at most, as far as is known now."""
        return self.home.late(min(self.answered, now) - self.taken)


class Lane:
    """One limit: so many requests in any second, spread over it.

    A limit below one, or with a fraction, is kept as whole requests in the time that they
    take: 2.5 a second are two in any 0.8 seconds.
    """

    __slots__ = (
        "_care",
        "_cut_at",
        "_limit",
        "_next",
        "_quickest",
        "_share",
        "_trips",
        "_turns",
        "_usual",
        "_whole",
    )

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._whole = max(1, int(limit))
        self._turns: deque[Turn] = deque()  # those that may be in somebody's second
        self._trips: deque[float] = deque(maxlen=TRIPS)
        self._next = 0.0  # when the next turn is, were all of them spread evenly
        self._share = 1.0  # of the limit, at `_cut_at`
        self._cut_at = -inf
        self._quickest = self._usual = inf  # round trips; nobody is late at first
        self._care = 1

    def rate(self, now: float) -> float:
        """Requests per second that are let through now."""
        return self._limit * self._share_at(now)

    def due(self, now: float) -> float:
        """When the next request may go, as far as is known now."""
        if len(self._turns) < self._whole:
            return self._next
        _, counted = self._first_out(now)
        return max(self._next, counted + self._whole / self._limit + MARGIN_SECONDS)

    def take(self, turn: Turn) -> None:
        """Let one through."""
        if len(self._turns) == self._whole:
            first, _ = self._first_out(turn.taken)
            self._turns.remove(first)
        self._turns.append(turn)
        on_time = max(self._next, turn.taken - SLACK_SECONDS)
        self._next = on_time + 1 / self.rate(turn.taken)

    def learn(self, trip: float) -> None:
        """Take a round trip into what is usual here."""
        self._trips.append(trip)
        self._quickest = min(self._quickest, trip)
        self._usual = usual(self._trips, SPENT_SECONDS * self._care)

    def late(self, away: float) -> float:
        """How late one may have been counted that is, or was, away for so long.

        Where the way has become longer for good, each is late by what may vary, not more.
        """
        varied = min(max(0.0, away - self._quickest), UNEVEN_SECONDS * self._care)
        return min(max(varied, away - self._usual), LONGEST_SECONDS)

    def cut(self, turn: float, now: float) -> None:
        """The request of this turn was one too many: ask for less.

        A lone one was counted later than we could tell, or another program took a turn of
        ours: more care for good, and a tenth less for a while. One more before the rate is
        won back means that less of it is ours: half. Those that were on their way when the
        rate was cut say nothing new.
        """
        if turn < self._cut_at:
            return
        share = self._share_at(now)
        left = share * (LONE_CUT if share == 1 else NEXT_CUT)
        self._share, self._cut_at = max(left, LOWEST_SHARE), now
        self._care = min(self._care + 1, CARE_MAX)

    def _first_out(self, now: float) -> tuple[Turn, float]:
        """The turn that was surely counted before any other, and by when."""
        first, by = self._turns[0], inf
        for turn in self._turns:  # in the order in which they were taken
            if turn.taken >= by:
                break
            counted = turn.taken + turn.late(now)
            if counted < by:
                first, by = turn, counted
        return first, by

    def _share_at(self, now: float) -> float:
        return min(1.0, self._share + (now - self._cut_at) / RECOVERY_SECONDS)


def usual(trips: Collection[float], spent: float) -> float:
    """The round trip above which one counts as late.

    The quickest, where all are nearly as quick: then every delay is told from it. Where
    the other side's own work takes now more, now less time, delay and work cannot be
    told apart; then it is as far above the quickest as keeps what the late ones add at
    `spent` on average, the slowest tenth left out of the count.
    """
    out = min(len(trips) // 10 + 1, len(trips) - 1)
    slowest = sorted(trips, reverse=True)[out:]
    left = spent * len(slowest)
    for above, (trip, quicker) in enumerate(pairwise(slowest), 1):
        step = above * (trip - quicker)
        if step > left:
            return trip - left / above
        left -= step
    return slowest[-1]
