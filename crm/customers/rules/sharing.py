"""How many customers are parted among reps: plain decisions over ids, the same every time.

Every way keeps a customer with an owner who may have it as far as that way allows, so that nobody
changes hands without a cause. Nobody gets more than `most_owned` customers in all; those for whom
nobody has room stay where they are.
"""

import hashlib
import heapq
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from crm.customers.models import Way


class Member(NamedTuple):
    """A customer to be given to somebody."""

    id: int
    owner_id: int | None
    region: str
    is_planned: bool = False  # a contact is planned


@dataclass(slots=True)
class Holder:
    """A rep while customers are handed out.

    `owned` and `planned` count customers, and those with a contact planned; `theirs` and
    `theirs_planned` how many of them are to be parted.
    """

    id: int
    owned: int = 0
    planned: int = 0
    theirs: int = 0
    theirs_planned: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """`territories` says whose a region is, where somebody has decided it."""

    way: Way
    most_owned: int | None = None
    territories: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Split:
    """Who gets whom: `after` runs along the members; None means that nobody had room."""

    members: Sequence[Member]
    after: Sequence[int | None]

    @property
    def moved(self) -> Iterable[tuple[int, int | None, int]]:
        """Customer, owner before, owner after: for those who change hands."""
        for member, owner_id in zip(self.members, self.after, strict=True):
            if owner_id is not None and owner_id != member.owner_id:
                yield member.id, member.owner_id, owner_id

    @property
    def fingerprint(self) -> str:
        """The same for the same customers, owners and outcome: what was shown is what is done."""
        numbers = array("q")
        for member, owner_id in zip(self.members, self.after, strict=True):
            numbers.extend((member.id, member.owner_id or 0, owner_id or 0))
        return hashlib.sha256(numbers.tobytes()).hexdigest()[:32]


def split(
    members: Sequence[Member], holders: Sequence[Holder], terms: Terms, *, keepers: frozenset[int]
) -> Split:
    """Part the members. `keepers` are all who may keep a customer when owners are kept."""
    after: list[int | None] = [None] * len(members)
    room = _Room(holders, terms, members)
    if not holders:
        return Split(members, after)
    if terms.way is Way.OWNER:
        for place, member in enumerate(members):
            if member.owner_id in keepers and member.owner_id is not None:
                after[place] = member.owner_id
                room.give(member.owner_id)
        _level(members, after, room)
    elif terms.way in (Way.LOAD, Way.CONTACTS):
        _keep_up_to(members, after, room, _level_loads(room, len(members)))
        _level(members, after, room)
    elif terms.way is Way.REGION:
        _by_region(members, after, room, terms.territories)
    else:
        _keep_up_to(members, after, room, _even_quotas(room, len(members)))
        _level(members, after, room, by=lambda holder: room.given[holder.id])
    return Split(members, after)


class _Room:
    """How many each may still get. Members count as nobody's until they are handed out."""

    def __init__(self, holders: Sequence[Holder], terms: Terms, members: Sequence[Member]) -> None:
        theirs = Counter(member.owner_id for member in members)
        planned = Counter(member.owner_id for member in members if member.is_planned)
        for holder in holders:
            holder.theirs, holder.theirs_planned = theirs[holder.id], planned[holder.id]
        self.holders = {holder.id: holder for holder in holders}
        self.given: Counter[int] = Counter()
        self._limit = terms.most_owned
        self._by_contacts = terms.way is Way.CONTACTS

    def left(self, holder: Holder) -> int:
        if self._limit is None:
            return 2**62
        return self._limit - (holder.owned - holder.theirs) - self.given[holder.id]

    def base(self, holder: Holder) -> int:
        """What the holder is busy with beside the members."""
        if self._by_contacts:
            return max(holder.planned - holder.theirs_planned, 0)
        return max(holder.owned - holder.theirs, 0)

    def give(self, holder_id: int) -> None:
        self.given[holder_id] += 1


def _keep_up_to(
    members: Sequence[Member],
    after: list[int | None],
    room: _Room,
    quotas: Mapping[int, int],
) -> None:
    for place, member in enumerate(members):
        owner_id = member.owner_id
        if owner_id is not None and room.given[owner_id] < quotas.get(owner_id, 0):
            after[place] = owner_id
            room.give(owner_id)


