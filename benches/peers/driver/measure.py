"""Interleaved rounds: within a round everybody is measured once, one after the other, each with a server of its own."""

from . import build
from .server import Failed, Server
from .stores import stores
from .starting import starting


def measure(contestants, groups, rounds, seconds, once_seconds, record):
    """Calls `record` with each result."""
    for round_ in range(rounds):
        for experiment in (one for group in groups.values() for one in group):
            if round_ > 0 and not experiment.rounds:
                continue
            duration = seconds if experiment.rounds else once_seconds
            for mode in experiment.modes:
                for contestant in contestants:
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
