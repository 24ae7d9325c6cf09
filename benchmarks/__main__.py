"""``make bench``: every benchmark, or the one that is named; a table of each, and raw results as JSON.

make bench ARGS="throughput --orders 2000000 --customers 10000"
make bench ARGS="peers --peers kafka-streams flink"
make bench ARGS="recovery --customers 1000000"
make bench ARGS="rolling --rate 20000"
make bench ARGS="away --rate 20000 --away 120"
make bench ARGS="profile"
"""

from __future__ import annotations

import argparse
from types import ModuleType

import beside
import harness
import profiling
import recovery
import redis_away
import rolling
import throughput

# Each has add_options(), measure() and show().
_BENCHMARKS: dict[str, ModuleType] = {
    "throughput": throughput,
    "peers": beside,
    "recovery": recovery,
    "rolling": rolling,
    "away": redis_away,
    "profile": profiling,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = parser.add_subparsers(dest="benchmark", metavar="BENCHMARK")
    for name, benchmark in _BENCHMARKS.items():
        benchmark.add_options(
            names.add_parser(name, description=benchmark.__doc__, help=_first_line(benchmark))
        )
    chosen = parser.parse_args().benchmark
    for name in [chosen] if chosen else _BENCHMARKS:
        options = parser.parse_args() if chosen else parser.parse_args([name])
        results = _BENCHMARKS[name].measure(options)
        _BENCHMARKS[name].show(options, results)
        harness.save(name, vars(options), results)


def _first_line(benchmark: ModuleType) -> str:
    return (benchmark.__doc__ or "").partition("\n")[0]


if __name__ == "__main__":
    main()
