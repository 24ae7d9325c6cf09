from __future__ import annotations

from stream_rfm.model.order import HAS_AMOUNT, KINDS, NAMES_ORDER, Kind, Reason, Rejected


def test_kinds_are_named_as_events_name_them():
    assert list(KINDS) == ["order", "refund", "cancel", "enquiry", "erase", "heartbeat"]


def test_the_number_of_a_kind_is_part_of_the_changelog_and_never_changes():
    assert {kind.name: kind.value for kind in Kind} == {
        "ORDER": 0,
        "REFUND": 1,
        "CANCEL": 2,
        "ENQUIRY": 3,
        "ERASE": 4,
        "HEARTBEAT": 5,
    }


def test_only_what_names_an_order_has_an_amount():
    assert HAS_AMOUNT < NAMES_ORDER


def test_a_rejection_says_its_reason_and_more():
    rejected = Rejected(Reason.KEY_MISSING, "the record has no key")
    assert str(rejected) == "key-missing: the record has no key"
    assert rejected.reason is Reason.KEY_MISSING
