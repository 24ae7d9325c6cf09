import pytest
from deployment import Deployment

from stream_rfm.kafka.declare import declare


@pytest.fixture
def declared(deployment, monkeypatch) -> Deployment:
    """A deployment with its topics, whose transactions do not stay open for long."""
    monkeypatch.setenv("STREAM_RFM_KAFKA__TRANSACTION_TIMEOUT_SECONDS", "3")
    declare(deployment.settings)
    return deployment
