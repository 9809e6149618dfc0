"""The tables, as the text of docs/performance.md."""

from statistics import median
from textwrap import fill

from .contestants import CONTESTANTS, LEGACY, MODERN, MODES, ON_ACTIX, ON_AXUM, SESSION
from .experiments import EXPERIMENTS, ROUNDS, SIZES
from .measure import ONCE_SECONDS
from .prose import PROSE
from .results import Results
from .stores import STORES

NONE = "-"
VERSIONS = (
    *("axum", "actix-web", "hyper", "tokio", "serde_json"),
    *("rmcp", "tower-mcp", "rust-mcp-sdk", "rmcp-actix-web", "fastmcp", "mcp", "uvicorn"),
)
# And what each is called where something is missing in it.
TABLES = {
    "calls": "calls",
    "cpu_time": "calls",
    "latency": "calls",
    "opens": "sessions opened",
    "sse": "answers that are streams",
    "memory": "memory",
    "events": "events",
    "tools": "as tools grow",
    "starting": "starting",
    "stores": "stores",
}
NAMES = {SESSION: "session", MODERN: "2026-07-28"}

CALLS = {
    "2025-11-25, session": ("calls", SESSION),
    "2025-11-25, stateless": ("calls", LEGACY),
    "2026-07-28": ("calls", MODERN),
    "2026-07-28, 64 KiB": ("64 KiB", MODERN),
    "2026-07-28, 64 KiB with escapes": ("64 KiB, escapes", MODERN),
}
STREAMED = {
    f"{NAMES[mode]}: {how}, {nodelay}": (f"{how}, {nodelay}", mode)
    for mode in (SESSION, MODERN)
    for how in ("at once", "yields")
    for nodelay in ("NODELAY", "no NODELAY")
}
MEMORY = {
    "session": ("sessions", SESSION),
    "connection": ("connections", MODERN),
    "GET stream": ("streams", SESSION),
    "`subscriptions/listen`": ("streams", MODERN),
}
EVENTS = {
    f"{label}, {NAMES[mode]}": (experiment, mode)
    for experiment, label in (("events", "one stream"), ("fan_out", "1,000 streams"))
    for mode in (SESSION, MODERN)
}
TOOLS = {f"{what}, {size:,}": (f"{what} of {size}", MODERN) for what in ("echo", "list") for size in SIZES}
# Experiment, field of its results, and unit.
STARTING = {
    "ms to the first answer": ("starting", "seconds", 1e-3),
    "MiB resident": ("starting", "resident", 2**20),
    "MiB after the calls": ("calls", "resident", 2**20),
    "MiB of binary": ("starting", "bytes", 2**20),
}


def line(result):
    """One result, while it is measured."""
    where = f"{result['round']} {result['experiment']} {result['mode']} {result['contestant']}:"
    if reason := result.get("lacks") or result.get("failed"):
        return f"{where} - ({reason})"
    parts = [f"{result['rate']:,.0f}/s"] if "rate" in result else []
    for field, unit in (("p99_us", " us p99"), ("bytes_each", " B each"), ("server_busy", " busy"), ("seconds", " s")):
        if field in result:
            parts.append(f"{result[field]:,.2f}{unit}")
    return f"{where} {', '.join(parts)}"


