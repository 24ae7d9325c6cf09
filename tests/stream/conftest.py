import pytest
from aiokafka import AIOKafkaProducer
from deployment import Deployment
from members import member_of
from parts import Parts

from stream_rfm.kafka.declare import declare


@pytest.fixture
def declared(deployment, monkeypatch) -> Deployment:
    """A deployment with its topics, whose transactions do not stay open for long."""
    monkeypatch.setenv("STREAM_RFM_KAFKA__TRANSACTION_TIMEOUT_SECONDS", "3")
    declare(deployment.settings)
    return deployment


@pytest.fixture
async def parts(deployment):
    """A worker's collaborators, without a group and without topics."""
    made = Parts(deployment.settings, "none")
    yield made
    await made.cache.close()


@pytest.fixture
async def member(declared, monkeypatch):
    """A membership in the group of a deployment that has six records to be counted and scores everybody."""
    monkeypatch.setenv("STREAM_RFM_MIN_CUSTOMERS", "1")
    async with AIOKafkaProducer(bootstrap_servers=declared.servers) as producer:
        for _ in range(6):
            await producer.send_and_wait(declared.topics.orders.name, b"{}", b"k", partition=0)
    async with member_of(declared) as joined:
        yield joined.membership
