import json
import signal
import subprocess
import sys

import pytest

# The signal is handled within the callback: what is raised there goes no further.
IN_A_CALLBACK = """
import os, sys, weakref
from stream_rfm.early_end import heed_signals
from stream_rfm.logs import configure

configure("INFO")
heed_signals()
class Thing: pass
thing = Thing()
kept = weakref.ref(thing, lambda _: os.kill(os.getpid(), int(sys.argv[1])))
del thing
sys.exit("It went on.")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_wherever_it_comes(number):
    command = [sys.executable, "-c", IN_A_CALLBACK, str(int(number))]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    [entry] = map(json.loads, (done.stdout + done.stderr).splitlines())
    assert (entry["message"], entry["signal"]) == ("ending", number.name)
