"""What is measured of each contestant: a scenario of the load generator, and how the server is started for it."""

from dataclasses import dataclass, field

from .contestants import LEGACY, MODERN, MODES, SESSION

# With fewer there is no median to speak of.
ROUNDS = 3
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
    # How much of the time of a call it has.
    share: float = 1.0


def tools(count):
    env = {"TOOLS": str(count)}
    return [
        Experiment(f"echo of {count}", "calls", (MODERN,), env=env),
        Experiment(f"list of {count}", "list", (MODERN,), options={"tools": str(count)}, env=env),
    ]


def sse(nodelay):
    env = {"NODELAY": nodelay}
    name = "NODELAY" if nodelay == "1" else "no NODELAY"
    return [
        Experiment(f"{how}, {name}", "count", (SESSION, MODERN), {"yields": yields}, env, rounds=True, share=0.3)
        for how, yields in (("at once", "false"), ("yields", "true"))
    ]


SIZES = (2, 100, 1000)
LARGE = {"size": "65536"}

# By group, so that one can be asked for by `--experiments`.
EXPERIMENTS = {
    "calls": [
        Experiment("calls", "calls", MODES, rounds=True),
        Experiment("64 KiB", "calls", (MODERN,), options=LARGE, rounds=True),
        Experiment("64 KiB, escapes", "calls", (MODERN,), options={**LARGE, "escapes": "true"}, rounds=True),
    ],
    "opens": [Experiment("opens", "opens", (SESSION,), env={"SESSIONS": MANY_SESSIONS}, rounds=True, share=0.6)],
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

__all__ = ["EXPERIMENTS", "LEGACY", "MODERN", "MODES", "ROUNDS", "SESSION", "SIZES", "Experiment"]
