"""What a section refuses; how its settings are named and read is in ``test_settings.py``."""

import pytest
from pydantic import ValidationError

from stream_rfm.sections import RedisSettings


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
