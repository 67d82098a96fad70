"""The Stripe stand-in for machines with no account: our own, and on loopback only."""
