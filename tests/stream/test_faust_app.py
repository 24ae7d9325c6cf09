from pathlib import Path

from stream_rfm.stream.faust_app import faust_app_of


def test_faust_serves_nothing_creates_no_topic_and_keeps_nothing_on_disk(deployment):
    app = faust_app_of(deployment.settings)
    assert not app.conf.web_enabled
    assert not app.conf.topic_allow_declare
    assert app.conf.topic_disable_leader
    assert str(app.conf.store).startswith("memory:")
    app._create_directories()
    assert not Path(app.conf.datadir).exists()
    # Its own exactly-once loses the race with a zombie: transactions are ours.
    assert str(app.conf.processing_guarantee).endswith("AT_LEAST_ONCE")


def test_session_and_timeouts_are_those_of_the_settings(deployment):
    kafka = deployment.settings.kafka.model_copy(update={"session_timeout_seconds": 1.0})
    conf = faust_app_of(deployment.settings.model_copy(update={"kafka": kafka})).conf
    assert (conf.broker_session_timeout, conf.broker_heartbeat_interval) == (1.0, 0.25)
    assert conf.broker_request_timeout > conf.broker_session_timeout


def test_no_outage_is_long_enough_for_a_worker_to_leave_its_group(deployment):
    # aiokafka would not join again: nothing is fetched through it.
    assert faust_app_of(deployment.settings).conf.broker_max_poll_interval > 365 * 86_400
