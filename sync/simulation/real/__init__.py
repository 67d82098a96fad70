"""The real mode: the worker itself and its database; only clock, network and disk stand in."""
