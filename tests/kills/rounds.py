"""Kill the daemon again and again, spoil its calls, and see that the books come out right.

    python -m tests.kills.rounds --kills 200 --seed 1 --out faults.json

A life is a world with a daemon that is started, killed at a named point or at random, and
started again, some twenty times, while invoices are finalized and voided in the core. Then
the faults stop, time passes, a person lets stopped pushes begin again, and every invoice
must stand in Stripe once and whole. The seed decides what is tried; when a process comes
to a point is the machine's affair.
"""

import argparse
import json
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.kills.front import FATES, Request
from tests.kills.processes import Child, Zygote
from tests.kills.world import World

ROUNDS_A_LIFE = 20
ROUND_SECONDS = 8.0  # a round in which the point does not come ends by a kill at rest
REST_SECONDS = 0.6  # so long without a request, the daemon is taken to be at rest
PASSES_MAX = 60
HOUR, DAY = 3600, 86_400
NAMES = (
    "core GET /v1/customers",
    "core GET /v1/customers/{}/invoices",
    "core GET /v1/customers/{}/invoices/{}",
    "stripe GET /v1/account",
    "stripe GET /v1/customers",
    "stripe POST /v1/customers",
    "stripe GET /v1/invoices",
    "stripe POST /v1/invoices",
    "stripe POST /v1/invoices/{}/add_lines",
    "stripe GET /v1/invoices/{}",
    "stripe GET /v1/invoices/{}/lines",
    "stripe POST /v1/invoices/{}/finalize",
)
WRITES = tuple(name for name in NAMES if " POST " in name)
# arrived: killed, and not executed; overtaken: killed, and executed all the same;
# answered: executed, the answer never reaches; committing: answered, killed within 40 ms.
PHASES = ("arrived", "overtaken", "answered", "committing")
POINTS = tuple(f"{name} {phase}" for name in NAMES for phase in PHASES)
# What only the stand-in can do, because it keeps answers under their keys.
SAVED: tuple[dict[str, Any], ...] = (
    {"kind": "status", "status": 500, "saved": True},
    {"kind": "status", "status": 500, "saved": True, "executed": True},
    {"kind": "lock_timeout", "status": 429},
    {"kind": "late", "seconds": 1},
)


@dataclass
class Tally:
    """What was done and what came of it."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)  # by point
    faults: Counter[str] = field(default_factory=Counter)  # by kind
    ends: Counter[str] = field(default_factory=Counter)  # exit codes of daemons
    wrong: Counter[str] = field(default_factory=Counter)
    invoices: int = 0
    voided: int = 0
    retried: int = 0
    passes: int = 0
    lives: int = 0
    seconds: float = 0.0

    @property
    def killed(self) -> int:
        """Processes ended by SIGKILL."""
        return self.kills.total()

    def as_dict(self) -> dict[str, Any]:
        """For faults.json."""
        whole = dict(vars(self), kills_total=self.killed, faults_total=self.faults.total())
        return {name: dict(v) if isinstance(v, Counter) else v for name, v in whole.items()}


class Spring:
    """Kills one process once, and knows at which point."""

    def __init__(self) -> None:
        self.at = ""
        self._aimed = threading.Event()
        self._victim: Child | None = None

    def aim(self, victim: Child) -> None:
        """Say whom to kill."""
        self._victim = victim
        self._aimed.set()

    def __call__(self, point: str) -> None:
        self._aimed.wait(5)
        if not self.at and self._victim is not None:
            self.at = point
            self._victim.signal(signal.SIGKILL)


class Trap:
    """The plan of one round: where the daemon dies, and what happens to its calls."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.set("", {}, lambda _: None, 0.0)

    def set(
        self,
        point: str,
        fates: dict[tuple[str, int], str],
        spring: Callable[[str], None],
        delay: float,
    ) -> None:
        """Arm: `spring` kills; a fate strikes the nth request of its name."""
        with self.lock:
            self.point, self.fates, self.spring, self.delay = point, fates, spring, delay
            self.seen: Counter[str] = Counter()
            self.hit: Counter[str] = Counter()
            self.last = time.monotonic()

    def __call__(self, request: Request, phase: str) -> str:
        name = request.name
        with self.lock:
            self.last = time.monotonic()
            if phase == "arrived":
                self.seen[name] += 1
            fate = self.fates.get((name, self.seen[name]), "")
            point, spring, delay = self.point, self.spring, self.delay
        if phase == "arrived":
            if point == f"{name} arrived":
                spring(point)
                return "close_before"
            if point == f"{name} overtaken":
                spring(point)
            if fate:
                with self.lock:
                    self.hit[fate] += 1
            return fate
        if point == f"{name} answered":
            spring(point)
            return "close_after"
        if point == f"{name} committing":
            threading.Timer(delay, spring, (point,)).start()
        return ""


