"""Where the page listens, and what browsers may call it."""

import ipaddress
import socket

from icdpm.errors import IcdpmError


def check_address(host, port):
    """Raises IcdpmError where a server cannot listen."""
    family, kind, protocol, _, address = _resolve(host, port)[0]
    try:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise IcdpmError(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port or --host") from error


def lets_others_in(host):
    """Whether other computers reach a server that listens there; IcdpmError where there is no such address."""
    return not all(ipaddress.ip_address(address[0]).is_loopback for *_, address in _resolve(host, None))


class PageNames:
    """The names in addresses that are the page's own; `in` asks for one.

    DNS rebinding makes a stranger's domain name point here, so that the stranger's page counts as ours: only a name can do so.
    Where other computers are let in, any IP address is the page's own, as what it is from there is not known here.

    Args:
      host: where the page listens.
    """

    def __init__(self, host):
        self._names = {"localhost", "127.0.0.1", "::1", host.lower()}
        self._any_address = lets_others_in(host)
        if self._any_address:
            self._names |= {socket.gethostname().lower(), socket.getfqdn().lower()}

    def __contains__(self, name):
        return name in self._names or (self._any_address and _is_address(name))


def _resolve(host, port):
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise IcdpmError(f"there is no address {host!r} on this computer; choose another --host") from error


def _is_address(name):
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False
