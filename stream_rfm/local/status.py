"""Which services can be reached, and whose they are."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from stream_rfm.local.errors import ServiceError
from stream_rfm.local.named import NamedServices
from stream_rfm.local.state import ServicesState
from stream_rfm.local.supervisor import Supervisor
from stream_rfm.settings import KafkaSettings, RedisSettings, variable


@dataclass(frozen=True)
class ServiceStatus:
    """One service as it is now.

    Attributes:
        name: Kafka, Valkey when it is one's own, or Redis when it is named.
        up: whether it answers a request.
        named_in: the variable of the setting that names it; None for one's own.
        address: where it is reached; None when it does not run, or is named, as a URL may hold a password.
        pid: its process; None when it does not run here.
    """

    name: str
    up: bool = False
    named_in: str | None = None
    address: str | None = None
    pid: int | None = None


def statuses(supervisor: Supervisor) -> list[ServiceStatus]:
    """How Kafka and Valkey, or the named ones in their place, are now.

    Raises:
        ServiceError: what runs is not what is to run by these settings.
    """
    named, own = supervisor.named, supervisor.endpoints()
    kafka_address = own.bootstrap_servers if own else None
    redis_address = own.redis_url if own else None
    return [
        _named(NamedServices(kafka=named.kafka), "Kafka", "kafka.bootstrap_servers")
        if named.kafka
        else _own(supervisor, "Kafka", kafka_address),
        _named(NamedServices(redis=named.redis), "Redis", "redis.url")
        if named.redis
        else _own(supervisor, "Valkey", redis_address),
    ]


def _named(service: NamedServices, name: str, setting: str) -> ServiceStatus:
    return ServiceStatus(name, up=_answers(service), named_in=variable(setting))


def _own(supervisor: Supervisor, name: str, address: str | None) -> ServiceStatus:
    if address is None:
        return ServiceStatus(name)
    if name == "Kafka":
        request = NamedServices(kafka=KafkaSettings(bootstrap_servers=address))
    else:
        request = NamedServices(redis=RedisSettings(url=SecretStr(address)))
    pid = ServicesState.load(supervisor.folder).services[name].pid
    return ServiceStatus(name, up=_answers(request), address=address, pid=pid)


def _answers(service: NamedServices) -> bool:
    try:
        service.check()
    except ServiceError:
        return False
    return True
