"""Fetches pinned jars: several at once, each checked against its pin before it counts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from stream_rfm.local.errors import ServiceError, local_extra
from stream_rfm.local.jar_lock import KAFKA_VERSION, Jar, sha256_of

_AT_ONCE = 8
_ATTEMPTS = 3

Advance = Callable[[int], None]


class _WrongContentError(RuntimeError):
    """A file is not what its pin says."""


def download(jars: Sequence[Jar], folder: Path) -> None:
    """Fetch these jars into a folder, with a progress bar on standard error.

    A jar appears in the folder complete and checked, or not at all. It is taken from Maven's local
    repository where that has it, then from the repositories that jgo is configured for.

    Args:
        jars: what to fetch.
        folder: where to; it exists, and no other process fetches into it.

    Raises:
        ServiceError: a jar cannot be had.
    """
    with _staging(folder) as staging, _progress(jars) as advance:
        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            fetches = [pool.submit(_fetch_with_retries, jar, staging, advance) for jar in jars]
            for fetch in as_completed(fetches):
                path = fetch.result()
                path.replace(folder / path.name)
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
            raise ServiceError(
                f"Kafka's jars cannot be downloaded: {_reason(error)}. Check the network and the proxy "
                "(HTTPS_PROXY), or name a mirror under [repositories] in jgo's configuration file; or use "
                "a Kafka that runs elsewhere, named in STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    staging = folder / "incomplete"
    shutil.rmtree(staging, ignore_errors=True)  # what a killed process left
    staging.mkdir()
    try:
        yield staging
    finally:
        shutil.rmtree(staging)


@contextmanager
def _progress(jars: Sequence[Jar]) -> Iterator[Advance]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        total = sum(jar.size for jar in jars)
        task = progress.add_task(f"Downloading Apache Kafka {KAFKA_VERSION}, once", total=total)
        yield lambda count: progress.advance(task, count)


def _fetch_with_retries(jar: Jar, staging: Path, advance: Advance) -> Path:
    retrying = Retrying(
        retry=retry_if_exception_type((OSError, RuntimeError)),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.5, max=5),
        reraise=True,
    )
    for attempt in retrying:
        with attempt:
            number = attempt.retry_state.attempt_number
            workspace = staging / f"{jar.filename}.{number}"
            # What the local repository holds may be the rest of somebody's interrupted download.
            return _fetch(jar, workspace, advance, use_local_repository=number == 1)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _fetch(jar: Jar, workspace: Path, advance: Advance, *, use_local_repository: bool) -> Path:
    with local_extra():
        from jgo.config import GlobalSettings  # noqa: PLC0415 - the warm path does without jgo
        from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415 - the same
    arrived = 0

    def count(size: int) -> None:
        nonlocal arrived
        arrived += size
        advance(size)

    configured = GlobalSettings.load()
    context = MavenContext(
        resolver=PythonResolver(progress_callback=lambda _name, _size: nullcontext(count)),
        repo_cache=workspace / "repository",
        local_repos=[configured.repo_cache] if use_local_repository else [],
    )
    context.remote_repos = {**configured.repositories, **context.remote_repos}
    try:
        source = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
        workspace.mkdir(exist_ok=True)
        target = workspace / jar.filename
        shutil.copyfile(source, target)
        _check(target, jar)
    except BaseException:
        advance(-arrived)
        raise
    advance(jar.size - arrived)
    return target


def _check(path: Path, jar: Jar) -> None:
    if sha256_of(path) != jar.sha256:
        raise _WrongContentError(f"the SHA-256 of {jar.filename} is not the pinned one")


def _reason(error: Exception) -> str:
    """The innermost reason: requests and urllib3 wrap it, and show whole objects on the way."""
    if isinstance(error, _WrongContentError):
        return str(error)
    if isinstance(error, RuntimeError):
        return "a repository does not have one of them"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    innermost = str(error).rpartition(": ")[2].strip("'\")> ")
    return innermost or type(error).__name__
