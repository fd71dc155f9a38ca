"""Where a local workspace listens, and where it is told its token."""

from __future__ import annotations

import errno
import ipaddress
import socket

from databricks_monitoring.errors import LocalWorkspaceError, PortInUseError

DEFAULT_PORT = 8765

TOKEN_VARIABLE = "DATABRICKS_MONITORING_LOCAL_TOKEN"  # noqa: S105 - the name of a variable, not a token
"""Environment variable that `local up` reads the token from, so that it is in no list of processes."""

_BACKLOG = 2048


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine reach `host`.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on `host` and `port`; 0 is any free port.

    Raises
    ------
    PortInUseError
        If another program listens there.
    LocalWorkspaceError
        If this machine has no such address, or does not let this user listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns delays off (TCP_NODELAY) only where the protocol is named: 2 ms a call, not 46.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(host, port) from error
        raise LocalWorkspaceError(
            f"Cannot listen on {host}, port {port}: {error.strerror or error}."
        ) from error
    return listener
