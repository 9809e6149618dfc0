"""Who is measured, how each is started, and what it does not serve."""

from dataclasses import dataclass, field

SESSION, LEGACY, MODERN = "session", "legacy", "modern"
MODES = (SESSION, LEGACY, MODERN)


@dataclass(frozen=True)
class Contestant:
    name: str
    label: str
    # The package of this workspace, or None for the one in Python.
    package: str | None
    # Whose rates of the same round its own are divided by.
    ceiling: str
    # Of which the version is told.
    crate: str
    env: dict = field(default_factory=dict)
    path: str = "/mcp"
    # For the rate of events: whether `count` logs, since progress is slowed down.
    logs: bool = False
    # Experiment, or experiment and mode, and why it is left out.
    lacks: dict = field(default_factory=dict)

    def why_not(self, experiment, mode):
        for lacking in ((experiment, mode), experiment, mode):
            if lacking in self.lacks:
                return self.lacks[lacking]
        return None


# What speaks before it answers, in a call's own stream.
SPEAKS = [f"{how}, {nodelay}" for how in ("at once", "yields") for nodelay in ("NODELAY", "no NODELAY")] + ["events"]

HAND_WRITTEN = {
    experiment: "the hand-written handler keeps no sessions and no streams"
    for experiment in ("sessions", "streams", "fan_out")
}
TOWER_MCP = {(name, SESSION): "what a tool says goes to the session's GET stream, not to the call's" for name in SPEAKS}
RUST_MCP_SDK = {mode: "2.x serves 2026-07-28 only" for mode in (SESSION, LEGACY)}
JSON_ONLY = RUST_MCP_SDK | {
    (name, MODERN): "a call that reports progress gets that in place of its answer"
    for name in SPEAKS
}
JSON_ONLY |= {(name, MODERN): "`subscriptions/listen` is acknowledged and ends" for name in ("streams", "fan_out")}
FASTMCP = {
    **{(name, MODERN): "`subscriptions/listen` is not served" for name in ("streams", "fan_out")},
    **{f"{name}, no NODELAY": "asyncio sets TCP_NODELAY by itself" for name in ("at once", "yields")},
}
OWN_SERVER = {
    experiment: "it differs in how its connections write, which calls show"
    for experiment in (*SPEAKS, "opens", "sessions", "connections", "streams", "fan_out")
}
OWN_SERVER |= {f"{what} of {count}": OWN_SERVER["events"] for what in ("echo", "list") for count in (2, 100, 1000)}
OURS = "mcp-mount"

ON_AXUM, ON_ACTIX = "ceiling-axum", "ceiling-actix"

CONTESTANTS = [
    Contestant("ceiling-axum", "by hand, axum", "ceiling-axum", ON_AXUM, "axum", lacks=HAND_WRITTEN),
    Contestant("ceiling-actix", "by hand, actix-web", "ceiling-actix", ON_ACTIX, "actix-web", lacks=HAND_WRITTEN),
    Contestant("mount-axum-at", "mcp-mount, axum, `at`", "mount-axum", ON_AXUM, OURS, logs=True),
    Contestant("mount-axum-nest", "mcp-mount, axum, `nest`", "mount-axum", ON_AXUM, OURS, {"MOUNT": "nest"}, logs=True),
    Contestant(
        "mount-axum-serve",
        "mcp-mount, axum, `at`, `axum::serve`",
        "mount-axum",
        ON_AXUM,
        OURS,
        {"SERVE": "axum"},
        lacks=OWN_SERVER,
    ),
    Contestant("mount-actix", "mcp-mount, actix-web", "mount-actix", ON_ACTIX, OURS, logs=True),
    Contestant("rmcp-macro", "rmcp {version}, by macros", "peer-rmcp", ON_AXUM, "rmcp"),
    Contestant("rmcp-stored", "rmcp {version}, router stored", "peer-rmcp", ON_AXUM, "rmcp", {"ROUTER": "stored"}),
    Contestant("rmcp-actix-web", "rmcp-actix-web {version}", "peer-rmcp-actix-web", ON_ACTIX, "rmcp-actix-web"),
    Contestant("tower-mcp", "tower-mcp {version}", "peer-tower-mcp", ON_AXUM, "tower-mcp", lacks=TOWER_MCP),
    Contestant("rust-mcp-sdk", "rust-mcp-sdk {version}", "peer-rust-mcp-sdk", ON_AXUM, "rust-mcp-sdk", lacks=RUST_MCP_SDK),
    Contestant(
        "rust-mcp-sdk-json",
        "rust-mcp-sdk {version}, JSON only",
        "peer-rust-mcp-sdk",
        ON_AXUM,
        "rust-mcp-sdk",
        {"JSON": "1"},
        lacks=JSON_ONLY,
    ),
    Contestant("fastmcp", "FastMCP {version}", None, ON_AXUM, "fastmcp", lacks=FASTMCP),
]


def rotated(contestants, round_, rounds):
    """In another order in each round, so that nobody always comes after the same ones."""
    by = round_ * len(contestants) // rounds
    return [*contestants[by:], *contestants[:by]]


def chosen(only):
    """Those whose names begin with one of `only`, or all; with the ceilings that their rates are divided by."""
    if not only:
        return CONTESTANTS
    wanted = [one for one in CONTESTANTS if one.name.startswith(tuple(only))]
    needed = {one.ceiling for one in wanted}
    return [one for one in CONTESTANTS if one in wanted or one.name in needed]
