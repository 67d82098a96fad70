"""Randomness that repeats, and the machine's own clock."""

import random

from sync.wiring import SystemClock

RNG = random.Random(7)
CLOCK = SystemClock()
