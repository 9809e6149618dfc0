"""The table, as the text of docs/performance.md."""

from statistics import median

from .contestants import CONTESTANTS, LEGACY, MODERN, SESSION
from .experiments import SIZES
from .prose import PROSE
from .results import Results
from .stores import STORES

LABELS = {one.name: one for one in CONTESTANTS}
NONE = "-"


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
        self.reasons = {}

    def table(self, title, columns, cell):
        """A row for each contestant. `cell(contestant, column)` is a text, or None where nothing was measured."""
        rows = [[title, *columns], ["---"] * (len(columns) + 1)]
        for contestant in CONTESTANTS:
            cells = [cell(contestant, column) for column in columns]
            if any(cells):
                rows.append([self.label(contestant), *(text or NONE for text in cells)])
        return "" if len(rows) == 2 else "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def label(self, contestant):
        version = self.facts["versions"].get(contestant.crate, "")
        return f"{contestant.label} {version}" if contestant.crate not in ("axum", "actix-web", "mcp-mount") else contestant.label

    def absent(self, contestant, experiment, mode):
        """Notes why a cell is empty."""
        if reason := self.results.why_not(contestant.name, experiment, mode):
            self.reasons.setdefault((contestant.label, " ".join(reason.split())[:200]), []).append(f"{experiment}, {mode}")

    def mark(self, contestant, experiment, mode):
        return "\\*" if self.results.disturbed(contestant.name, experiment, mode) else ""

    def rate(self, contestant, experiment, mode, field="rate"):
        """`98,000 (0.97 ±0.01)`"""
        rate = self.results.median(contestant.name, experiment, mode, field)
        if rate is None:
            return self.absent(contestant, experiment, mode)
        ratio = self.ratio(contestant, experiment, mode, field)
        return f"{figures(rate)}{ratio}{self.mark(contestant, experiment, mode)}"

    def ratio(self, contestant, experiment, mode, field):
        ratios = self.results.ratios(contestant.name, experiment, mode, contestant.ceiling, field)
        if not ratios or contestant.name == contestant.ceiling:
            return ""
        spread = f" ±{(max(ratios) - min(ratios)) / 2:.2f}" if len(ratios) > 1 else ""
        return f" ({short(median(ratios))}{spread})"

    def calls(self):
        columns = {"session (2025-11-25)": ("calls", SESSION), "stateless legacy": ("calls", LEGACY)}
        columns |= {"2026-07-28": ("calls", MODERN), "64 KiB, 2026-07-28": ("64 KiB", MODERN)}
        return self.table("calls a second", columns, lambda one, column: self.rate(one, *columns[column]))

    def cpu_time(self):
        columns = {"session": ("calls", SESSION), "stateless legacy": ("calls", LEGACY)}
        columns |= {"2026-07-28": ("calls", MODERN), "64 KiB, 2026-07-28": ("64 KiB", MODERN)}

        def cell(contestant, column):
            return self.rate(contestant, *columns[column], "per_cpu_second")

        return self.table("calls a second of processor time", columns, cell)

    def latency(self):
        columns = {"session": ("calls", SESSION), "stateless legacy": ("calls", LEGACY)}
        columns |= {"2026-07-28": ("calls", MODERN), "64 KiB, 2026-07-28": ("64 KiB", MODERN)}

        def cell(contestant, column):
            values = [self.results.median(contestant.name, *columns[column], f"{part}_us") for part in ("p50", "p99", "max")]
            return None if values[0] is None else " / ".join(figures(value) for value in values)

        return self.table("us: p50 / p99 / longest", columns, cell)

    def opens(self):
        return self.table("", ["opened a second"], lambda one, _: self.rate(one, "opens", SESSION))

    def sse(self):
        columns = {
            f"{mode}, {how}, {nodelay}": (mode, how, nodelay)
            for mode in (SESSION, MODERN)
            for how in ("at once", "yields")
            for nodelay in ("NODELAY", "no NODELAY")
        }

        def cell(contestant, column):
            mode, how, nodelay = columns[column]
            experiment, plain = f"{how}, {nodelay}", "plain, NODELAY"
            ratios = self.results.ratios(contestant.name, experiment, mode, contestant.name, other=plain)
            if not ratios:
                return self.absent(contestant, experiment, mode)
            return f"{1 / median(ratios):.2f}{self.mark(contestant, experiment, mode)}"

        return self.table("times a plain call", columns, cell)

    def memory(self):
        columns = {"session": ("sessions", SESSION), "connection": ("connections", MODERN)}
        columns |= {"GET stream": ("streams", SESSION), "`subscriptions/listen`": ("streams", MODERN)}

        def cell(contestant, column):
            experiment, mode = columns[column]
            each = self.results.median(contestant.name, experiment, mode, "bytes_each")
            if each is None:
                return self.absent(contestant, experiment, mode)
            if experiment == "streams":
                connection = self.results.median(contestant.name, "connections", mode, "bytes_each")
                return f"{figures(each)} (+{figures(each - connection)})" if connection else figures(each)
            return figures(each)

        return self.table("bytes each", columns, cell)

    def events(self):
        columns = {f"{label}, {mode}": (name, mode) for name, label in (("events", "one stream"), ("fan_out", "1,000 streams")) for mode in (SESSION, MODERN)}

        def cell(contestant, column):
            experiment, mode = columns[column]
            rate = self.results.median(contestant.name, experiment, mode, "rate")
            if rate is None:
                return self.absent(contestant, experiment, mode)
            said, heard = (self.results.median(contestant.name, experiment, mode, field) for field in ("said", "heard"))
            lost = f" ({1 - heard / said:.0%} lost)" if said and heard < said else ""
            return f"{figures(rate)}{lost}"

        return self.table("events a second", columns, cell)

    def tools(self):
        columns = {f"{what}, {size:,}": f"{what} of {size}" for what in ("echo", "list") for size in SIZES}

        def cell(contestant, column):
            rate = self.results.median(contestant.name, columns[column], MODERN, "rate")
            if rate is None:
                return self.absent(contestant, columns[column], MODERN)
            return figures(rate) + self.mark(contestant, columns[column], MODERN)

        return self.table("a second, with so many tools", columns, cell)

    def starting(self):
        columns = {"ms to the first answer": ("seconds", 1e-3), "MiB resident": ("resident", 2**20), "MiB of binary": ("bytes", 2**20)}

        def cell(contestant, column):
            field, unit = columns[column]
            value = self.results.median(contestant.name, "starting", MODERN, field)
            if value is None:
                return self.absent(contestant, "starting", MODERN)
            return f"{value / unit:.1f}"

        return self.table("", columns, cell)

    def stores(self):
        rows = ["| | calls a second | opened a second |", "| --- | --- | --- |"]
        for store in STORES:
            cells = []
            for experiment in ("store calls", "store opens"):
                rate = self.results.median(store, experiment, SESSION, "rate")
                ratios = self.results.ratios(store, experiment, SESSION, "memory")
                reason = self.results.why_not(store, experiment, SESSION) or "not measured"
                ratio = f" ({short(median(ratios))})" if ratios and store != "memory" else ""
                cells.append(NONE + f" ({reason})" if rate is None else figures(rate) + ratio)
            rows.append(f"| {store} | {' | '.join(cells)} |")
        return "\n".join(rows)

    def absences(self):
        return "\n".join(f"- {label}: {'; '.join(dict.fromkeys(where))}: {reason}" for (label, reason), where in self.reasons.items())


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
    tables = {
        name: getattr(report, name)() or "Not measured."
        for name in ("calls", "cpu_time", "latency", "opens", "sse", "memory", "events", "tools", "starting", "stores")
    }
    return PROSE.format(**report.facts, **tables, absences=report.absences(), versions_line=versions(report.facts))


def versions(facts):
    names = ("axum", "actix-web", "hyper", "tokio", "serde_json", "rmcp", "tower-mcp", "rust-mcp-sdk", "rmcp-actix-web", "fastmcp", "mcp", "uvicorn")
    return ", ".join(f"{name} {facts['versions'][name]}" for name in names if name in facts["versions"])
