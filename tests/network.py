"""The whole test suite runs without a network: sockets are refused, in Python and, where possible, below it.

Inside Python an audit hook refuses every socket that could leave the machine, in whatever thread; a use is
remembered, so that a test fails whose code swallowed the refusal. Where pytest may make a network namespace
of its own, an empty one takes the network away from native libraries and child processes as well.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import socket
import struct
import sys
from typing import Any

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
IFF_UP = 1

ALWAYS_LOOPBACK = sys.platform == "win32"  # where asyncio talks to itself in that way

LOOKUPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}
DESTINATIONS = {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"}


class NetworkUse(RuntimeError):
    """Something wanted to leave the machine."""


class Guard:
    """Decides about every socket of this process; `loopback` allows those to the machine itself."""

    def __init__(self) -> None:
        self.loopback = ALWAYS_LOOPBACK
        self.refused: list[str] = []
        self.reaches_children = False  # and native libraries

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Refuse what an audit event announces, if it could leave the machine."""
        if event == "socket.__new__":
            _, family, *_ = arguments
            allowed = family == getattr(socket, "AF_UNIX", None) or self.loopback
        elif event in LOOKUPS:
            allowed = self.loopback and is_loopback(arguments[0])
        elif event in DESTINATIONS:
            allowed = not isinstance(arguments[1], tuple) or (self.loopback and is_loopback(arguments[1]))
        else:
            return
        if not allowed:
            self.refused.append(f"{event}{arguments}")
            raise NetworkUse(f"a test tried to use the network: {event} {arguments}")


def is_loopback(place: Any) -> bool:
    """Tell whether a host, or an address with a port, is this machine."""
    host = place[0] if isinstance(place, tuple) else place
    if isinstance(host, bytes):
        host = host.decode()
    try:
        return host == "localhost" or bool(ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False


guard = Guard()


def forbid() -> None:
    """Begin to refuse, for good."""
    sys.addaudithook(guard)
    guard.reaches_children = leave_network()


def leave_network() -> bool:
    """Move this process into an empty network namespace, if root may; its permissions stay what they are."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return False
    bring_loopback_up()
    return True


def bring_loopback_up() -> None:
    """Let a new namespace's own address answer."""
    import fcntl

    guard.loopback = True
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))
    guard.loopback = ALWAYS_LOOPBACK
