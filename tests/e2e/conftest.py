"""Settings of these tests, and the shop's orders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from shop import Document, history, written

Choose = Callable[..., None]


@pytest.fixture
def choose(deployment, monkeypatch) -> Choose:  # noqa: ARG001 - which begins with no settings but its own
    """Sets settings for the commands and workers that the test starts."""

    def chosen(**settings: object) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(f"STREAM_RFM_{name.upper()}", str(value))

    # Who is killed is missed soon, and what it left open is aborted soon.
    chosen(kafka__session_timeout_seconds=2, kafka__transaction_timeout_seconds=3)
    return chosen


@pytest.fixture
def documents(choose) -> list[Document]:
    """The shop's history, and rules by which it shows every kind of change."""
    choose(clock="event", min_customers=30, window_days=21)
    return history()


@pytest.fixture
def orders(documents, tmp_path) -> Path:
    """The shop's history as a file."""
    return written(tmp_path / "orders.jsonl", documents)
