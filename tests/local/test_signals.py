import signal

import pytest

from stream_rfm.local.signals import ended_by


@pytest.fixture(autouse=True)
def _handlers_as_before():
    """The handlers of this process are put back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_signal_interrupts_and_afterwards_does_what_it_did():
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with pytest.raises(KeyboardInterrupt), ended_by(signal.SIGTERM):
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_signal_does_what_ctrl_c_does_at_that_moment():
    seen = []
    with ended_by(signal.SIGTERM):
        signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
        signal.raise_signal(signal.SIGTERM)
    assert seen == [signal.SIGTERM]


def test_signal_interrupts_where_ctrl_c_is_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with pytest.raises(KeyboardInterrupt), ended_by(signal.SIGTERM):
        signal.raise_signal(signal.SIGTERM)


def test_ignored_signal_stays_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with ended_by(signal.SIGHUP):
        signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
