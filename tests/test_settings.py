import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from stream_rfm.settings import SettingsError, load, variable


@pytest.fixture(autouse=True)
def _nothing_chosen(monkeypatch):
    for name in ("window_days", "levels", "app_id", "kafka.bootstrap_servers", "redis.url", "grid"):
        monkeypatch.delenv(variable(name), raising=False)


@pytest.fixture
def file(tmp_path):
    def written(text):
        path = tmp_path / "settings.toml"
        path.write_text(text, "utf-8")
        return path

    return written


def refused(config=None, **overrides):
    """The sentence that settings are refused with."""
    with pytest.raises(SettingsError) as failure:
        load(config, **overrides)
    sentence = str(failure.value)
    assert "\n" not in sentence
    assert sentence[-1] in ".?"
    return sentence


def test_defaults_are_those_of_the_contract():
    settings = load()
    assert settings.kafka.bootstrap_servers == "127.0.0.1:9092"
    assert settings.redis.url.get_secret_value() == "redis://127.0.0.1:6379/0"
    assert (settings.topics.partitions, settings.topics.replication, settings.topics.prefix) == (8, 1, "")
    assert (settings.app_id, settings.window_days, settings.levels, settings.best) == (
        "stream-rfm",
        365,
        5,
        "high",
    )
    assert (settings.grid, settings.clock, settings.quantiles) == ("classic-5", "wall", "inverted_cdf")
    assert (settings.rescore_seconds, settings.rescore_event_seconds) == (60, 86_400)
    assert (settings.commit_ms, settings.dedupe_days, settings.min_customers) == (30, 7, 100)
    assert (settings.metrics_port, settings.http_port, settings.exact_up_to) == (9464, 8000, 100_000)


def test_nothing_listens_to_other_machines_unless_somebody_says_so(monkeypatch):
    assert (load().metrics_host, load().http_host) == ("127.0.0.1", "127.0.0.1")
    monkeypatch.setenv("STREAM_RFM_METRICS_HOST", "0.0.0.0")
    assert load().metrics_host == "0.0.0.0"


def test_environment_wins_over_the_file_and_an_argument_over_both(file, monkeypatch):
    path = file('levels = 3\nwindow_days = 30\n[kafka]\nbootstrap_servers = "k:1"\n')
    assert (load(path).levels, load(path).window_days, load(path).kafka.bootstrap_servers) == (3, 30, "k:1")
    monkeypatch.setenv("STREAM_RFM_LEVELS", "4")
    monkeypatch.setenv("STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS", "k:2")
    assert (load(path).levels, load(path).kafka.bootstrap_servers) == (4, "k:2")
    assert load(path, levels=6).levels == 6


def test_null_is_no_window(monkeypatch):
    monkeypatch.setenv("STREAM_RFM_WINDOW_DAYS", "null")
    assert load().window_days is None


def test_null_is_nothing_in_a_file_too(file):
    said = 'window_days = "null"\n[kafka]\ninstance_id = "null"\n[thresholds]\nfrequency = "null"\n'
    settings = load(file(said))
    assert settings.window_days is None
    assert settings.kafka.instance_id is None
    assert settings.thresholds.frequency is None
    assert settings.chosen("window_days")


def test_it_is_known_what_somebody_chose(file, monkeypatch):
    monkeypatch.setenv("STREAM_RFM_METRICS_PORT", "9464")
    settings = load(file('grid = "classic-5"\n[kafka]\nrequest_timeout_seconds = 30\n'), levels=5)
    for name in ("metrics_port", "grid", "kafka.request_timeout_seconds", "levels"):
        assert settings.chosen(name)
    assert not settings.chosen("http_port")
    assert not settings.chosen("kafka.session_timeout_seconds")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LEVELS", "1"),
        ("LEVELS", "many"),
        ("WINDOW_DAYS", "-1"),
        ("WINDOW_DAYS", "nan"),
        ("BEST", "middle"),
        ("CLOCK", "sun"),
        ("METRICS_PORT", "70000"),
        ("APP_ID", "with space"),
        ("CURRENCY", "Euro"),
        ("TOPICS__PARTITIONS", "0"),
        ("TOPICS__PREFIX", "a/b"),
        ("KAFKA__SESSION_TIMEOUT_SECONDS", "0"),
        ("COMMIT_MS", "-5"),
    ],
)
def test_wrong_setting_is_named_with_what_it_is(monkeypatch, name, value):
    monkeypatch.setenv(f"STREAM_RFM_{name}", value)
    sentence = refused()
    assert sentence.startswith(f"STREAM_RFM_{name} ")
    assert repr(value) in sentence


