"""What nginx logs in each situation, and what mtail must count: for our reading of the program and for the real one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

REQUESTS = "colorway_requests_total"
FAILOVER = "colorway_failover_total"
SECONDS = "colorway_request_seconds"
LINES = "colorway_log_lines_total"

BLUE_TASK, OTHER_BLUE_TASK = "10.90.0.5:8000", "10.90.7.16:8000"
GREEN_TASK, OTHER_GREEN_TASK = "10.90.8.7:8000", "10.90.15.201:8000"
SHARED_TASK = "10.90.16.5:8025"
FIVE_OF_GREEN = f"{GREEN_TASK}, {OTHER_GREEN_TASK}, {GREEN_TASK}, {OTHER_GREEN_TASK}, shop_green"

Moves = Counter[tuple[str, ...]]
"""How often a figure moves, by its name and labels."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One logged request."""

    what: str
    chosen: str
    addresses: str
    statuses: str
    times: str
    code: str = "200"
    service: str = "shop"
    counted: tuple[tuple[str, str], ...] = ()
    """Color and status of each attempt that counts."""
    timed: tuple[str, ...] = ()
    """Colors of the attempts whose time counts."""
    failover: tuple[str, str] | None = None

    @property
    def line(self) -> str:
        """The line as nginx writes it."""
        return (
            f"colorway service={self.service} chosen={self.chosen} "
            f'addr="{self.addresses}" status="{self.statuses}" time="{self.times}" code={self.code}'
        )

    @property
    def moves(self) -> Moves:
        """What the line must move."""
        moves: Moves = Counter()
        moves[LINES,] += 1
        for color, status in self.counted:
            moves[REQUESTS, self.service, color, status] += 1
        for color in self.timed:
            moves[SECONDS, self.service, color] += 1
        if self.failover:
            moves[FAILOVER, self.service, *self.failover] += 1
        return moves


