import pytest
from local_probes import taken

from stream_rfm.local.ports import free_ports, is_free


def test_ports_are_different_and_free():
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert all(map(is_free, ports))


def test_ports_are_none_that_outgoing_connections_get():
    assert all(1024 < port < 32_768 for port in free_ports(50))


def test_port_of_somebody_else_is_not_free():
    with taken() as port:
        assert not is_free(port)


def test_too_many_ports_are_an_error():
    with pytest.raises(OSError, match="no 20000 free ports"):
        free_ports(20_000)
