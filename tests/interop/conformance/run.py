"""Runs the official conformance suite against a server: `run.py SERVER NODE SUITE`.

SERVER is the `everything` binary, NODE a Node.js, SUITE the `dist/index.js` of `@modelcontextprotocol/conformance`.
All server scenarios of each revision run, by one process of the suite per revision, one after another against one
server. Every check counts: a failure, a warning and a check that the suite skipped must each be in
`expected-failures.txt`, one line each:

    REVISION SCENARIO CHECK-ID  # reason

That file may only shrink: an entry whose check passes now, or is not there any more, fails the run until it is removed.
The scenarios of extensions (tasks, skills) belong to no revision and are not run; the server has no extensions.
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
EXPECTED = Path(__file__).with_name("expected-failures.txt")
SCENARIO_LINE = re.compile(r"^\s+- (\S+)")
RESULT_FOLDER = re.compile(r"^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$")
ENTRY_LINE = re.compile(r"^(\d{4}-\d\d-\d\d) (\S+) (\S+)\s+# (.+)$")
# What is told for information only is neither good nor bad.
GOOD, NEUTRAL = "SUCCESS", "INFO"
BAD = ["FAILURE", "WARNING", "SKIPPED"]
# Checks of our own: a scenario must not pass because nothing of it was checked.
SILENT = {"id": "no-checks", "status": "FAILURE", "errorMessage": "the scenario checked nothing"}
ABSENT = {"id": "no-result", "status": "FAILURE", "errorMessage": "the suite wrote no result for the scenario"}


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

    def scenarios(self, revision):
        listed = self.run(["list", "--server", "--spec-version", revision]).stdout
        names = [match[1] for match in map(SCENARIO_LINE.match, listed.splitlines()) if match]
        if not names:
            raise Failure(f"the suite lists no scenario of {revision}: {listed}")
        return names

    def checks(self, url, revision):
        """The checks of every scenario of a revision, by its name."""
        found = {name: [ABSENT] for name in self.scenarios(revision)}
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


def expected():
    """The entries of the file, each with its reason."""
    entries = {}
    for number, line in enumerate(EXPECTED.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = ENTRY_LINE.match(line)
        if not match:
            raise Failure(f"{EXPECTED.name}:{number}: not `REVISION SCENARIO CHECK-ID  # reason`: {line}")
        if match[1] not in REVISIONS:
            raise Failure(f"{EXPECTED.name}:{number}: the revision {match[1]} is not run")
        if match.groups()[:3] in entries:
            raise Failure(f"{EXPECTED.name}:{number}: the entry is there twice")
        entries[match.groups()[:3]] = match[4]
    return entries


def message(check):
    return check.get("errorMessage") or check.get("description") or "(no message)"


def judge(revision, scenarios, entries):
    """Counts the checks, and gives the keys of those that are not good, with what was said of them."""
    counts, bad = collections.Counter(), {}
    for scenario, checks in scenarios.items():
        for check in checks:
            status, key = check["status"], (revision, scenario, check["id"])
            if status not in (GOOD, NEUTRAL, *BAD):
                raise Failure(f"{key} has a status that is not known here: {status}")
            counts[status] += 1
            if status in BAD:
                counts["expected"] += key in entries
                bad.setdefault(key, []).append(f"{status}: {message(check)}")
    return counts, bad


def table(rows):
    """Prints rows of texts and numbers in columns."""
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows)]
    for first, *rest in rows:
        cells = [str(cell).rjust(width) for cell, width in zip(rest, widths[1:])]
        print("  ".join([str(first).ljust(widths[0]), *cells]).rstrip())


def run(suite, url):
    entries = expected()
    rows = [("revision", "scenarios", "passed", "failed", "warned", "skipped", "of which expected", "seconds")]
    bad = {}
    for revision in REVISIONS:
        began = time.monotonic()
        scenarios = suite.checks(url, revision)
        counts, found = judge(revision, scenarios, entries)
        bad.update(found)
        numbers = [counts[status] for status in (GOOD, *BAD)]
        seconds = f"{time.monotonic() - began:.1f}"
        rows.append((revision, len(scenarios), *numbers, counts["expected"], seconds))
    table(rows)

    unexpected = [
        f"{' '.join(key)}: {told}" for key, all_told in bad.items() if key not in entries for told in all_told
    ]
    stale = [f"{' '.join(key)}  # {reason}" for key, reason in entries.items() if key not in bad]
    for heading, lines in [
        ("not expected:", unexpected),
        (f"passes now, or is not there any more; remove it from {EXPECTED.name}:", stale),
    ]:
        for line in lines:
            print(f"{heading} {line}", file=sys.stderr)
    if unexpected or stale:
        raise Failure(f"{len(unexpected)} checks failed that were not expected to, {len(stale)} entries are stale")
    print(f"every check passed but the {len(entries)} that {EXPECTED.name} names")


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
