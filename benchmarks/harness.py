"""What every benchmark needs: services and workers on cores of their own, and what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from redis import Redis

from stream_rfm.intake import kernels
from stream_rfm.local.services import Endpoints, LocalServices
from stream_rfm.stream import columns

ROOT = Path(__file__).parent
POLL_SECONDS = 0.1
ORDERS_SEEN = 'stream_rfm_order_events_total{type="order"}'
#: Refunds and the like, too.
EVENTS_SEEN = "stream_rfm_order_events_total"
TRANSITIONS, CACHE_WRITES = "stream_rfm_transitions_total", "stream_rfm_cache_writes_total"
CACHE_PENDING = "stream_rfm_cache_pending"
_Found = TypeVar("_Found")
# Of each worker that was started.
_LOGS: dict[int, Path] = {}
# Between two benchmarks the load of the one before is not over yet: more than its own is somebody else's.
_QUIET = 3.0
_TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Bench:
    """A Kafka and a Valkey of its own, a folder that is gone afterwards, and who runs on which core."""

    folder: Path
    services: LocalServices
    workers_core: int
    services_core: int

    @property
    def endpoints(self) -> Endpoints:
        """Where the services listen."""
        return self.services.endpoints

    def environment(
        self, prefix: str, partitions: int, database: int = 0, **settings: object
    ) -> dict[str, str]:
        """As :func:`environment`, for a worker of this bench, in one of Redis' databases."""
        url = f"{self.endpoints.redis_url.rpartition('/')[0]}/{database}"
        data = self.folder / f"{prefix}data"
        return environment(self.endpoints, prefix, partitions, data, **{"redis__url": url, **settings})

    def topic_bytes(self, topic: str) -> int:
        """What a topic takes on the broker's disk."""
        segments = self.folder.glob(f"services/kafka/**/{topic}-*/*.log")
        return sum(path.stat().st_size for path in segments)

    def forget(self) -> None:
        """Empty Redis: keys that another deployment left are compared and deleted, which takes time."""
        with Redis.from_url(self.endpoints.redis_url, socket_timeout=60) as redis:
            redis.flushall()


@contextmanager
def bench(*, pinned: bool = True, long_lived: bool = False) -> Iterator[Bench]:
    """Start services, on the last core if pinned; workers then belong on the first.

    A broker that is to be long-lived is slower for two minutes, and then quicker.
    """
    cores = sorted(os.sched_getaffinity(0))
    if os.getloadavg()[0] > _QUIET:
        progress(f"This machine has other work to do (load {os.getloadavg()[0]:.1f}): figures will be worse.")
    # The first worker after a change would compile for ten seconds, beside the orders that are measured.
    kernels.load()
    columns.use_compiled()
    with (
        tempfile.TemporaryDirectory() as name,
        LocalServices(Path(name) / "services", kafka_long_lived=long_lived) as services,
    ):
        for service in (services.kafka, services.valkey) if pinned else ():
            pin(service.pid, cores[-1])
        yield Bench(Path(name), services, cores[0], cores[-1])


def environment(
    endpoints: Endpoints, prefix: str, partitions: int, data: Path, **settings: object
) -> dict[str, str]:
    """The environment of commands: topics of one prefix, snapshots in a folder, other settings by name."""
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("STREAM_RFM_")},
        **endpoints.environment(),
        "STREAM_RFM_TOPICS__PREFIX": prefix,
        "STREAM_RFM_TOPICS__PARTITIONS": str(partitions),
        "STREAM_RFM_APP_ID": f"{prefix}app",
        "STREAM_RFM_METRICS_PORT": "0",
        "STREAM_RFM_DATA_DIR": str(data),
        **{f"STREAM_RFM_{name.upper()}": str(value) for name, value in settings.items()},
    }


def command(*arguments: str) -> list[str]:
    """A command of the project."""
    return [str(Path(sys.executable).parent / "stream-rfm"), *arguments]


def declare(environment: dict[str, str]) -> None:
    """Create the topics."""
    subprocess.run(command("topics", "create"), env=environment, check=True, capture_output=True)


