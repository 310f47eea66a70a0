"""Parting customers among reps on plain values: even, by region, by owner, by load, with limits."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.customers.models import Way
from crm.customers.rules.sharing import Holder, Member, Split, Terms, split, territories

REPS = (1, 2, 3)


def held(split: Split) -> Counter[int | None]:
    return Counter(split.after)


def crowd(count: int, owner_id: int | None = None, region: str = "") -> list[Member]:
    return [Member(number, owner_id, region) for number in range(1, count + 1)]


def reps(*owned: int) -> list[Holder]:
    return [Holder(rep_id, owned=many) for rep_id, many in zip(REPS, owned, strict=True)]


def parted(members: list[Member], holders: list[Holder], terms: Terms) -> Split:
    return split(members, holders, terms, keepers=frozenset(REPS))


def test_ten_customers_among_three_reps_differ_by_one_at_most() -> None:
    found = held(parted(crowd(10), reps(0, 50, 9), Terms(Way.EVEN)))

    assert sorted(found.values()) == [3, 3, 4]


def test_an_even_split_takes_nobody_away_without_need() -> None:
    members = [Member(1, 2, ""), Member(2, None, ""), Member(3, None, ""), Member(4, 2, "")]

    found = parted(members, reps(0, 2, 0), Terms(Way.EVEN))

    assert found.after[0] == 2
    assert sorted(held(found).values()) == [1, 1, 2]


def test_by_load_whoever_has_least_gets_most() -> None:
    found = held(parted(crowd(9), reps(10, 4, 1), Terms(Way.LOAD)))

    assert found == {2: 3, 3: 6}


def test_by_planned_contacts_customers_without_a_plan_weigh_nothing() -> None:
    holders = [Holder(1, owned=1000, planned=0), Holder(2, owned=0, planned=4)]

    found = held(split(crowd(4), holders, Terms(Way.CONTACTS), keepers=frozenset({1, 2})))

    assert found == {1: 4}


def test_owners_keep_theirs_and_only_the_ownerless_are_handed_out() -> None:
    members = [Member(1, 1, ""), Member(2, 1, ""), Member(3, 99, ""), Member(4, None, "")]

    found = parted(members, reps(2, 0, 0), Terms(Way.OWNER))

    assert found.after[:2] == [1, 1]
    assert set(found.after[2:]) == {2, 3}


def test_a_region_goes_to_one_rep_who_knows_it_best() -> None:
    members = [
        *(Member(number, 2, "杭州") for number in range(3)),
        *(Member(10 + number, None, "杭州") for number in range(3)),
        *(Member(20 + number, None, "上海") for number in range(4)),
    ]

    found = parted(members, reps(0, 3, 0), Terms(Way.REGION))

    assert set(found.after[:6]) == {2}
    assert len(set(found.after[6:])) == 1
    assert found.after[6] != 2


def test_a_region_that_somebody_decided_goes_there() -> None:
    members = crowd(4, owner_id=2, region="杭州")

    assert territories(members, reps(0, 4, 0), {"杭州": 3}) == {"杭州": 3}
    found = parted(members, reps(0, 4, 0), Terms(Way.REGION, territories={"杭州": 3}))
    assert held(found) == {3: 4}


@pytest.mark.parametrize("way", [Way.EVEN, Way.LOAD, Way.OWNER, Way.REGION])
def test_nobody_gets_more_than_the_limit_and_the_rest_stays(way: Way) -> None:
    found = held(parted(crowd(20, region="杭州"), reps(8, 9, 10), Terms(way, most_owned=10)))

    assert found[1] <= 2
    assert found[2] <= 1
    assert found[3] == 0
    assert found[None] >= 17


def test_a_rep_over_the_limit_loses_nobody_by_it() -> None:
    members = crowd(5, owner_id=1)

    found = parted(members, [Holder(1, owned=5)], Terms(Way.EVEN, most_owned=3))

    assert held(found) == {1: 5}
    assert list(found.moved) == []


def test_without_reps_nobody_moves() -> None:
    assert held(split(crowd(2), [], Terms(Way.EVEN), keepers=frozenset())) == {None: 2}


owners = st.sampled_from([None, 1, 2, 3, 99])
people = st.lists(st.tuples(owners, st.sampled_from("甲乙丙"), st.booleans()), max_size=60)


@given(people, st.sampled_from(Way), st.one_of(st.none(), st.integers(0, 40)))
def test_whatever_is_parted_is_parted_the_same_again_and_within_limits(
    drawn: list[tuple[int | None, str, bool]], way: Way, limit: int | None
) -> None:
    members = [Member(number, *one) for number, one in enumerate(drawn, 1)]
    theirs = Counter(member.owner_id for member in members)
    terms = Terms(way, most_owned=limit)

    def once() -> Split:
        holders = [Holder(rep_id, owned=theirs[rep_id] + rep_id) for rep_id in REPS]
        return parted(members, holders, terms)

    found = once()

    assert once().fingerprint == found.fingerprint
    assert len(found.after) == len(members)
    assert set(found.after) <= {None, *REPS}
    gained = Counter(after for _, _, after in found.moved)
    for rep_id in REPS:
        after = rep_id + held(found)[rep_id]
        assert limit is None or not gained[rep_id] or after <= limit
    if way is Way.OWNER:
        assert all(
            after == member.owner_id
            for member, after in zip(members, found.after, strict=True)
            if member.owner_id in REPS
        )
    if limit is None:
        assert None not in found.after
