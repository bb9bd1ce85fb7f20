"""Where the page may listen, and what it may be called."""

import socket

import pytest

from icdpm.errors import IcdpmError
from icdpm.serving.addresses import PageNames, check_address, lets_others_in


def test_an_address_is_free_or_the_error_says_so():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.listen()
        with pytest.raises(IcdpmError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another"):
            check_address("127.0.0.1", port)
    check_address("127.0.0.1", port)


def test_who_reaches_an_address():
    assert not any(lets_others_in(host) for host in ["127.0.0.1", "127.8.8.8", "localhost", "::1"])
    assert all(lets_others_in(host) for host in ["0.0.0.0", "::", "192.168.1.7"])
    with pytest.raises(IcdpmError, match="there is no address 'no.such.host.invalid' on this computer"):
        lets_others_in("no.such.host.invalid")


def test_names_of_a_page():
    alone, for_others = PageNames("127.0.0.1"), PageNames("0.0.0.0")
    for names in (alone, for_others):
        assert "localhost" in names and "::1" in names
        assert None not in names and "" not in names and "evil.example" not in names
    assert "192.168.1.7" in for_others and socket.gethostname().lower() in for_others
    assert "192.168.1.7" not in alone and socket.gethostname().lower() not in alone
