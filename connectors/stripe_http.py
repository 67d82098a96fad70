"""Stripe's own client over our one HTTP manner: a hard deadline, a bounded answer, no redirect.

The client's usual transport bounds the wait for each piece of an answer but not the whole,
unpacks whatever it is sent and follows redirects. A request that outlives its idempotency
key could bill a customer twice, so it goes through `connectors.transport` instead.
"""

from collections.abc import Mapping
from typing import Any

import stripe

from connectors.transport import Transport


class OurManner(stripe.HTTPClient):
    """One pool of connections for all threads; a failure leaves as one of ours."""

    name = "tieout"

    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self._transport = transport

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        **_: Any,
    ) -> Any:
        """Send once; body, status and headers. Raises NotNow, Unknown, Misconfigured."""
        body = post_data.encode() if isinstance(post_data, str) else post_data
        answer = self._transport.exchange(
            method.upper(), url, headers=headers or {}, body=body
        )
        return answer.body, answer.status, answer.headers

    def close(self) -> None:
        """Give the connections back."""
        self._transport.close()
