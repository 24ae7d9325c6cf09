import json
import signal

import pytest
from broker import write
from runs import run, start
from transition_records import RULES, message, moved

from stream_rfm.kafka.declare import declare
from stream_rfm.model import transition


@pytest.fixture
def publish(deployment):
    declare(deployment.settings)
    return lambda *messages: write(deployment.servers, deployment.topics.transitions.name, messages)


def test_transitions_are_told_in_lines(publish):
    publish(
        message(moved("c-1"), 0),
        message(moved("c-1", 2, "new", "champions"), 0),
        message(moved("c-1", 3, "new", None), 0),
    )
    result = run("watch", "--from-beginning", "--count", 3)
    assert result.exit_code == 0
    first, second, third = result.stdout.splitlines()
    assert first.split() == [
        "2026-01-02",
        "03:04:05",
        "+",
        "c-1",
        "nowhere",
        "→",
        "new",
        "-",
        "→",
        "511",
        "order",
    ]
    assert "↑  c-1               new → champions" in second
    assert "−  c-1               new → erased" in third


def test_json_is_the_event_with_its_id(publish):
    made = moved("c-ü")
    publish(message(made, mood="good"))
    result = run("watch", "--from-beginning", "--count", 1, "--json")
    said = json.loads(result.stdout)
    assert said.pop("ce_id") == made.event_id
    assert said.pop("mood") == "good"
    assert list(said) == list(transition.to_document(made, RULES, 0))
    assert "c-ü" in result.stdout


def test_only_what_happens_from_now_on_until_ctrl_c(publish):
    publish(message(moved("c-1", 1), 0))
    with start("watch", "--json") as process:
        assert "Ctrl-C" in process.stderr.readline()
        publish(message(moved("c-1", 2), 0))
        assert json.loads(process.stdout.readline())["sequence"] == 2
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stdout.read() == process.stderr.read() == ""


def test_closed_pipe_ends_it(publish):
    with start("watch", "--from-beginning") as process:
        process.stdout.close()
        publish(message(moved("c-1")))
        assert process.wait(20) == 0
        assert "Traceback" not in process.stderr.read()


def test_missing_topic_is_said(deployment):
    result = run("watch")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"Topic {deployment.topics.transitions.name} does not exist" in result.stderr
