"""``make bench``: all benchmarks, or the one that is named; a table of each, and raw results as JSON.

make bench                                   all that the summary is made of
make bench ARGS=--quick                      the same in ten minutes, to see that each of them works
make bench ARGS="latency --runs 1"           one of them
make bench ARGS="report RESULTS --to FILE"   the summary and the plot of a run again
"""

from __future__ import annotations

import argparse
import logging
import time

import harness
import report
import whole


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = parser.add_subparsers(dest="benchmark", metavar="BENCHMARK")
    for name, benchmark in whole.BENCHMARKS.items():
        doc = benchmark.__doc__ or ""
        # A percent sign of a help would be taken for a place to put something in.
        said = doc.partition("\n")[0].replace("%", "%%")
        benchmark.add_options(names.add_parser(name, description=doc, help=said))
    report.add_options(names.add_parser("report", help="write the summary and the plot of a run's results"))
    parser.add_argument(
        "--quick", action="store_true", help="all of them, as small as shows that each of them works"
    )
    options = parser.parse_args()
    # A topic that was just made has no leader for a moment, and the client tries again: that is no news.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    folder = harness.ROOT / "results" / time.strftime("%Y%m%dT%H%M%S")
    if options.benchmark is None:
        raise SystemExit(whole.run(parser, folder, quick=options.quick))
    if options.benchmark == "report":
        report.write(options)
    else:
        whole.one(options.benchmark, options, folder)


if __name__ == "__main__":
    main()
