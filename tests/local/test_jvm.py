import re
import subprocess

from stream_rfm.local.jvm import OPTIMISED, java_command


def tier(*options):
    """The last of the compilers that this Java makes use of."""
    command = java_command([], "-version", options=[*options, "-XX:+PrintFlagsFinal"])
    flags = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return int(re.search(r"TieredStopAtLevel\s*=\s*(\d+)", flags)[1])


def test_what_lives_for_minutes_does_without_the_optimising_compiler():
    assert tier() == 1


def test_what_lives_for_longer_does_not():
    assert tier(OPTIMISED) == 4