def _level(
    members: Sequence[Member],
    after: list[int | None],
    room: _Room,
    *,
    by: Callable[[Holder], int] | None = None,
) -> None:
    """Hand the rest out one by one, each to whoever has least."""
    weigh = by or (lambda holder: room.base(holder) + room.given[holder.id])
    queue = [
        (weigh(holder), place, holder)
        for place, holder in enumerate(room.holders.values())
        if room.left(holder) > 0
    ]
    heapq.heapify(queue)
    for place, owner_id in enumerate(after):
        if owner_id is not None or not queue:
            continue
        _, order, holder = queue[0]
        after[place] = holder.id
        room.give(holder.id)
        if room.left(holder) > 0:
            heapq.heapreplace(queue, (weigh(holder), order, holder))
        else:
            heapq.heappop(queue)
    for place, member in enumerate(members):
        # Whom nobody has room for stays with an owner who takes part: he has them already.
        if after[place] is None and member.owner_id in room.holders:
            after[place] = member.owner_id


def _even_quotas(room: _Room, count: int) -> dict[int, int]:
    """The same for each; what one has no room for goes to the others."""
    return _fill(room, count, lambda _holder: 0)


def _level_loads(room: _Room, count: int) -> dict[int, int]:
    """So many that loads end as level as they can."""
    return _fill(room, count, room.base)


def _fill(room: _Room, count: int, base: Callable[[Holder], int]) -> dict[int, int]:
    """Pour `count` over the holders from the lowest up, like water into basins."""
    lowest = min((base(holder) for holder in room.holders.values()), default=0)
    low, high = (
        lowest,
        lowest + count + max((base(holder) for holder in room.holders.values()), default=0),
    )

    def poured(level: int) -> int:
        return sum(_basin(room, holder, level - base(holder)) for holder in room.holders.values())

    while low < high:
        middle = (low + high + 1) // 2
        if poured(middle) <= count:
            low = middle
        else:
            high = middle - 1
    quotas = {
        holder.id: _basin(room, holder, low - base(holder)) for holder in room.holders.values()
    }
    spare = count - sum(quotas.values())
    # What is left goes first to those who keep one more of their own by it.
    for holder in sorted(room.holders.values(), key=lambda one: (-one.theirs, one.id)):
        if spare > 0 and base(holder) <= low and quotas[holder.id] < room.left(holder):
            quotas[holder.id] += 1
            spare -= 1
    return quotas


def _basin(room: _Room, holder: Holder, depth: int) -> int:
    return max(min(depth, room.left(holder)), 0)


def territories(
    members: Sequence[Member], holders: Sequence[Holder], decided: Mapping[str, int]
) -> dict[str, int]:
    """Whose each region is: as decided; else of who has most customers there, the busiest last."""
    there: dict[str, Counter[int]] = {}
    sizes: Counter[str] = Counter()
    ids = {holder.id for holder in holders}
    for member in members:
        sizes[member.region] += 1
        if member.owner_id in ids and member.owner_id is not None:
            there.setdefault(member.region, Counter())[member.owner_id] += 1
    found: dict[str, int] = {}
    given: Counter[int] = Counter()
    for region, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        owner_id = decided.get(region)
        if owner_id not in ids or owner_id is None:
            known = there.get(region, Counter())
            owner_id = min(ids, key=lambda one: (-known[one], given[one], one))
        found[region] = owner_id
        given[owner_id] += size
    return found


def _by_region(
    members: Sequence[Member],
    after: list[int | None],
    room: _Room,
    decided: Mapping[str, int],
) -> None:
    whose = territories(members, list(room.holders.values()), decided)
    # Those who stay count first, so that a limit never pushes one out to let another in.
    for stays in (True, False):
        for place, member in enumerate(members):
            owner_id = whose[member.region]
            if (member.owner_id == owner_id) is stays and room.left(room.holders[owner_id]) > 0:
                after[place] = owner_id
                room.give(owner_id)
    for place, member in enumerate(members):
        if after[place] is None and member.owner_id == whose[member.region]:
            after[place] = member.owner_id
