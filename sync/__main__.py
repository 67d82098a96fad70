"""`python -m sync` is `tieout`."""

from sync.cli import main

main()
