"""What a section refuses; how its settings are named and read is in ``test_settings.py``."""

import pytest
from pydantic import ValidationError

from stream_rfm.sections import KafkaSettings, RedisSettings


def refused(section, **given):
    """What a section says of what it is given."""
    with pytest.raises(ValidationError) as failure:
        section(**given)
    [error] = failure.value.errors(include_url=False)
    return error["msg"].removeprefix("Value error, ")


@pytest.mark.parametrize(
    "options", ["timeout=5", "ssl_cert_reqs=none", "socket_timeuot=1", "db=one", "protocol=9"]
)
def test_options_that_no_connection_to_a_redis_has_are_refused_at_once(options):
    assert refused(RedisSettings, url=f"redis://h/0?{options}").endswith("no options but those of redis-py")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "redis://h/0?socket_timeout=5&health_check_interval=10",
            "redis://h/0?password=hush&max_connections=9",
        ),
        *("rediss://h/0?ssl_cert_reqs=none&ssl_ca_certs=%2Fca.pem", "unix:///tmp/redis.sock?db=1"),
    ],
)
def test_options_that_connections_have_are_taken(url):
    assert RedisSettings(url=url).url.get_secret_value() == url


SASL = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "PLAIN",
    "sasl_username": "u",
    "sasl_password": "p",
}


@pytest.mark.parametrize("missing", ["sasl_mechanism", "sasl_username", "sasl_password"])
@pytest.mark.parametrize(
    "as_nothing", [{}, {"sasl_mechanism": None, "sasl_username": "", "sasl_password": ""}]
)
def test_who_comes_with_a_password_says_all_that_is_asked(missing, as_nothing):
    given = {name: value for name, value in SASL.items() if name != missing}
    given |= {name: value for name, value in as_nothing.items() if name == missing}
    assert refused(KafkaSettings, **given) == "is needed with the security protocol SASL_SSL"
    assert KafkaSettings(**SASL).sasl_password.get_secret_value() == "p"


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL"])
def test_mechanism_that_nobody_would_ask_for_is_refused(protocol):
    said = refused(KafkaSettings, **SASL | {"security_protocol": protocol})
    assert said == f"needs a security protocol SASL_SSL or SASL_PLAINTEXT, not {protocol}"
    assert KafkaSettings(security_protocol=protocol, sasl_username="u", sasl_password="p")


def test_certificates_to_trust_are_looked_at_at_once(tmp_path):
    missing, other = tmp_path / "missing.pem", tmp_path / "other.pem"
    other.write_text("no certificate\n")
    said = refused(KafkaSettings, ssl_cafile=missing)
    assert said == "cannot be read: No such file or directory"
    assert refused(KafkaSettings, ssl_cafile=tmp_path) == "cannot be read: Is a directory"
    assert refused(KafkaSettings, ssl_cafile=other) == "should be a PEM file with certificates"
