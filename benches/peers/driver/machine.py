"""On what, with what and when it was measured. Not whose machine it was."""

import os
import platform
import re
import subprocess
import time

from . import build
from .server import LOAD_CORE, SERVER_CORE, siblings


def output(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=build.ROOT, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


# What is measured.
SOURCES = ("src", "macros", "Cargo.toml", "benches/peers")


def facts(command, given, took):
    status = "" if output("git", "status", "--porcelain", "--", *SOURCES) == "" else ", changed"
    return {
        "command": command,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "took_minutes": round(took / 60),
        "rounds": given.rounds,
        "seconds": given.seconds,
        "commit": output("git", "rev-parse", "--short", "HEAD") + status,
        "processor": processor(),
        "cores": os.cpu_count(),
        "two_cores": two_cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
        "rustc": output("rustc", "--version").removeprefix("rustc "),
        "python": platform.python_version(),
        "redis": (re.search(r"v=(\S+)", output("redis-server", "--version")) or [None, "none"])[1],
        "versions": versions(),
    }


def processor():
    with open("/proc/cpuinfo") as info:
        fields = dict(line.split(":", 1) for line in info.read().split("\n\n")[0].splitlines() if ":" in line)
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    if fields.get("model name", "unknown") != "unknown":
        return fields["model name"]
    return f"{fields.get('vendor_id')}, family {fields.get('cpu family')}, model {fields.get('model')}"


def two_cores():
    """What those of the server and of the load generator are to each other."""
    if SERVER_CORE == LOAD_CORE:
        return "one core, which they share"
    if LOAD_CORE in siblings(SERVER_CORE):
        return "two threads of one physical core"
    return "two physical cores, as the kernel sees it"


def versions():
    """What Cargo.lock and requirements.txt say of each package."""
    lock = (build.HERE / "Cargo.lock").read_text()
    found = dict(re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"', lock))
    requirements = build.HERE / "fastmcp" / "requirements.txt"
    if requirements.exists():
        found |= dict(re.findall(r"^([\w-]+)==([^\s;]+)", requirements.read_text(), re.MULTILINE))
    return found
