"""What every test shares: no network beyond loopback, no telemetry, a fixed profile."""

import stripe
from hypothesis import settings

settings.register_profile("tieout", derandomize=True, deadline=None, max_examples=150)
settings.load_profile("tieout")
# Otherwise the SDK writes an id into the user's home and sends platform data.
stripe.enable_telemetry = False
