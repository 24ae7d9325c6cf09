import json
import logging
from datetime import datetime

import pytest

from stream_rfm import logs

NAMES = ("", *logs._TALKATIVE, *logs._ALARMED, *logs._TELLING)


@pytest.fixture
def configured(capsys):
    """Configures logging for a test, and reads what was said meanwhile."""
    root = logging.getLogger()
    handlers, levels = list(root.handlers), {name: logging.getLogger(name).level for name in NAMES}

    def entries(level):
        logs.configure(level)

        def said():
            return [json.loads(line) for line in capsys.readouterr().err.splitlines()]

        return said

    yield entries
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_each_entry_is_one_line_of_json(configured):
    said = configured("info")
    logging.getLogger("stream_rfm.x").warning("two\nlines", extra={"partition": 3, "reason": "none"})
    [entry] = said()
    datetime.fromisoformat(entry.pop("time").replace(",", "."))
    assert entry == {
        "level": "WARNING",
        "logger": "stream_rfm.x",
        "message": "two\nlines",
        "partition": 3,
        "reason": "none",
    }


def test_traceback_is_a_field(configured):
    said = configured("info")
    try:
        int("what")
    except ValueError:
        logging.getLogger("stream_rfm.x").exception("failed")
    [entry] = said()
    assert "ValueError: invalid literal" in entry["exc_info"]


@pytest.mark.parametrize(
    ("level", "expected"),
    [("debug", "diw"), ("info", "iw"), ("warning", "w"), ("error", "")],
)
def test_level_is_the_least_that_is_said(configured, level, expected):
    said = configured(level)
    for number, message in ((logging.DEBUG, "d"), (logging.INFO, "i"), (logging.WARNING, "w")):
        logging.getLogger("stream_rfm.x").log(number, message)
    assert "".join(entry["message"] for entry in said()) == expected


def test_libraries_say_only_what_is_wrong(configured):
    said = configured("info")
    for name in ("aiokafka.conn", "faust.app", "kafka.client", "mode"):
        logging.getLogger(name).info("busy")
        logging.getLogger(name).warning("wrong")
    # The services of Faust speak of themselves in the name of whoever made them.
    logging.getLogger("stream_rfm.app").info("[^-ScorerApp]: Starting...")
    logging.getLogger("aiokafka.producer.sender").warning("Got error produce response: retrying")
    assert [entry["message"] for entry in said()] == ["wrong"] * 4


def test_debug_hides_nothing_but_what_may_be_a_password(configured):
    said = configured("debug")
    logging.getLogger("aiokafka.client").debug("busy")
    logging.getLogger("stream_rfm.app").info("[^-ScorerApp]: Starting...")
    assert len(said()) == 2


@pytest.mark.parametrize(
    "name", ["aiokafka.conn", "kafka.admin.client", "kafka.net.connection", "kafka.protocol.parser"]
)
def test_what_clients_of_kafka_send_may_be_a_password_and_is_never_said(configured, name):
    said = configured("debug")
    logging.getLogger(name).debug("Request 3: SaslAuthenticate(auth_bytes=b'hush')")
    logging.getLogger(name).warning("gone")
    assert [entry["message"] for entry in said()] == ["gone"]
