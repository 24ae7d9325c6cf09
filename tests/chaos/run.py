"""Chaos: workers, brokers, Redis, network and disk fail while orders come in; then truth.

    make chaos ARGS="--seed 7 --seconds 600"
    make chaos ARGS="--seeds 1-10 --seconds 600 --side-by-side 2"

The seed makes the same orders and the same plan of faults again. It fails when anything is lost, repeated or
wrong, and also when the faults hit nothing. What it counted is in ``result.json`` in the folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import naive_subject
import options
import plan
import scene
import seeds
import stream_subject
from broker import eventually
from last_fault import LastFault
from options import Options
from stage import Stage

from stream_rfm.local.training import train

_BEGIN_SECONDS = 60.0
_FEED_SECONDS = 300.0


def main() -> int:
    """Run what is asked for; the exit code is 1 when something is wrong."""
    request = options.parse(__doc__)
    train()
    if len(request.runs) > 1:
        return seeds.run_all(request)
    [chosen] = request.runs
    print(f"seed {chosen.seed}: {chosen.seconds:g} s of faults, logs in {chosen.folder}", file=sys.stderr)
    result = run(chosen)
    for finding in result["wrong"]:
        print(f"WRONG: {finding}")
    print(json.dumps({name: value for name, value in result.items() if name != "wrong"}))
    print(f"seed {chosen.seed}: {'failed' if result['wrong'] else 'passed'}")
    return 1 if result["wrong"] else 0


def run(chosen: Options) -> dict[str, Any]:
    """Let everything go wrong; returns what was counted, and what was found wrong in the end."""
    with scene.opened(chosen) as around:
        subject = (naive_subject if chosen.subject == "naive" else stream_subject).Subject(around)
        surroundings = around.surroundings(subject.group)
        stage = Stage(chosen.folder, subject.hire, surroundings, chosen.workers)
        result: dict[str, Any] = {
            "seed": chosen.seed,
            "subject": chosen.subject,
            "clock": chosen.clock,
            "brokers": chosen.brokers,
            "verified": chosen.verified,
            "seconds": chosen.seconds,
        }
        try:
            # The first faults, too, hit workers that have begun.
            eventually(lambda: surroundings.coordinator() is not None, _BEGIN_SECONDS)
            with around.feeding() as feed:
                last = LastFault(feed, lambda: around.uncounted(subject.group))
                stage.play(
                    plan.plan(chosen.seed, chosen.seconds, chosen.workers, scene.SESSION_SECONDS), last.begins
                )
                failed = feed.wait(timeout=_FEED_SECONDS)
            result["orders left at the last fault"] = last.orders_left
            result["faults"] = {str(kind): count for kind, count in stage.hits.items()}
            if failed:
                result["wrong"] = [f"orders could not be sent: see {chosen.folder}/feed.log"]
            else:
                result |= subject.judge(stage)
            if not last.met_work:
                result["wrong"].append("all was sent before the last fault")
        finally:
            stage.close()
    (chosen.folder / "result.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    return result


if __name__ == "__main__":
    sys.exit(main())
