"""What is measured of each contestant: a scenario of the load generator, and how the server is started for it."""

from dataclasses import dataclass, field

from .contestants import LEGACY, MODERN, MODES, SESSION

# More than a contestant opens within any experiment.
MANY_SESSIONS = "10000000"


@dataclass(frozen=True)
class Experiment:
    # The name in results and tables.
    name: str
    scenario: str
    modes: tuple
    options: dict = field(default_factory=dict)
    env: dict = field(default_factory=dict)
    # Whether it is done in every round; the others are done once.
    rounds: bool = False
    timed: bool = True


def tools(count):
    return [
        Experiment(f"echo of {count}", "calls", (MODERN,), env={"TOOLS": str(count)}),
        Experiment(f"list of {count}", "list", (MODERN,), options={"tools": str(count)}, env={"TOOLS": str(count)}),
    ]


def sse(nodelay):
    env = {"NODELAY": nodelay}
    name = "NODELAY" if nodelay == "1" else "no NODELAY"
    return [
        Experiment(f"plain, {name}", "calls", (SESSION, MODERN), env=env),
        Experiment(f"at once, {name}", "count", (SESSION, MODERN), options={"yields": "false"}, env=env),
        Experiment(f"yields, {name}", "count", (SESSION, MODERN), options={"yields": "true"}, env=env),
    ]


SIZES = (2, 100, 1000)

# By group, so that one can be asked for by `--experiments`.
EXPERIMENTS = {
    "calls": [
        Experiment("calls", "calls", MODES, rounds=True),
        Experiment("64 KiB", "calls", (MODERN,), options={"size": "65536"}, rounds=True),
    ],
    "opens": [Experiment("opens", "opens", (SESSION,), env={"SESSIONS": MANY_SESSIONS}, rounds=True)],
    "sse": [*sse("1"), *sse("0")],
    "memory": [
        # With the 32 that are there before: 10,000, which is the most that some have by default.
        Experiment("sessions", "sessions", (SESSION,), {"count": "9968"}, timed=False),
        Experiment("connections", "connections", (MODERN,), {"count": "2000"}, rounds=True, timed=False),
        Experiment("streams", "streams", (SESSION, MODERN), {"count": "2000"}, {"SESSIONS": "20000"}, True, False),
    ],
    "events": [
        Experiment("events", "events", (SESSION, MODERN), options={"events": "20000"}),
        Experiment("fan_out", "fan_out", (SESSION, MODERN), {"count": "1000"}, {"SESSIONS": "20000", "ANNOUNCE": "1"}),
    ],
    "tools": [experiment for count in SIZES for experiment in tools(count)],
}

__all__ = ["EXPERIMENTS", "LEGACY", "MODERN", "MODES", "SESSION", "SIZES", "Experiment"]
