"""The simulator: whole worlds made from a seed, in which the worker itself is run."""
