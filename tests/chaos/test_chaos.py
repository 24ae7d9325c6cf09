"""The short form of ``make chaos``: a minute of faults, always the same ones."""

from __future__ import annotations

import os
from collections import defaultdict
from itertools import pairwise

import plan
import pytest
from options import Options
from plan import ALWAYS, Kind
from run import run
from stream_subject import NOTHING_HIT

SEED = 12


def test_a_plan_is_a_function_of_its_seed():
    assert plan.plan(SEED, 600, 3, 3) == plan.plan(SEED, 600, 3, 3)
    assert plan.plan(SEED, 600, 3, 3) != plan.plan(SEED + 1, 600, 3, 3)


@pytest.mark.parametrize("seed", range(20))
def test_even_a_short_plan_has_what_always_has_to_happen(seed):
    kinds = [fault.kind for fault in plan.plan(seed, 60, 3, 3)]
    assert all(kinds.count(kind) >= ALWAYS.count(kind) for kind in ALWAYS)


@pytest.mark.parametrize("seed", range(20))
def test_a_long_plan_has_everything(seed):
    assert {fault.kind for fault in plan.plan(seed, plan.LONG_SECONDS, 3, 3)} == set(Kind)


@pytest.mark.parametrize("seed", range(20))
def test_what_there_is_one_of_is_whole_before_it_is_hit_again(seed):
    hits = defaultdict(list)
    for fault in plan.plan(seed, 600, 3, 3):
        hits[plan.thing(fault.kind, fault.worker)].append(fault)
    del hits[None]
    assert {"services", "disk", "network of 0"} <= hits.keys()
    for faults in hits.values():
        assert all(before.at + before.lasts < after.at for before, after in pairwise(faults))


def test_a_zombie_sleeps_for_longer_than_its_session():
    zombies = [fault for fault in plan.plan(SEED, 600, 3, 3) if fault.kind is Kind.ZOMBIE]
    assert zombies
    assert all(fault.lasts > 3 for fault in zombies)


@pytest.mark.parametrize(
    ("kind", "longer_than"), [(Kind.BROKER_PAUSE, 6), (Kind.REDIS_KILL, 5), (Kind.REDIS_PAUSE, 5)]
)
def test_some_are_longer_than_anybody_waits_for_an_answer_and_some_are_not(kind, longer_than):
    faults = [fault for seed in range(20) for fault in plan.plan(seed, 600, 3, 3) if fault.kind is kind]
    assert {fault.lasts > longer_than for fault in faults} == {True, False}


def test_every_third_seed_has_names(tmp_path):
    assert [Options(seed, tmp_path).named for seed in (5, 6, 7)] == [False, True, False]
    assert Options(5, tmp_path, names="yes").named
    assert not Options(6, tmp_path, names="no").named


def test_brokers_of_every_second_seed_verify(tmp_path):
    assert [Options(seed, tmp_path).verified for seed in (5, 6, 7)] == [True, False, True]
    assert Options(6, tmp_path, verify="yes").verified
    assert not Options(5, tmp_path, verify="no").verified


@pytest.mark.timeout(600)
def test_nothing_is_lost_and_nothing_repeated(tmp_path, monkeypatch):
    for inherited in [key for key in os.environ if key.startswith("STREAM_RFM_")]:
        monkeypatch.delenv(inherited)
    result = run(Options(SEED, tmp_path, seconds=60))
    # In one minute all faults may come between two transactions; in ten they do not.
    assert [finding for finding in result["wrong"] if finding != NOTHING_HIT] == []
