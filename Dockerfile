# The worker and all commands but `demo` and `services`, which need the extra `local`.
# Everything comes from the lock files, with hashes; the second stage has neither pip's cache nor build tools.

FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/stream-rfm
COPY requirements.lock requirements-dev.lock ./
RUN /opt/stream-rfm/bin/pip install --require-hashes -r requirements.lock
# The build backend, in the versions of the lock that has it, in an environment that is left behind.
RUN awk '/^[a-z]/ { keep = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ } keep' \
        requirements-dev.lock > build.lock \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r build.lock
COPY pyproject.toml README.md LICENSE ./
COPY stream_rfm stream_rfm
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/stream-rfm/bin/pip install --no-deps dist/*.whl

FROM python:3.12-slim
COPY --from=build /opt/stream-rfm /opt/stream-rfm
# The folder is where snapshots go; a volume that is mounted there gets its owner.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin stream-rfm \
    && install --directory --owner stream-rfm --mode 0700 /var/lib/stream-rfm /var/cache/stream-rfm
ENV PATH=/opt/stream-rfm/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    XDG_CACHE_HOME=/var/cache/stream-rfm \
    STREAM_RFM_METRICS_PORT=9464
USER 10001
WORKDIR /tmp
# What reads orders and writes records is compiled here and not at the first start; on another kind of processor it is compiled anew.
RUN python -c "from stream_rfm.intake import kernels; from stream_rfm.stream import columns; \
    kernels.load(); columns.use_compiled()"
EXPOSE 9464
# Long enough to wait for Kafka and to read the state back: until then there is no answer, or it does not matter.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['STREAM_RFM_METRICS_PORT']}/live\", timeout=4)"]
# The worker ends on SIGTERM within STREAM_RFM_SHUTDOWN_SECONDS: give it more than that before SIGKILL.
STOPSIGNAL SIGTERM
ENTRYPOINT ["stream-rfm"]
CMD ["worker"]
