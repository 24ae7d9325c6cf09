import os
import shutil
import sys
import threading
from collections import Counter
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from local_probes import python, taken

from stream_rfm.local.errors import ServiceError
from stream_rfm.local.jar_lock import pinned_jars, sha256_of
from stream_rfm.local.jars import cache_folder, kafka_jars

SMALL = sorted(pinned_jars(), key=lambda jar: jar.size)[:4]
FETCH = """
import sys
from pathlib import Path
from stream_rfm.local.jars import kafka_jars
kafka_jars(Path(sys.argv[1]))
"""


@pytest.fixture
def cache(tmp_path):
    """A copy of this user's cache, of links as far as the file system has them."""
    folder = tmp_path / "cache"
    folder.mkdir()
    for jar in kafka_jars():
        os.link(jar, folder / jar.name) if jar.stat().st_dev == tmp_path.stat().st_dev else shutil.copy(
            jar, folder
        )
    return folder


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """No local repository of Maven, no configuration of jgo, and no way out of this machine."""
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "jgo.conf"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with taken() as port:
        pass  # from here on nobody listens there
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    return tmp_path


class Repository(SimpleHTTPRequestHandler):
    """Serves jars in Maven's layout; the first answer of a path in ``breaks`` stops half-way."""

    asked: Counter[str]
    breaks: set[str]

    def do_GET(self):
        self.asked[self.path] += 1
        if self.asked[self.path] > 1 or self.path not in self.breaks:
            super().do_GET()
            return
        content = Path(self.translate_path(self.path)).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.close_connection = True

    def log_message(self, *_):
        pass


def maven_layout(folder, jars):
    for jar in jars:
        place = folder.joinpath(*jar.group.split("."), jar.artifact, jar.version)
        place.mkdir(parents=True)
        shutil.copy(cache_folder() / jar.filename, place)


def path_of(jar):
    return f"/{jar.group.replace('.', '/')}/{jar.artifact}/{jar.version}/{jar.filename}"


@pytest.fixture
def repository(offline):
    """A repository on the loopback address that jgo is configured for."""
    maven_layout(offline / "repository", SMALL)
    handler = type("Handler", (Repository,), {"asked": Counter(), "breaks": set()})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=offline / "repository")) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        (offline / "jgo.conf").write_text(f"[repositories]\nhere = {url}\n")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield handler
        server.shutdown()


def is_complete(cache):
    return all(sha256_of(cache / jar.filename) == jar.sha256 for jar in pinned_jars())


@pytest.mark.usefixtures("offline")
def test_complete_cache_needs_neither_network_nor_jgo(cache):
    with python(FETCH + "assert not {'jgo', 'requests'} & set(sys.modules)", cache) as process:
        assert process.wait(20) == 0


def test_missing_and_partial_jars_are_fetched(cache, repository, capfd):
    missing, partial_one, broken = SMALL[:3]
    (cache / missing.filename).unlink()
    (cache / partial_one.filename).unlink()
    (cache / partial_one.filename).write_bytes(b"PK")
    (cache / broken.filename).unlink()
    repository.breaks.add(path_of(broken))
    assert [path.name for path in kafka_jars(cache)] == [jar.filename for jar in pinned_jars()]
    assert is_complete(cache)
    jars_asked = {path: count for path, count in repository.asked.items() if path.endswith(".jar")}
    assert jars_asked == {path_of(missing): 1, path_of(partial_one): 1, path_of(broken): 2}
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "Downloading Apache Kafka" in captured.err
    assert {path.name for path in cache.iterdir()} == {jar.filename for jar in pinned_jars()} | {"lock"}


def test_jars_in_mavens_local_repository_are_used(cache, offline):
    maven_layout(offline / "m2", SMALL[:1])
    (cache / SMALL[0].filename).unlink()
    kafka_jars(cache)
    assert is_complete(cache)


@pytest.mark.usefixtures("repository")
def test_damaged_jar_in_mavens_local_repository_is_not_used(cache, offline):
    maven_layout(offline / "m2", SMALL[:1])
    (offline / "m2" / path_of(SMALL[0])[1:]).write_bytes(b"the rest of an interrupted download")
    (cache / SMALL[0].filename).unlink()
    kafka_jars(cache)
    assert is_complete(cache)


def test_two_processes_fetch_each_jar_once(cache, repository):
    for jar in SMALL:
        (cache / jar.filename).unlink()
    with python(FETCH, cache) as one, python(FETCH, cache) as other:
        assert (one.wait(30), other.wait(30)) == (0, 0)
    assert is_complete(cache)
    assert [repository.asked[path_of(jar)] for jar in SMALL] == [1, 1, 1, 1]


@pytest.mark.usefixtures("offline")
def test_failed_download_is_one_sentence_with_a_way_out(cache):
    (cache / SMALL[0].filename).unlink()
    with pytest.raises(ServiceError) as failure:
        kafka_jars(cache)
    message = str(failure.value)
    assert "Kafka's jars cannot be downloaded: " in message
    assert "Connection refused" in message
    assert "STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS" in message
    assert "\n" not in message


def test_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ServiceError, match=r"cannot be kept in .*: Not a directory"):
        kafka_jars(tmp_path / "file" / "cache")


def test_missing_package_is_named(cache, monkeypatch):
    (cache / SMALL[0].filename).unlink()
    monkeypatch.setitem(sys.modules, "jgo.config", None)
    with pytest.raises(ServiceError, match=r"jgo.* pip install 'stream-rfm\[local\]'"):
        kafka_jars(cache)
