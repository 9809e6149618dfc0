"""The tables, as the text of docs/performance.md."""

from statistics import median
from textwrap import fill

from .contestants import CONTESTANTS, LEGACY, MODERN, SESSION
from .experiments import SIZES
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
        """The median, or None; then it is noted why."""
        value = self.results.median(contestant.name, experiment, mode, field)
        reason = self.results.why_not(contestant.name, experiment, mode)
        if value is None and reason:
            reason = " ".join(reason.split())[:200]
            self.reasons.setdefault((self.label(contestant), reason), {})[self.now] = None
        return value

    def mark(self, contestant, experiment, mode):
        return "\\*" if self.results.disturbed(contestant.name, experiment, mode) else ""

    def rate(self, contestant, experiment, mode, field="rate"):
        """`98,000 (0.97 ±0.01)`"""
        rate = self.value(contestant, experiment, mode, field)
        if rate is None:
            return None
        ratios = self.results.ratios(contestant.name, experiment, mode, contestant.ceiling, field)
        spread = f" ±{(max(ratios) - min(ratios)) / 2:.2f}" if len(ratios) > 1 else ""
        compared = ratios and contestant.name != contestant.ceiling
        ratio = f" ({short(median(ratios))}{spread})" if compared else ""
        return f"{figures(rate)}{ratio}{self.mark(contestant, experiment, mode)}"

    def calls(self):
        return self.table("calls a second", CALLS, self.rate)

    def cpu_time(self):
        def cell(contestant, experiment, mode):
            return self.rate(contestant, experiment, mode, "per_cpu_second")

        return self.table("calls a second of processor time", CALLS, cell)

    def latency(self):
        def cell(contestant, experiment, mode):
            fields = ("p50_us", "p99_us", "max_us")
            values = [self.value(contestant, experiment, mode, field) for field in fields]
            return None if None in values else " / ".join(map(figures, values))

        return self.table("µs: median / 99th percentile / longest", CALLS, cell)

    def opens(self):
        return self.table("", {"opened a second": ("opens", SESSION)}, self.rate)

    def sse(self):
        def cell(contestant, experiment, mode):
            if self.value(contestant, experiment, mode, "rate") is None:
                return None
            ratios = self.results.ratios(contestant.name, experiment, mode, contestant.name, other="plain, NODELAY")
            return f"{1 / median(ratios):.2f}{self.mark(contestant, experiment, mode)}" if ratios else None

        return self.table("times a plain call", STREAMED, cell)

    def memory(self):
        def cell(contestant, experiment, mode):
            each = self.value(contestant, experiment, mode, "bytes_each")
            if each is None or experiment != "streams":
                return None if each is None else figures(each)
            # What it is on has no hand-written handler beside it in Python.
            host = contestant.ceiling if contestant.package else contestant.name
            connection = self.results.median(host, "connections", MODERN, "bytes_each")
            return f"{figures(each)} ({each - connection:+,.0f})" if connection else figures(each)

        return self.table("bytes each", MEMORY, cell)

    def events(self):
        def cell(contestant, experiment, mode):
            rate = self.value(contestant, experiment, mode, "rate")
            if rate is None:
                return None
            said, heard = (self.results.median(contestant.name, experiment, mode, what) for what in ("said", "heard"))
            lost = f" ({1 - heard / said:.0%} lost)" if said and heard < said else ""
            return f"{figures(rate)}{lost}"

        return self.table("events a second", EVENTS, cell)

    def tools(self):
        def cell(contestant, experiment, mode):
            rate = self.value(contestant, experiment, mode, "rate")
            return None if rate is None else figures(rate) + self.mark(contestant, experiment, mode)

        return self.table("a second, with so many tools", TOOLS, cell)

    def starting(self):
        def cell(contestant, experiment, field, unit):
            value = self.value(contestant, experiment, MODERN, field)
            return None if value is None else f"{value / unit:.1f}"

        return self.table("", STARTING, cell)

    def stores(self):
        rows = [[store, *(self.in_store(store, what) for what in ("store calls", "store opens"))] for store in STORES]
        return table(["", "calls a second", "opened a second"], rows)

    def in_store(self, store, experiment):
        rate = self.results.median(store, experiment, SESSION, "rate")
        if rate is None:
            return f"{NONE} ({self.results.why_not(store, experiment, SESSION) or 'not measured'})"
        ratios = self.results.ratios(store, experiment, SESSION, "memory")
        ratio = f" ({short(median(ratios))})" if ratios and store != "memory" else ""
        mark = "\\*" if self.results.disturbed(store, experiment, SESSION) else ""
        return f"{figures(rate)}{ratio}{mark}"

    def absences(self):
        """To be asked for after the tables, which note what they lack."""
        reasons = self.reasons.items()
        return "\n".join(f"- {label} ({', '.join(where)}): {reason}." for (label, reason), where in reasons)

    def load_busy(self):
        """The most that the load generator took of its core for calls of the first table."""
        calls = (result for result in self.results.all if result["experiment"] == "calls" and "load_busy" in result)
        return max((result["load_busy"] for result in calls), default=0)


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
    )