class Report:
    def __init__(self, measured):
        self.facts = measured["facts"]
        self.results = Results(measured["results"])
        # Which tables lack something of whom, by reason.
        self.reasons = {}
        self.now = None

    def table(self, title, columns, cell):
        """A row for each contestant. `cell(contestant, *column)` is a text, or None where nothing was measured."""
        rows = []
        for contestant in CONTESTANTS:
            cells = [cell(contestant, *column) for column in columns.values()]
            if any(cells):
                rows.append([self.label(contestant), *(text or NONE for text in cells)])
        return table([title, *columns], rows) if rows else "Not measured."

    def label(self, contestant):
        return contestant.label.format(version=self.facts["versions"].get(contestant.crate))

    def value(self, contestant, experiment, mode, field):
        """The median, or None. It is noted why it is None, and what went wrong in other rounds."""
        of = (contestant.name, experiment, mode)
        value = self.results.median(*of, field)
        if reason := self.results.lacks(*of):
            self.note(self.label(contestant), reason)
        self.note_failures(self.label(contestant), *of)
        return value

    def note_failures(self, label, contestant, experiment, mode):
        for round_, reason in self.results.failures(contestant, experiment, mode).items():
            self.note(label, f"{experiment}, {mode}, round {round_ + 1}: {reason}")

    def note(self, label, reason):
        reason = " ".join(reason.split())[:200].rstrip(". ")
        self.reasons.setdefault((label, reason), {})[self.now] = None

    def mark(self, contestant, experiment, mode, ratio_disturbed=False):
        of = (contestant.name, experiment, mode)
        disturbed = ratio_disturbed or self.results.disturbed(*of)
        return ("\\*" if disturbed else "") + ("†" if self.results.failures(*of) else "")

    def rate(self, contestant, experiment, mode, field="rate"):
        """`98,000 (0.97 ±0.01)`"""
        rate = self.value(contestant, experiment, mode, field)
        if rate is None:
            return None
        ratio, disturbed = self.ratio(contestant, experiment, mode, field)
        return f"{figures(rate)}{ratio}{self.mark(contestant, experiment, mode, disturbed)}"

    def ratio(self, contestant, experiment, mode, field, spread=True):
        """` (0.97 ±0.01)`, and whether it is of disturbed rounds."""
        if contestant.name == contestant.ceiling:
            return "", False
        ratios, disturbed = self.results.ratios(contestant.name, experiment, mode, contestant.ceiling, field)
        half = f" ±{(max(ratios) - min(ratios)) / 2:.2f}" if spread and len(ratios) > 1 else ""
        return (f" ({short(median(ratios))}{half})" if ratios else ""), disturbed

    def calls(self):
        return self.table("calls a second", CALLS, self.rate)

    def cpu_time(self):
        def cell(contestant, experiment, mode):
            return self.rate(contestant, experiment, mode, "per_cpu_second")

        return self.table("calls a second of processor time", CALLS, cell)

    def latency(self):
        def cell(contestant, experiment, mode):
            values = [self.value(contestant, experiment, mode, field) for field in ("p50_us", "p99_us", "max_us")]
            if None in values:
                return None
            p50, p99, longest = map(figures, values)
            ratio, disturbed = self.ratio(contestant, experiment, mode, "p99_us", spread=False)
            return f"{p50} / {p99}{ratio} / {longest}{self.mark(contestant, experiment, mode, disturbed)}"

        return self.table("µs: median / 99th percentile (ratio) / longest", CALLS, cell)

    def opens(self):
        return self.table("", {"opened a second": ("opens", SESSION)}, self.rate)

    def sse(self):
        def cell(contestant, experiment, mode):
            rate = self.value(contestant, experiment, mode, "rate")
            if rate is None:
                return None
            ratios, disturbed = self.results.ratios(contestant.name, experiment, mode, contestant.name, other="calls")
            times = f" ({1 / median(ratios):.2f})" if ratios else ""
            return f"{figures(rate)}{times}{self.mark(contestant, experiment, mode, disturbed)}"

        return self.table("calls a second (times a plain call)", STREAMED, cell)

    def memory(self):
        def cell(contestant, experiment, mode):
            each = self.value(contestant, experiment, mode, "bytes_each")
            if each is None:
                return None
            mark = self.mark(contestant, experiment, mode)
            if experiment != "streams":
                return figures(each) + mark
            servers = (contestant.ceiling, contestant.name)
            idle = [self.results.median(server, "connections", MODERN, "bytes_each") for server in servers]
            known = [connection for connection in idle if connection is not None]
            beyond = f" ({each - min(known):+,.0f})" if known else ""
            return f"{figures(each)}{beyond}{mark}"

        return self.table("bytes each", MEMORY, cell)

    def events(self):
        def cell(contestant, experiment, mode):
            rate = self.value(contestant, experiment, mode, "rate")
            if rate is None:
                return None
            said, heard = (self.results.median(contestant.name, experiment, mode, what) for what in ("said", "heard"))
            lost = f" ({1 - heard / said:.0%} lost)" if said and heard < said else ""
            return f"{figures(rate)}{lost}{self.mark(contestant, experiment, mode)}"

        return self.table("events a second", EVENTS, cell)

    def tools(self):
        def cell(contestant, experiment, mode):
            rate = self.value(contestant, experiment, mode, "rate")
            return None if rate is None else figures(rate) + self.mark(contestant, experiment, mode)

        return self.table("a second, with so many tools", TOOLS, cell)

    def starting(self):
        def cell(contestant, experiment, field, unit):
            value = self.value(contestant, experiment, MODERN, field)
            return None if value is None else f"{value / unit:.1f}{self.mark(contestant, experiment, MODERN)}"

        return self.table("", STARTING, cell)

    def stores(self):
        rows = [[store, *(self.in_store(store, what) for what in ("store calls", "store opens"))] for store in STORES]
        return table(["", "calls a second", "opened a second"], rows)

    def in_store(self, store, experiment):
        rate = self.results.median(store, experiment, SESSION, "rate")
        self.note_failures(store, store, experiment, SESSION)
        if rate is None:
            return NONE
        ratios, disturbed = self.results.ratios(store, experiment, SESSION, "memory")
        ratio = f" ({short(median(ratios))})" if ratios and store != "memory" else ""
        mark = "\\*" if disturbed or self.results.disturbed(store, experiment, SESSION) else ""
        return f"{figures(rate)}{ratio}{mark}{'†' if self.results.failures(store, experiment, SESSION) else ''}"

    def absences(self):
        """To be asked for after the tables, which note what they lack."""
        reasons = self.reasons.items()
        return "\n".join(f"- {label} ({', '.join(where)}): {reason}." for (label, reason), where in reasons)

    def load_busy(self):
        """The most of the time that the load generator had something to do for calls of the first table."""
        calls = (result for result in self.results.all if result["experiment"] == "calls" and "load_busy" in result)
        return max((result["load_busy"] for result in calls), default=0)

    def ceiling_busy(self, ceiling):
        """The least that a hand-written handler had of its core in the rounds that are used, over the three modes."""
        modes = (self.results.rounds(ceiling, "calls", mode).values() for mode in MODES)
        return min((result["server_busy"] for rounds in modes for result in rounds), default=0)


def table(head, rows):
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def figures(value):
    """Three significant digits, with thousands apart."""
    if value < 10:
        return f"{value:.1f}"
    digits = len(str(int(value)))
    return f"{round(value, min(0, 3 - digits)):,.0f}"


def short(ratio):
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.3f}"


def seconds_of(group, facts):
    """How long one measurement of a group took that is measured in rounds."""
    return facts["seconds"] * EXPERIMENTS[group][0].share


def document(measured):
    report = Report(measured)
    tables = {}
    for name, report.now in TABLES.items():
        tables[name] = getattr(report, name)()
    known = report.facts["versions"]
    versions = ", ".join(f"{name} {known[name]}" for name in VERSIONS if name in known)
    return PROSE.format(
        **report.facts,
        **tables,
        absences=report.absences(),
        versions_line=fill(f"{versions}.", 120, break_on_hyphens=False),
        load_busy=report.load_busy(),
        axum_busy=report.ceiling_busy(ON_AXUM),
        actix_busy=report.ceiling_busy(ON_ACTIX),
        opens_seconds=seconds_of("opens", report.facts),
        sse_seconds=seconds_of("sse", report.facts),
        once_seconds=ONCE_SECONDS,
        least_rounds=ROUNDS,
    )
