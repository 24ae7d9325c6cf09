"""The short form of ``make chaos``: a minute of faults, always the same ones."""

from __future__ import annotations

import os
from itertools import pairwise

import plan
import pytest
from plan import ALONE, ALWAYS, Kind
from run import NOTHING_HIT, Options, run

SEED = 11


def test_a_plan_is_a_function_of_its_seed():
    assert plan.plan(SEED, 600, 3, 3) == plan.plan(SEED, 600, 3, 3)
    assert plan.plan(SEED, 600, 3, 3) != plan.plan(SEED + 1, 600, 3, 3)


@pytest.mark.parametrize("seed", range(20))
def test_even_a_short_plan_has_what_always_has_to_happen(seed):
    kinds = [fault.kind for fault in plan.plan(seed, 60, 3, 3)]
    assert all(kinds.count(kind) >= ALWAYS.count(kind) for kind in ALWAYS)


@pytest.mark.parametrize("seed", range(20))
def test_the_broker_and_redis_are_whole_before_they_are_hit_again(seed):
    alone = [fault for fault in plan.plan(seed, 600, 3, 3) if fault.kind in ALONE]
    assert alone
    assert all(before.at + before.lasts < after.at for before, after in pairwise(alone))


def test_a_zombie_sleeps_for_longer_than_its_session():
    zombies = [fault for fault in plan.plan(SEED, 600, 3, 3) if fault.kind is Kind.ZOMBIE]
    assert zombies
    assert all(fault.lasts > 3 for fault in zombies)


@pytest.mark.timeout(420)
def test_nothing_is_lost_and_nothing_repeated(tmp_path, monkeypatch):
    for inherited in [key for key in os.environ if key.startswith("STREAM_RFM_")]:
        monkeypatch.delenv(inherited)
    options = Options(SEED, seconds=60, workers=3, partitions=6, rate=300, brokers=1, folder=tmp_path)
    # In one minute all faults may come between two transactions; in ten they do not.
    assert [finding for finding in run(options) if finding != NOTHING_HIT] == []
