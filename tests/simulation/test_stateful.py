"""Hypothesis walks the fast world step by step, with faults that have names."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sync.simulation.checkers import SAFETY, first_broken
from sync.simulation.fast import one_cycle
from sync.simulation.faults import AT, EVENTS, Crash, Fault, NoFaults, Point, ToldFaults
from sync.simulation.life import settle
from sync.simulation.run import dice
from sync.simulation.world import Scenario, World

STRIKES = [(point, fault) for point, some in AT.items() for fault in some]


class Walk(RuleBasedStateMachine):
    """Passes, faults and people in any order; the invariants after every step."""

    world: World

    @initialize(lines=st.integers(1, 2), finalize=st.booleans(), backwards=st.booleans())
    def begin(self, lines: int, finalize: bool, backwards: bool) -> None:
        scenario = Scenario(lines=lines, finalize=finalize, backwards=backwards)
        self.world = World(scenario, NoFaults(), dice(0))

    @rule()
    def pass_without_a_fault(self) -> None:
        self._cycle(NoFaults())

    @rule(strike=st.sampled_from(STRIKES), let_by=st.integers(0, 3))
    def pass_struck(self, strike: tuple[Point, Fault], let_by: int) -> None:
        self._cycle(ToldFaults((*strike, let_by)))

    @rule(
        event=st.sampled_from(EVENTS),
        point=st.sampled_from([Point.READ, Point.BEFORE_SETTLE, Point.AFTER_ANSWER]),
        let_by=st.integers(0, 3),
    )
    def pass_while(self, event: Fault, point: Point, let_by: int) -> None:
        self._cycle(ToldFaults((point, event, let_by)))

    @rule(event=st.sampled_from(EVENTS))
    def meanwhile(self, event: Fault) -> None:
        self.world.sweep = None
        try:
            self.world.happen(event)
        except Crash:
            self.world.died = True

    @invariant()
    def nothing_is_broken(self) -> None:
        assert first_broken(self.world, SAFETY) is None, self.world.schedule

    def teardown(self) -> None:
        if hasattr(self, "world"):
            assert settle(self.world) is None, self.world.schedule

    def _cycle(self, faults: NoFaults | ToldFaults) -> None:
        self.world.faults = faults
        one_cycle(self.world, -1)
        self.world.faults = NoFaults()


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=120, stateful_step_count=15, deadline=None)