class Life:
    """One world and its rounds."""

    def __init__(self, rng: Random, zygote: Zygote, tally: Tally) -> None:
        self.rng, self.zygote, self.tally, self.trap = rng, zygote, tally, Trap()

    def run(self, points: list[str]) -> Counter[str]:
        """Live through the points, settle, and say what is wrong."""
        with World(self.zygote, self.trap) as world:
            self.world = world
            for point in points:
                self.round(point)
            self.trap.set("", {}, lambda _: None, 0.0)
            world.stripe_faults()
            self.settle()
            wrong = world.verdict()
            stories = world.stories() if wrong else ""
            wrong.update(self.rests())
            self.tally.invoices += len(world.wanted)
            self.tally.voided += len(world.voided)
            if wrong:
                keep = Path(f"kills-{self.tally.seed}-{self.tally.lives}.log")
                crashes = [one.read_text() for one in world.crashes()]
                keep.write_text("\n".join([stories, *crashes, world.text]))
        self.tally.lives += 1
        self.tally.wrong.update(wrong)
        return wrong

    def round(self, point: str) -> None:
        """Start the daemon, and let it die."""
        rng, world = self.rng, self.world
        world.bill(*rng.choice([(1,), (3, 2), (101,), (2, 120), (205,), (1, 1, 1)]))
        if rng.random() < 0.2:
            alive = sorted(set(world.wanted) - world.voided)
            world.void(rng.choice(alive))
        fates = {}
        for _ in range(rng.choice([0, 1, 2, 3, 4])):
            where = rng.choice(NAMES if rng.random() < 0.4 else WRITES)
            fates[where, rng.choice([1, 1, 1, 2])] = rng.choice(FATES)
        self._saved_faults()
        refused = rng.random() < 0.05
        if refused:
            world.fronts["stripe"].close()
            self.tally.faults["refused"] += 1
        spring = Spring()
        self.trap.set(point, fates, spring, rng.uniform(0, 0.04))
        daemon = world.tieout("run")
        spring.aim(daemon)
        if point == "random":
            threading.Timer(rng.uniform(0.2, 1.8), spring, (point,)).start()
        if point == "SIGTERM":
            threading.Timer(rng.uniform(0.3, 1.2), daemon.signal, (15,)).start()
        code = self._wait(daemon, spring)
        self._note(point, code, spring)
        if refused:
            world.fronts["stripe"].open()
        away = rng.choice([61, 61, 61, 61, 900, 2 * HOUR, 2 * DAY])
        world.pass_time(away)

    def _saved_faults(self) -> None:
        rng, world = self.rng, self.world
        if rng.random() < 0.15:
            rule = dict(rng.choice(SAVED))
            path = rng.choice(["/v1/invoices$", "add_lines$", "finalize$"])
            world.stripe_faults({**rule, "method": "POST", "path": path})
            saved = " executed" if rule.get("executed") else ""
            self.tally.faults[f"saved {rule['kind']}{saved}"] += 1
        else:
            world.stripe_faults()

    def _wait(self, daemon: Child, spring: Spring) -> int:
        until = time.monotonic() + ROUND_SECONDS
        while (code := daemon.ended()) is None:
            now = time.monotonic()
            busy = self.trap.seen.total() == 0 or now - self.trap.last < REST_SECONDS
            if now > until or not busy:
                spring("at rest")
                return daemon.wait()
            time.sleep(0.01)
        return code

    def _note(self, point: str, code: int, spring: Spring) -> None:
        hit = self.trap.hit
        self.tally.faults.update(hit)
        self.tally.ends[str(code)] += 1
        if code == -signal.SIGKILL:
            self.tally.kills[spring.at] += 1
            return
        # A wrong key, or a core that has moved, ends the daemon: no later turn goes better.
        told_off = code == 2 and bool({"401", "403", "redirect"} & set(hit))
        terminated = point == "SIGTERM" and code in {0, 143}
        if not told_off and not terminated:
            last = self.world.text.splitlines()[-1:]
            self.tally.wrong[f"daemon ended with {code} at {point}: {last}"] += 1

    def settle(self) -> None:
        """The faults have stopped: passes, and a person, until nothing is open."""
        world = self.world
        for number in range(PASSES_MAX):
            code = world.tieout("sync").wait(60)
            self.tally.passes += 1
            if code not in {0, 1}:
                self.tally.wrong[f"a quiet pass ended with {code}"] += 1
            stopped = world.quarantined()
            for name, reason in stopped:
                if reason != "REFUSED":
                    self.tally.wrong[f"quarantined for {reason}"] += 1
                act = "skip" if name in world.voided else "retry"
                words = ("push", act, name, "--reason", "looked", "--by", "Ann")
                if world.tieout(*words).wait():
                    self.tally.wrong[f"a person could not {act}"] += 1
                self.tally.retried += act == "retry"
            if not stopped and not world.open_pushes():
                return
            world.pass_time(HOUR if number % 4 else DAY + HOUR)
        self.tally.wrong["not settled"] += 1

    def rests(self) -> Counter[str]:
        """One more pass changes nothing anywhere."""
        seen = self.world.fronts["stripe"].seen
        before, head = len(seen), self._head()
        self.world.tieout("sync").wait(60)
        wrote = [one for one in seen[before:] if one.method != "GET"]
        return +Counter({"not at rest": len(wrote) + (self._head() != head)})

    def _head(self) -> tuple[int, str]:
        store = self.world.books()
        try:
            return store.audit_head()
        finally:
            store.close()


