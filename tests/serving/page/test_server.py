"""The web page's server: addresses, host names, the password and timeouts of connections."""

import socket

import pytest

from icdpm.errors import IcdpmError
from icdpm.serving.page.server import (
    HostNames,
    check_address,
    is_public,
    read_password_check,
    set_tcp_timeout,
    url_origin,
)


def test_an_address_in_use_is_an_error():
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        port = used.getsockname()[1]
        used.listen()
        with pytest.raises(IcdpmError, match=f"Cannot listen on 127.0.0.1:{port}: Address already in use. Choose another"):
            check_address("127.0.0.1", port)
    check_address("127.0.0.1", port)


def test_loopback_addresses_are_not_public():
    assert not any(is_public(host) for host in ["127.0.0.1", "127.8.8.8", "localhost", "::1"])
    assert all(is_public(host) for host in ["0.0.0.0", "::", "192.168.1.7"])
    for unknown in ["no.such.host.invalid", "a..b"]:
        with pytest.raises(IcdpmError, match=f"Unknown address '{unknown}'"):
            is_public(unknown)


def test_host_names():
    private, public = HostNames("127.0.0.1"), HostNames("0.0.0.0")
    for names in (private, public):
        assert "localhost" in names and "::1" in names
        assert None not in names and "" not in names and "evil.example" not in names
    assert "192.168.1.7" in public and socket.gethostname().lower() in public
    assert "192.168.1.7" not in private and socket.gethostname().lower() not in private


def test_urls_of_reverse_proxies():
    assert url_origin("https://Photos.example.com:8443/deblur/") == "https://photos.example.com:8443"
    names = HostNames("127.0.0.1", "https://Photos.example.com:8443/deblur/")
    assert "photos.example.com" in names and "localhost" in names and "example.com" not in names
    for url in [
        "photos.example.com",
        "ftp://photos.example.com",
        "https://",
        "https://a@b.example",
        "https://a.example/?b",
        "https://a.example:b",
        "https://[::1",
        "",
    ]:
        with pytest.raises(IcdpmError, match="is not the URL of a page"):
            url_origin(url)


def test_the_password_is_checked(tmp_path):
    (tmp_path / "password").write_text("größer als zwölf\n")
    check = read_password_check(tmp_path / "password")
    assert check("anyone", "größer als zwölf") and not check("anyone", "größer als zwölF") and not check("anyone", "")


@pytest.mark.parametrize("content", [b"", b"\n", b"too short\n", b"one password\nanother password\n"])
def test_an_invalid_password_file_is_an_error(tmp_path, content):
    (tmp_path / "password").write_bytes(content)
    with pytest.raises(IcdpmError, match="password must hold one line, a password of at least 12 characters.$"):
        read_password_check(tmp_path / "password")
    (tmp_path / "password").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(IcdpmError, match="is not a text file"):
        read_password_check(tmp_path / "password")


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no TCP_USER_TIMEOUT")
def test_accepted_connections_have_the_timeout():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        set_tcp_timeout([listening])
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
