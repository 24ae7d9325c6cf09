import pytest

from stream_rfm.configured import rules_of
from stream_rfm.demo.deployment import Deployment
from stream_rfm.local.named import NamedServices
from stream_rfm.local.services import Endpoints
from stream_rfm.settings import PREFIX, load

ENDPOINTS = Endpoints("127.0.0.1:1", "redis://127.0.0.1:2/0")


@pytest.fixture
def made(monkeypatch):
    """Makes a run's deployment where somebody has set something."""

    def make(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(PREFIX + name, value)
        settings = load()
        return Deployment.of(settings, None, NamedServices.of(settings), ENDPOINTS)

    return make


def test_rules_are_those_of_the_demo_whatever_somebody_has_set(made):
    usual = rules_of(made().settings)
    other = made(
        LEVELS="3", GRID="three-level", THRESHOLDS__FREQUENCY="[2, 4]", QUANTILES="linear", CLOCK="wall"
    )
    assert rules_of(other.settings) == usual
    assert usual.window is None
    assert other.environment()["STREAM_RFM_LEVELS"] == "5"


def test_names_are_of_one_run_alone_and_begin_as_somebody_wants(made):
    one, other = made(APP_ID="shop", TOPICS__PREFIX="shop."), made()
    assert one.settings.app_id.startswith("shop-demo-")
    assert one.settings.topics.prefix.startswith("shop.demo-")
    assert one.settings.app_id != other.settings.app_id
    assert one.settings.topics.prefix != other.settings.topics.prefix


def test_environment_leads_to_it(made, monkeypatch):
    run = made(REDIS__TIMEOUT_SECONDS="7")
    for name, value in run.environment().items():
        monkeypatch.setenv(name, value)
    found = load()
    assert found.model_dump() == run.settings.model_dump()


def test_kafka_that_is_started_needs_no_credentials(made):
    sasl = {f"KAFKA__SASL_{name}": name for name in ("USERNAME", "PASSWORD")}
    kafka = made(KAFKA__SECURITY_PROTOCOL="SASL_SSL", KAFKA__SASL_MECHANISM="PLAIN", **sasl).settings.kafka
    assert (kafka.security_protocol, kafka.sasl_mechanism) == ("PLAINTEXT", None)
    assert kafka.bootstrap_servers == "127.0.0.1:1"


def test_kafka_that_is_named_is_used_as_it_is(made):
    kafka = made(KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1", KAFKA__SECURITY_PROTOCOL="SSL").settings.kafka
    assert kafka.security_protocol == "SSL"
