"""Several runs, one for each seed, and a table of what came out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from options import Options, Request

_RUN = Path(__file__).parent / "run.py"
_ALONE = ("seed", "named", "subject", "clock", "brokers", "verified", "seconds", "wrong")


def run_all(request: Request) -> int:
    """Run each in a process of its own; the exit code is 1 when one has failed."""

    def run(options: Options) -> dict[str, Any]:
        options.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, _RUN, "--seed", str(options.seed), "--folder", options.folder]
        result = options.folder / "result.json"
        result.unlink(missing_ok=True)
        with (options.folder / "run.log").open("wb") as log:
            code = subprocess.run(
                [*command, *request.passed_on], stdout=log, stderr=log, check=False
            ).returncode
        said = (
            json.loads(result.read_text("utf-8")) if result.exists() else {"seed": options.seed, "wrong": []}
        )
        if code and not said["wrong"]:
            said["wrong"] = [f"it ended with {code}: see {options.folder}/run.log"]
        print(f"seed {options.seed}: {'; '.join(said['wrong']) or 'passed'}", file=sys.stderr, flush=True)
        return said

    with ThreadPoolExecutor(request.side_by_side) as pool:
        results = list(pool.map(run, request.runs))
    _print(results)
    return 1 if any(each["wrong"] for each in results) else 0


def _print(results: list[dict[str, Any]]) -> None:
    total: Counter[str] = Counter()
    rows = [_numbers(each) for each in results]
    for row in rows:
        total.update(row)
    columns = ["all", *(str(each["seed"]) for each in results)]
    print("".join(["seed".ljust(34), *(column.rjust(9) for column in columns)]))
    for name in total:
        cells = [total[name], *(row.get(name, 0) for row in rows)]
        print("".join([name.ljust(34), *(f"{cell:g}".rjust(9) for cell in cells)]))
    verdicts = ["", *("WRONG" if each["wrong"] else "ok" for each in results)]
    print("".join(["".ljust(34), *(verdict.rjust(9) for verdict in verdicts)]))
    for each in results:
        for finding in each["wrong"]:
            print(f"WRONG: seed {each['seed']}: {finding}")


def _numbers(result: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in result.items():
        if isinstance(value, dict):
            found |= {f"{name}: {inner}"[:33]: count for inner, count in sorted(value.items())}
        elif name not in _ALONE:
            found[name] = value
    return found