@pytest.mark.parametrize(
    ("name", "most"), [("WINDOW_DAYS", 1_000_000), ("DEDUPE_DAYS", 1_000_000), ("BACKFILL_HOURS", 24_000_000)]
)
def test_times_that_64_bits_of_microseconds_do_not_hold_are_refused(monkeypatch, name, most):
    monkeypatch.setenv(f"STREAM_RFM_{name}", str(most + 1))
    sentence = refused()
    assert sentence.startswith(f"STREAM_RFM_{name} should be less than or equal to {most}")
    assert ("or null for all time" in sentence) == (name == "WINDOW_DAYS")
    monkeypatch.setenv(f"STREAM_RFM_{name}", str(most))
    assert getattr(load(), name.lower()) == most


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("STREAM_RFM_WINDOW", "STREAM_RFM_WINDOW_DAYS"),
        ("STREAM_RFM_KAFKA__BOOTSTRAP_SERVER", "STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS"),
        ("STREAM_RFM_TOPIC__PARTITIONS", "STREAM_RFM_TOPICS__PARTITIONS"),
    ],
)
def test_unknown_setting_is_named_with_the_one_that_was_meant(monkeypatch, name, hint):
    monkeypatch.setenv(name, "1")
    assert refused() == f"{name} is not a setting of stream-rfm; did you mean {hint}?"


def test_settings_of_a_file_are_named_as_they_stand_there(file):
    assert refused(file("window = 3\n")) == "window is not a setting of stream-rfm; did you mean window_days?"
    assert refused(file("levels = 99\n")).startswith("levels ")
    assert refused(file("[kafka]\nservers = 3\n")).startswith("kafka.servers is not a setting")


def test_file_that_is_none_is_named(file, tmp_path):
    assert str(tmp_path / "none.toml") in refused(tmp_path / "none.toml")
    assert "is not valid TOML" in refused(file("levels ="))


def test_secrets_are_in_no_sentence_and_in_no_repr(monkeypatch):
    monkeypatch.setenv("STREAM_RFM_REDIS__URL", "redis://:hush@127.0.0.1:1/0")
    monkeypatch.setenv("STREAM_RFM_KAFKA__SASL_PASSWORD", "hush")
    assert "hush" not in f"{load()!r} {load()}"
    monkeypatch.setenv("STREAM_RFM_REDIS__URL__X", "hush")
    assert "hush" not in refused()


@pytest.mark.parametrize(
    "said", ['redis = "redis://:hush@host:6379/0"', 'redis = ["redis://:hush@h"]', 'kafka = "hush"']
)
def test_a_section_that_is_given_as_a_text_is_not_said(file, said):
    name = said.split()[0]
    assert refused(file(said)).startswith((f"{name} should be", f"{name} must be"))
    assert "hush" not in refused(file(said))


def test_a_wrong_number_among_several_is_said(file):
    assert "'often'" in refused(file('[thresholds]\nfrequency = [1, 2, 3, "often"]\n'))


@pytest.mark.parametrize(
    "url",
    [
        *("redis://:s3cr/et@host", "redis://:s3cret#@host:1", "http://:s3cret@host", "s3cret"),
        *("redis://host/0?socket_timeout=s3cret", "redis://host/0?pasword=s3cret", ""),
    ],
)
def test_what_is_no_url_of_a_redis_is_refused_without_saying_it(monkeypatch, file, url):
    monkeypatch.setenv("STREAM_RFM_REDIS__URL", url)
    with pytest.raises(SettingsError) as failure:
        load()
    assert str(failure.value).startswith("STREAM_RFM_REDIS__URL should be redis://")
    shown = "".join(traceback.format_exception(failure.value))
    assert "s3cr" not in shown
    monkeypatch.delenv("STREAM_RFM_REDIS__URL")
    assert refused(file(f'[redis]\nurl = "{url}"\n')).startswith("redis.url should be redis://")


@pytest.mark.parametrize(
    "url", ["redis://h", "rediss://user:a%2Fb@h:1/3?socket_timeout=1", "unix:///tmp/redis.sock?db=1"]
)
def test_urls_of_a_redis_are_taken(monkeypatch, url):
    monkeypatch.setenv("STREAM_RFM_REDIS__URL", url)
    assert load().redis.url.get_secret_value() == url


def test_a_command_says_nothing_of_a_password(monkeypatch):
    monkeypatch.setenv("STREAM_RFM_REDIS__URL", "redis://:s3cr/et@host")
    program = Path(sys.executable).with_name("stream-rfm")
    for arguments in (["worker"], ["lookup", "c-1"]):
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2
        assert "STREAM_RFM_REDIS__URL should be" in done.stderr
        assert "s3cr" not in done.stdout + done.stderr


def test_rates_are_by_currency(monkeypatch):
    monkeypatch.setenv("STREAM_RFM_RATES__USD", "0.9")
    assert load().rates == {"USD": "0.9"}


def test_setting_that_is_missing_is_named(monkeypatch):
    monkeypatch.setenv("STREAM_RFM_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("STREAM_RFM_KAFKA__SASL_PASSWORD", "hush")
    reason = "is needed with the security protocol SASL_SSL."
    assert refused() == f"STREAM_RFM_KAFKA__SASL_MECHANISM {reason}"
    monkeypatch.setenv("STREAM_RFM_KAFKA__SASL_MECHANISM", "PLAIN")
    assert refused() == f"STREAM_RFM_KAFKA__SASL_USERNAME {reason}"
