"""A report in words: what speaks against the proof, and a summary for a terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.support.load.record import Kind

if TYPE_CHECKING:
    from tests.support.load.report import Report
    from tests.support.load.stages import Mark

IN_TIME = frozenset({"", "stopped"})
"""Ends of a load that the test itself brought about, or none yet."""
MOST_REASONS = 10


def problems_of(report: Report, *, least_rate: float | None) -> list[str]:
    """Return everything that speaks against "no request was lost", in sentences."""
    ended, planned = report.snapshot.ended_by, report.plan.rate_total
    found = [f"lost: {failure!r}" for failure in report.failures]
    found += [f"the control target failed too: {failure!r}" for failure in report.control_failures]
    found += [f"two colors in one response: {mixed!r}" for mixed in report.mixed_colors]
    if ended not in IN_TIME:
        found.append(f"the load ended before stop(): {ended}")
    if not (report.rate_reached if least_rate is None else report.rate >= least_rate):
        needed = planned if least_rate is None else least_rate
        found.append(
            f"the load was weaker than it must be: {report.rate:.0f} requests per second, {needed:.0f} are needed,"
            f" {planned:.0f} were planned; {report.snapshot.not_sent} were not sent"
        )
    return found


def summary_of(report: Report) -> str:
    """Return a few lines for a terminal."""
    snapshot = report.snapshot
    kinds = ", ".join(f"{count} {kind}" for kind, count in report.requests.items() if count)
    failed = f"{sum(report.failed.values())} failed ({report.failed[Kind.CONTROL]} control)"
    reached = "reached" if report.rate_reached else "NOT reached"
    lines = [
        f"{kinds} in {snapshot.ended - snapshot.started:.1f} s; {failed}",
        f"  {report.rate:.0f} of {report.plan.rate_total:.0f} requests/s ({reached}), {report.cpu_share:.0%} of a core",
        f"  longest gap {report.longest_gap():.3f} s; {snapshot.idle_closes} connections closed while idle"
        f"; {snapshot.sent_again} sent again over HTTP/2 as unprocessed, {snapshot.second_tries} to the second address",
        f"  generator late by {report.generator_lag()}; control target {report.latency(kind=Kind.CONTROL)}",
    ]
    if report.plan.websockets:
        again = f"{snapshot.messages_again} unanswered messages were sent again"
        lines.append(f"  {snapshot.websocket_closes} times a server ended a WebSocket; {again}")
    lines += [f"  {_stage_line(report, mark)}" for mark in report.marks]
    reasons = Counter((str(failure.kind), failure.mark, failure.reason) for failure in report.failures)
    lines += [f"  {count} x {' / '.join(reason)}" for reason, count in reasons.most_common(MOST_REASONS)]
    return "\n".join(lines)


def _stage_line(report: Report, mark: Mark) -> str:
    shares = ", ".join(f"{color} {share.percent:.1f} %" for color, share in report.shares(mark.label).items())
    return f"{mark.label}: newcomers {shares or 'none settled'}; {report.latency(mark.label)}"
