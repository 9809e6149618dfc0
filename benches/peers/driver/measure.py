"""Interleaved rounds: within a round everybody is measured once, one after the other, each with a server of its own."""

from . import build
from .contestants import rotated
from .server import Failed, Server
from .stores import stores
from .starting import starting

# Of what is measured in one round only.
ONCE_SECONDS = 1.5


def measure(contestants, groups, round_, rounds, seconds, record):
    """One round. Calls `record` with each result."""
    for experiment in (one for group in groups.values() for one in group):
        if round_ > 0 and not experiment.rounds:
            continue
        duration = seconds * experiment.share if experiment.rounds else min(seconds, ONCE_SECONDS)
        for mode in experiment.modes:
            for contestant in rotated(contestants, round_, rounds):
                one(contestant, experiment, mode, round_, duration, record)


def one(contestant, experiment, mode, round_, seconds, record):
    result = {"contestant": contestant.name, "experiment": experiment.name, "mode": mode, "round": round_}
    reason = contestant.why_not(experiment.name, mode)
    if reason:
        record({**result, "lacks": reason})
        return
    env = {"MODE": mode, **contestant.env, **experiment.env}
    if experiment.name == "events" and contestant.logs:
        env["LOG"] = "1"
    options = {**({"seconds": seconds} if experiment.timed else {}), **experiment.options}
    log = build.LOGS / f"{contestant.name}.log"
    try:
        with Server(build.command(contestant), env, log) as server:
            measured = server.load(build.binary("load"), experiment.scenario, mode, contestant.path, options)
        record({**result, **measured})
    except Failed as failure:
        record({**result, "failed": str(failure)})


__all__ = ["measure", "starting", "stores"]
