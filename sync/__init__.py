"""What should happen, and the hands that make it happen."""
