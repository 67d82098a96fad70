"""The embedded billing core: its own system of record, served on Metronome's paths."""