def start_worker(environment: dict[str, str], log: Path, core: int | None = None) -> subprocess.Popen[bytes]:
    """Start a worker whose log goes into a file."""
    with log.open("w") as out:
        process = subprocess.Popen(command("worker"), env=environment, stderr=out, stdout=out)
    _LOGS[process.pid] = log
    if core is not None:
        pin(process.pid, core)
    return process


@contextmanager
def worker(
    environment: dict[str, str], log: Path, core: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that is ended by SIGTERM."""
    process = start_worker(environment, log, core)
    try:
        yield process
    finally:
        end(process)


def write_back() -> None:
    """Have the disk take all that was written so far: else it does while something else is measured.

    The system writes what is half a minute old. Whatever was measured before left some hundred megabytes, and
    whoever appends to a log waits while the file system puts them down.
    """
    os.sync()


def last_words(log: Path) -> str:
    """The end of a log, for whoever waited in vain for the process that wrote it."""
    return log.read_text(errors="replace")[-2000:]


def end(process: subprocess.Popen[Any], seconds: float = 60) -> None:
    """End a process by SIGTERM, and wait for it."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(seconds)


def wait_for(found: Callable[[], _Found | None], process: subprocess.Popen[Any], seconds: float) -> _Found:
    """Ask until there is an answer, while a process lives."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up and process.poll() is None:
        if (value := found()) is not None:
            return value
        time.sleep(POLL_SECONDS)
    log = _LOGS.get(process.pid)
    last = f":\n{last_words(log)}" if log else ""
    how = "did not do what was waited for" if process.poll() is None else f"ended ({process.poll()})"
    raise SystemExit(f"process {process.pid} {how} in {seconds:.0f} s{last}")


def pin(pid: int, core: int) -> None:
    """Keep a process and all its threads on one core."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


def cpu_seconds(pid: int) -> float:
    """What a process has used of a core so far, in itself and for it in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def waited_seconds(pid: int) -> float:
    """For how long a process's first thread could have run so far, and somebody else had its core."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def said(log: Path, message: str) -> dict[str, Any] | None:
    """The first entry with a message in a worker's log."""
    for line in log.read_text().splitlines():
        if line.startswith("{") and (entry := json.loads(line))["message"] == message:
            return dict(entry)
    return None


def metrics_url(log: Path) -> str | None:
    """Where a worker shows its metrics, as its log has it."""
    for line in log.read_text().splitlines():
        if '"url"' in line:
            return str(json.loads(line)["url"])
    return None


def metric(url: str, name: str) -> float:
    """A metric, the sum of its series; a name with labels is one of them. 0 where there is none."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    parts = (line.rpartition(" ") for line in lines if line.startswith(name))
    return sum(float(value) for series, _, value in parts if series == name or series.startswith(f"{name}{{"))


def series(url: str, name: str) -> int:
    """How many series a metric has."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return sum(line.startswith(f"{name}{{") for line in answer.read().decode().splitlines())


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Have what is started meanwhile run on one core from its first instruction on, with all it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def resident_bytes(pid: int) -> int:
    """The memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def rate(samples: Sequence[tuple[float, float]]) -> float:
    """How much a second between the first and the last of counts with their times."""
    (first, start), (last, end) = samples[0], samples[-1]
    return (last - first) / (end - start)


def progress(message: str) -> None:
    """Say how far it is, beside the tables."""
    print(message, file=sys.stderr, flush=True)


def save(folder: Path, name: str, options: dict[str, Any], results: dict[str, Any], stolen: float) -> Path:
    """Keep what was measured, as it was, and which part of the cores' time the host took meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    said = {
        "benchmark": name,
        "machine": machine(),
        "ended_at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "load": os.getloadavg(),
        "stolen": stolen,
        "options": options,
        "results": results,
    }
    path.write_text(json.dumps(said, indent=1) + "\n")
    progress(f"raw results: {path}")
    return path


def machine() -> str:
    """What it is measured on."""
    said = Path("/proc/cpuinfo").read_text().splitlines()
    models = (line.partition(":")[2].strip() for line in said if line.startswith("model name"))
    return f"{os.cpu_count()} cores of {next(models, 'an unknown model')}"
