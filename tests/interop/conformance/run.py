"""Runs the official conformance suite against a server: `run.py SERVER NODE SUITE`.

SERVER is the `everything` binary, NODE a Node.js, SUITE the `dist/index.js` of `@modelcontextprotocol/conformance`.
All server scenarios of each revision run (`--suite all`), by one process of the suite per revision, one after another
against one server. Every check must pass: a warning, and a check that the suite skipped, fail the run as a failure
does. What the suite has for servers and is not run is in `NOT_RUN`, and nothing else may be left out. The scenarios
that `docs/conformance.md` names must be among those of the suite.
Only the standard library is used.
"""

import collections
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from server import Failure, Server  # noqa: E402

REVISIONS = ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"]
SUITE_WITHIN = 300
PAGE = Path(__file__).resolve().parents[3] / "docs" / "conformance.md"
SCENARIO_LINE = re.compile(r"^\s+- (\S+) \[(\S+)\]$")
RESULT_FOLDER = re.compile(r"^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$")
# What is told for information only is neither good nor bad.
GOOD, NEUTRAL = "SUCCESS", "INFO"
BAD = ["FAILURE", "WARNING", "SKIPPED"]
# Checks of our own: a scenario must not pass because nothing of it was checked.
SILENT = {"id": "no-checks", "status": "FAILURE", "errorMessage": "the scenario checked nothing"}
ABSENT = {"id": "no-result", "status": "FAILURE", "errorMessage": "the suite wrote no result for the scenario"}

# Scenarios of extensions that the server does not have; they belong to no revision.
EXTENSION = "extension"
TASKS, SKILLS = "the tasks extension", "the skills extension (SEP-2640)"
NOT_RUN = {
    "tasks-lifecycle": TASKS,
    "tasks-capability-negotiation": TASKS,
    "tasks-wire-fields": TASKS,
    "tasks-request-state-removal": TASKS,
    "tasks-mrtr-input": TASKS,
    "tasks-request-headers": TASKS,
    "tasks-dispatch-and-envelope": TASKS,
    "tasks-status-notifications": TASKS,
    "tasks-required-task-error": TASKS,
    "tasks-mrtr-composition": TASKS,
    "sep-2640-skills-directory": SKILLS,
    "sep-2640-skills-enumeration": SKILLS,
    "sep-2640-skills-manifest": SKILLS,
}


class Suite:
    def __init__(self, node, script):
        self.command = [node, script]

    def run(self, arguments):
        command = [*self.command, *arguments]
        try:
            ran = subprocess.run(command, capture_output=True, text=True, timeout=SUITE_WITHIN)
        except subprocess.TimeoutExpired:
            raise Failure(f"the suite did not end within {SUITE_WITHIN} s: {arguments}") from None
        # 1 is how it says that a check failed; which one, its files say.
        if ran.returncode not in (0, 1):
            raise Failure(f"the suite ended with {ran.returncode}: {ran.stdout[-2000:]} {ran.stderr[-2000:]}")
        return ran

    def scenarios(self, *of):
        """What it has for servers, by name: the revisions of each, or that it is of an extension."""
        listed = self.run(["list", "--server", *of]).stdout
        found = {match[1]: match[2].split(",") for match in map(SCENARIO_LINE.match, listed.splitlines()) if match}
        # A line that is not understood would be a scenario that nobody misses.
        if not found or len(found) != listed.count("\n  - "):
            raise Failure(f"no list of scenarios {of}: {listed}")
        return found

    def checks(self, url, revision):
        """The checks of every scenario of a revision, by its name."""
        found = {name: [ABSENT] for name in self.scenarios("--spec-version", revision)}
        with tempfile.TemporaryDirectory() as folder:
            where = ["--url", url, "--spec-version", revision, "--suite", "all", "-o", folder]
            self.run(["server", *where])
            for result in Path(folder).iterdir():
                name = RESULT_FOLDER.match(result.name)
                if not name or name[1] not in found:
                    raise Failure(f"the suite wrote a result that no listed scenario has: {result.name}")
                checks = json.loads((result / "checks.json").read_text())
                told = any(check["status"] != NEUTRAL and check["id"] != "wire-schema-valid" for check in checks)
                found[name[1]] = checks if told else [*checks, SILENT]
        return found


def left_out(suite, ran):
    """`NOT_RUN` is all that the suite has for servers beside what ran, and belongs to extensions."""
    known = suite.scenarios()
    missed = sorted(known.keys() - ran - NOT_RUN.keys())
    stale = sorted(NOT_RUN.keys() - known.keys())
    wrong = sorted(name for name in NOT_RUN.keys() & known.keys() if name in ran or known[name] != [EXTENSION])
    for what, names in [("did not run, and should", missed), ("is no scenario", stale), ("is no extension's", wrong)]:
        if names:
            raise Failure(f"{what}: {', '.join(names)}")


def named(suite):
    """The page names scenarios, as `suite:NAME`, that hold the server to a requirement: they must be there."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    names = set(re.findall(r"`suite:([^`]+)`", "\n".join(rows)))
    absent = sorted(names - suite.scenarios().keys())
    if absent or not names:
        named = ", ".join(absent) or "(none at all)"
        raise Failure(f"{PAGE.name} names scenarios that the suite does not have: {named}")


def message(check):
    return check.get("errorMessage") or check.get("description") or "(no message)"


def judge(revision, scenarios):
    """Counts the checks, and gives a line for each that is not good."""
    counts, bad = collections.Counter(), []
    for scenario, checks in scenarios.items():
        for check in checks:
            status, where = check["status"], f"{revision} {scenario} {check['id']}"
            if status not in (GOOD, NEUTRAL, *BAD):
                raise Failure(f"{where} has a status that is not known here: {status}")
            counts[status] += 1
            if status in BAD:
                bad.append(f"{where}: {status}: {message(check)}")
    return counts, bad


def table(rows):
    """Prints rows of texts and numbers in columns."""
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows)]
    for first, *rest in rows:
        cells = [str(cell).rjust(width) for cell, width in zip(rest, widths[1:])]
        print("  ".join([str(first).ljust(widths[0]), *cells]).rstrip())


def run(suite, url):
    rows = [("revision", "scenarios", "passed", "failed", "warned", "skipped", "seconds")]
    bad, ran = [], set()
    for revision in REVISIONS:
        began = time.monotonic()
        scenarios = suite.checks(url, revision)
        counts, found = judge(revision, scenarios)
        bad += found
        ran |= scenarios.keys()
        numbers = [counts[status] for status in (GOOD, *BAD)]
        rows.append((revision, len(scenarios), *numbers, f"{time.monotonic() - began:.1f}"))
    table(rows)
    left_out(suite, ran)
    named(suite)
    if bad:
        raise Failure("\n".join([f"{len(bad)} checks did not pass:", *bad]))
    reasons = " and ".join(dict.fromkeys(NOT_RUN.values()))
    print(f"every check of {len(ran)} scenarios passed; the {len(NOT_RUN)} of {reasons} were not run")


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    binary, node, script = sys.argv[1:]
    server = Server(binary)
    try:
        run(Suite(node, script), server.url())
        print(f"the server exited 0 in {server.stop():.1f} s")
    except Failure as failure:
        print(f"FAILED: {failure}\nthe server's stderr:\n{server.said() or '(nothing)'}", file=sys.stderr)
        sys.exit(1)
    finally:
        server.kill()


main()
