"""Which hosts are this machine, and that the stand-ins listen on no other."""

import pytest

from connectors.loopback import HOST, is_loopback, listening


def test_what_listens_is_reached_from_this_machine_alone() -> None:
    with listening(0) as listener:
        host, port = listener.getsockname()
        assert (host, port > 0) == (HOST, True)
        with pytest.raises(OSError, match="in use"):
            listening(port)


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.10", False),
        ("localhost.example.com", False),
        ("", False),
    ],
)
def test_only_loopback_is_this_machine(host: str, ours: bool) -> None:
    assert is_loopback(host) is ours
