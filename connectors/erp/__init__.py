"""Registers of ERPs, read only."""
