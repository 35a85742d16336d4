"""What the server tells systemd of itself: sd_notify's protocol, a datagram to the socket that NOTIFY_SOCKET names."""

import os
import socket
from contextlib import suppress

__all__ = ["READY", "STOPPING", "tell_manager"]

READY = "READY=1"
"""It listens."""
STOPPING = "STOPPING=1"
"""It takes nothing more and will end."""


def tell_manager(state: str) -> None:
    """Does nothing where no service manager asked for it; one that does not listen is none of our worries."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # a name without a file
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notice, suppress(OSError):
        notice.connect(address)
        notice.sendall(state.encode())
