"""The app as it is put together; what it does is in ``tests/e2e``."""

import subprocess
import sys
from pathlib import Path

import pytest

import stream_rfm.app
from stream_rfm.app import create_app
from stream_rfm.settings import SettingsError


@pytest.fixture
def app(deployment):
    return create_app(deployment.settings)


def test_it_reads_the_orders_and_the_reports_of_its_deployment_and_keeps_the_customers(app, deployment):
    topics = deployment.topics
    read = {name for agent in app.agents.values() for name in agent.channel.topics}
    assert read == {topics.orders.name, topics.summaries.name}
    [table] = app.tables.values()
    assert table.changelog_topic_name == topics.changelog.name
    assert app.conf.id == deployment.settings.app_id


def test_services_start_in_the_order_in_which_data_flows(app):
    services = list(app.BootStrategy(app).server())
    ours = list(app.scorer_services)
    assert [service for service in services if service in ours] == ours
    assert ours[0] is app.health
    assert ours[-1] is app.writer
    # The writer is there before anything is read, and ends after it.
    assert services.index(app.writer) < services.index(app.consumer)
    assert services.index(app.consumer) < services.index(app.agents)


@pytest.mark.parametrize(
    ("name", "value"), [("RATES__USD", "0"), ("GRID", "none"), ("QUANTILES", "fixed"), ("LEVELS", "12")]
)
def test_settings_that_do_not_fit_are_refused_before_anything_starts(deployment, monkeypatch, name, value):
    monkeypatch.setenv(f"STREAM_RFM_{name}", value)
    with pytest.raises(SettingsError, match=f"STREAM_RFM_{name}"):
        create_app(deployment.settings)


@pytest.mark.usefixtures("deployment")
def test_fausts_own_commands_find_the_app():
    answer = subprocess.run(
        [Path(sys.executable).parent / "faust", "-A", "stream_rfm.app", "agents"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert "score" in answer.stdout
    assert "merge" in answer.stdout


def test_there_is_nothing_else_to_be_found():
    with pytest.raises(AttributeError, match="application"):
        _ = stream_rfm.app.application
