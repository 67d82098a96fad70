"""This machine itself: which hosts are it, and the one way our stand-ins listen on it."""

import socket
from ipaddress import ip_address

HOST = "127.0.0.1"
BACKLOG = 256


def is_loopback(host: str) -> bool:
    """Is this host name or address the machine itself?"""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def listening(port: int) -> socket.socket:
    """A listening socket on 127.0.0.1; port 0 takes any free one.

    Raises OSError or OverflowError where the port cannot be had.
    """
    # asyncio sends a small answer at once only on a socket that says it is TCP. Any other
    # keeps Nagle's rule, and each call then waits some 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(BACKLOG)  # so that a caller who has read the address is not refused
    except (OSError, OverflowError):
        listener.close()
        raise
    return listener
