"""Reports: pure functions from a kept run, or the worklist, to text."""