SAMPLES = (
    Sample(
        what="one attempt at blue",
        chosen="blue",
        addresses=BLUE_TASK,
        statuses="200",
        times="0.012",
        counted=(("blue", "200"),),
        timed=("blue",),
    ),
    Sample(
        what="one attempt at green that fails and is not repeated",
        chosen="green",
        addresses=GREEN_TASK,
        statuses="500",
        times="1.250",
        code="500",
        service="api",
        counted=(("green", "500"),),
        timed=("green",),
    ),
    Sample(
        what="green refuses, its second task answers: the user saw nothing, the attempt failed all the same",
        chosen="green",
        addresses=f"{GREEN_TASK}, {OTHER_GREEN_TASK}",
        statuses="502, 200",
        times="0.001, 0.020",
        counted=(("green", "502"), ("green", "200")),
        timed=("green", "green"),
    ),
    Sample(
        what="green refuses, blue answers: a failure of green and a success of blue",
        chosen="green",
        addresses=f"{GREEN_TASK}, {BLUE_TASK}",
        statuses="502, 200",
        times="2.001, 0.004",
        counted=(("green", "502"), ("blue", "200")),
        timed=("green", "blue"),
        failover=("green", "blue"),
    ),
    Sample(
        what="two of green fail, then blue answers",
        chosen="green",
        addresses=f"{GREEN_TASK}, {OTHER_GREEN_TASK}, {OTHER_BLUE_TASK}",
        statuses="504, 502, 201",
        times="30.000, 0.000, 0.110",
        code="201",
        counted=(("green", "504"), ("green", "502"), ("blue", "201")),
        timed=("green", "green", "blue"),
        failover=("green", "blue"),
    ),
    Sample(
        what="blue fails and green answers",
        chosen="blue",
        addresses=f"{BLUE_TASK}, {GREEN_TASK}",
        statuses="502, 200",
        times="0.000, 0.007",
        counted=(("blue", "502"), ("green", "200")),
        timed=("blue", "green"),
        failover=("blue", "green"),
    ),
    Sample(
        what="no task of green had an address: blue answers as its backup without an attempt at green",
        chosen="green",
        addresses=BLUE_TASK,
        statuses="200",
        times="0.008",
        counted=(("blue", "200"),),
        timed=("blue",),
        failover=("green", "blue"),
    ),
    Sample(
        what="no task of either color had an address: nginx logs the upstream's own name",
        chosen="green",
        addresses="shop_green",
        statuses="502",
        times="0.000",
        code="502",
        counted=(("green", "502"),),
        timed=("green",),
    ),
    Sample(
        what="no task of green has an address, at a route that only its version has",
        chosen="green",
        addresses="shop.alone_green",
        statuses="502",
        times="0.000",
        code="502",
        counted=(("green", "502"),),
        timed=("green",),
    ),
    Sample(
        what="all of green's servers are marked down after one attempt",
        chosen="green",
        addresses=f"{GREEN_TASK}, shop_green",
        statuses="502, 502",
        times="0.001, 0.000",
        code="502",
        counted=(("green", "502"), ("green", "502")),
        timed=("green", "green"),
    ),
    Sample(
        what="the client went away before an answer: no status, no time of an answer",
        chosen="blue",
        addresses=BLUE_TASK,
        statuses="-",
        times="-",
        code="499",
        counted=(("blue", "-"),),
    ),
    Sample(
        what="the client went away while the second attempt ran",
        chosen="green",
        addresses=f"{GREEN_TASK}, {BLUE_TASK}",
        statuses="502, -",
        times="0.001, 3.100",
        code="499",
        counted=(("green", "502"), ("blue", "-")),
        timed=("green", "blue"),
        failover=("green", "blue"),
    ),
    Sample(
        what="an internal redirect: nginx separates its lists by a colon",
        chosen="blue",
        addresses=f"{BLUE_TASK} : {OTHER_BLUE_TASK}",
        statuses="302 : 200",
        times="0.002 : 0.003",
        counted=(("blue", "302"), ("blue", "200")),
        timed=("blue", "blue"),
    ),
    Sample(
        what="tasks of green went while one of them was tried: the GET is begun again at blue",
        chosen="green",
        addresses=f"{GREEN_TASK}, shop_green : {BLUE_TASK}",
        statuses="504, 502 : 200",
        times="2.000, 0.000 : 0.004",
        counted=(("green", "504"), ("green", "502"), ("blue", "200")),
        timed=("green", "green", "blue"),
        failover=("green", "blue"),
    ),
    Sample(
        what="as many attempts as a request can have",
        chosen="green",
        addresses=f"{FIVE_OF_GREEN} : {', '.join([BLUE_TASK, OTHER_BLUE_TASK] * 2)}, {GREEN_TASK}",
        statuses="502, 502, 502, 502, 502 : 502, 502, 502, 502, 200",
        times="0.001, 0.001, 0.001, 0.001, 0.001 : 0.001, 0.001, 0.001, 0.001, 0.020",
        counted=(("green", "502"),) * 5 + (("blue", "502"),) * 4 + (("green", "200"),),
        timed=("green",) * 5 + ("blue",) * 4 + ("green",),
    ),
    Sample(
        what="nginx answered by itself: the color is off",
        chosen="green",
        addresses="-",
        statuses="-",
        times="-",
        code="503",
    ),
    Sample(
        what="a status of $status alone that no upstream gave",
        chosen="blue",
        addresses="-",
        statuses="-",
        times="-",
        code="413",
        service="none",
    ),
    Sample(
        what="an address that only looks like blue's network",
        chosen="blue",
        addresses="110.90.0.5:8000",
        statuses="200",
        times="0.001",
    ),
    Sample(
        what="a shared service answers whoever is on green: no color's figure, and nobody stood in",
        chosen="green",
        addresses=SHARED_TASK,
        statuses="200",
        times="0.012",
        service="mail",
        counted=(("shared", "200"),),
        timed=("shared",),
    ),
    Sample(
        what="no task of a shared service has an address",
        chosen="blue",
        addresses="mail_shared",
        statuses="502",
        times="0.000",
        code="502",
        service="mail",
        counted=(("shared", "502"),),
        timed=("shared",),
    ),
)
FOREIGN = (
    "10.90.0.5 - - GET / 200",
    'something service=shop chosen=blue addr="10.90.0.5:8000" status="200" time="0.1"',
)
"""Lines that are not ours: nothing moves."""


def all_moves() -> Moves:
    """Return what all samples together must move."""
    total: Moves = Counter()
    for sample in SAMPLES:
        total += sample.moves
    return total
