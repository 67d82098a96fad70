"""One file for each revision; the baseline is what 0.1.0 ships."""
