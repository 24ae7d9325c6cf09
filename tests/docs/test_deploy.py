from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from pages import ROOT, read

from stream_rfm.settings import PREFIX, load

_COMPOSE: dict[str, Any] = yaml.safe_load(read("docker-compose.yml"))
_PROMETHEUS: dict[str, Any] = yaml.safe_load(read("deploy/prometheus/prometheus.yml"))
_PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+\.\d+(-[a-z]+)?")


each = pytest.mark.parametrize("service", _COMPOSE["services"].values(), ids=_COMPOSE["services"])


def instructions() -> list[list[str]]:
    """The instructions of the Dockerfile, each with its arguments."""
    joined = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", read("Dockerfile"), flags=re.MULTILINE))
    return [line.split() for line in joined.splitlines() if line.strip()]


@each
def test_an_image_is_pinned_or_built_here(service):
    assert ("build" in service) != ("image" in service)
    if "image" in service:
        assert _PINNED.fullmatch(service["image"]), service["image"]


@each
def test_ports_are_published_on_the_loopback_interface_only(service):
    for port in service.get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


@each
def test_what_it_depends_on_is_there_and_says_when_it_is_well(service):
    for other, condition in service.get("depends_on", {}).items():
        assert condition == {"condition": "service_healthy"}
        assert "healthcheck" in _COMPOSE["services"][other]


@each
def test_volumes_are_named_or_are_files_of_this_repository(service):
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert ROOT.joinpath(source).is_file()
            assert volume.endswith(":ro")
        else:
            assert source in _COMPOSE["volumes"]


def test_the_worker_can_write_where_the_image_lets_it_though_it_may_write_nowhere_else():
    worker = _COMPOSE["services"]["worker"]
    made = re.findall(r"/var/\S+/stream-rfm", read("Dockerfile").split("--mode 0700")[1].split("\n")[0])
    assert len(made) == 2
    assert worker["read_only"]
    assert [volume.split(":")[1] for volume in worker["volumes"]] == made


def test_no_service_has_a_secret():
    assert not re.search(
        r"password|secret|token", read("docker-compose.yml").replace("has a password", ""), re.IGNORECASE
    )


def test_the_worker_gets_settings_that_exist(monkeypatch):
    environment = _COMPOSE["services"]["worker"]["environment"]
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        assert name.startswith(PREFIX)
        assert isinstance(value, str), f"{name} is a text in quotes, or compose decides what it is"
        monkeypatch.setenv(name, value)
    settings = load()
    for address in (settings.kafka.bootstrap_servers, settings.redis.url.get_secret_value()):
        host = re.sub(r"^redis://", "", address).split(":")[0]
        assert host in _COMPOSE["services"]


def test_prometheus_looks_where_the_worker_shows_its_metrics():
    environment = _COMPOSE["services"]["worker"]["environment"]
    [job] = _PROMETHEUS["scrape_configs"]
    [[target]] = [found["targets"] for found in job["static_configs"]]
    assert target == f"worker:{environment[f'{PREFIX}METRICS_PORT']}"
    assert environment[f"{PREFIX}METRICS_HOST"] == "0.0.0.0"
    assert job.get("metrics_path", "/metrics") == "/metrics"


def test_alerts_are_of_metrics_that_exist_and_are_found_by_prometheus():
    volumes = _COMPOSE["services"]["prometheus"]["volumes"]
    for name in _PROMETHEUS["rule_files"]:
        assert f"./deploy/prometheus/{name}:/etc/prometheus/{name}:ro" in volumes
        for group in yaml.safe_load(read(f"deploy/prometheus/{name}"))["groups"]:
            for rule in group["rules"]:
                named = re.findall(r"stream_rfm_[a-z_]+", rule["expr"])
                assert named
                for metric in named:
                    assert f"| `{metric}` |" in read("docs/metrics.md"), metric


def test_brokers_keep_transactions_with_one_replica():
    environment = _COMPOSE["services"]["kafka"]["environment"]
    for name in (
        "OFFSETS_TOPIC_REPLICATION_FACTOR",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR",
        "TRANSACTION_STATE_LOG_MIN_ISR",
    ):
        assert environment[f"KAFKA_{name}"] == "1"
    assert environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_the_image_is_built_from_files_that_are_there_and_not_ignored():
    ignored = read(".dockerignore").splitlines()
    for instruction, *arguments in instructions():
        if instruction == "COPY" and not arguments[0].startswith("--from"):
            for source in arguments[:-1]:
                assert ROOT.joinpath(source).exists()
                assert f"!{source}" in ignored


def test_the_image_is_pinned_and_installs_with_hashes():
    text = read("Dockerfile")
    assert {image for word, image, *_ in instructions() if word == "FROM"} == {"python:3.12-slim"}
    for installed in re.findall(r"pip install (.+)", text):
        assert "--require-hashes" in installed or "--no-deps" in installed


def test_the_build_backend_is_installed_with_all_that_it_needs():
    [names] = re.findall(r"\^\(([\w|-]+)\)==", read("Dockerfile"))
    needed = {"hatchling"}
    for entry in re.split(r"^(?=[a-z])", read("requirements-dev.lock"), flags=re.MULTILINE):
        if re.search(r"^    #(  | via) hatchling$", entry, re.MULTILINE):
            needed.add(entry.split("==")[0])
    assert set(names.split("|")) == needed
    assert "hatchling" in read("pyproject.toml")


def test_the_image_runs_the_worker_as_nobody_in_particular():
    last = {word: arguments for word, *arguments in instructions()}
    assert last["ENTRYPOINT"] == ['["stream-rfm"]']
    assert last["CMD"] == ['["worker"]']
    assert last["USER"] == ["10001"]


def test_it_is_given_longer_to_end_than_it_takes():
    grace = _COMPOSE["services"]["worker"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > load().shutdown_seconds


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here; .ci/run brings it")
def test_promtool_takes_the_configuration():
    command = ["promtool", "check", "config", str(ROOT / "deploy/prometheus/prometheus.yml")]
    result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_run_of_ci_is_a_script_that_can_be_run():
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)], check=False, timeout=60).returncode == 0