def order(rng: Random, kills: int) -> list[str]:
    """Every named point in turn, in a drawn order, with deaths at random among them."""
    points: list[str] = []
    while len(points) < kills:
        some = [*POINTS, *["random"] * 12]
        rng.shuffle(some)
        points += some
    points = points[:kills]
    for _ in range(kills // 12):
        points.insert(rng.randrange(len(points)), "SIGTERM")
    return points


def run(kills: int, seed: int, say: Callable[[str], None] = lambda _: None) -> Tally:
    """Live as many lives as these kills take."""
    rng, tally, began = Random(seed), Tally(seed), time.monotonic()
    points = order(rng, kills)
    zygote = Zygote()
    try:
        while tally.killed < kills:
            some, points = points[:ROUNDS_A_LIFE], points[ROUNDS_A_LIFE:]
            if not some:
                points = order(rng, kills - tally.killed)
                continue
            wrong = Life(rng, zygote, tally).run(some)
            tally.seconds = round(time.monotonic() - began, 1)
            say(
                f"{tally.killed} kills, {tally.faults.total()} faults: {dict(wrong) or 'right'}"
            )
    finally:
        zygote.close()
    return tally


def main() -> int:
    """Run, print the tally, write it down; exit 1 when anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("faults.json"))
    args = parser.parse_args()

    def say(line: str) -> None:
        sys.stderr.write(line + "\n")

    tally = run(args.kills, args.seed, say)
    text = json.dumps(tally.as_dict(), indent=2, sort_keys=True) + "\n"
    args.out.write_text(text)
    sys.stdout.write(text)
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
