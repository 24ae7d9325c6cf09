import pytest
from redis import Redis

from stream_rfm.demo.database import _with_database, own_database
from stream_rfm.demo.errors import DemoError
from stream_rfm.settings import RedisSettings


@pytest.fixture
def settings(services):
    """A Redis that nobody has written to."""
    with Redis.from_url(services.redis_url) as redis:
        redis.flushall()
        yield RedisSettings(url=services.redis_url)
        redis.flushall()


def write(url, **values):
    with Redis.from_url(url) as redis:
        redis.mset({name.replace("_", ":"): value for name, value in values.items()})


def keys(url):
    with Redis.from_url(url) as redis:
        return set(redis.keys())


def test_database_that_is_named_is_taken_and_left_as_it_was(settings):
    named = settings.url.get_secret_value()
    write(named, other="kept")
    with own_database(settings) as url:
        assert url == named
        write(url, rfm_customer_1="x", rfm_partition_0="x")
    assert keys(named) == {b"other"}


def test_database_of_another_deployment_is_left_alone(settings):
    named = settings.url.get_secret_value()
    write(named, rfm_partition_0="theirs", rfm_customer_1="theirs")
    with own_database(settings) as url:
        assert url != named
        write(url, rfm_partition_0="ours")
    assert keys(named) == {b"rfm:partition:0", b"rfm:customer:1"}
    assert keys(url) == set()


def test_each_run_has_its_own(settings):
    with own_database(settings) as one, own_database(settings) as other:
        assert one != other


def test_failed_run_leaves_nothing(settings):
    with pytest.raises(ZeroDivisionError), own_database(settings) as url:
        raise ZeroDivisionError
    assert keys(url) == set()


def test_no_database_left_is_said(settings):
    for number in range(16):
        write(_with_database(settings.url.get_secret_value(), number), rfm_partition_0="theirs")
    with pytest.raises(DemoError, match=r"STREAM_RFM_REDIS__URL has no database"), own_database(settings):
        pass


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://h:1", "redis://h:1/5"),
        ("rediss://u:p@h:1/3?ssl_cert_reqs=none", "rediss://u:p@h:1/5?ssl_cert_reqs=none"),
        ("redis://h?db=3", "redis://h/5"),
        ("unix:///run/redis?db=3", "unix:///run/redis?db=5"),
    ],
)
def test_url_of_another_database(url, expected):
    assert _with_database(url, 5) == expected
