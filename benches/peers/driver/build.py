"""Builds the contestants, one at a time: what is built together shares the features of its dependencies."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / "peers"
LOGS = TARGET / "logs"
RESULTS = TARGET / "results.json"


def binary(package):
    return TARGET / "release" / package


def cargo(*command, package):
    print(f"cargo {command[0]}: {package}", flush=True)
    words = ["cargo", *command, "--quiet", "--locked", "--package", package]
    subprocess.run(words, cwd=HERE, env={**os.environ, "CARGO_TARGET_DIR": str(TARGET)}, check=True)


def environment():
    """A virtual environment with exactly what fastmcp/requirements.txt pins, made anew when that changes."""
    requirements, venv = HERE / "fastmcp" / "requirements.txt", TARGET / "fastmcp"
    installed = venv / "installed.txt"
    if installed.exists() and installed.read_text() == requirements.read_text():
        return
    print("installing fastmcp", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
    pip = [venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", requirements], check=True)
    installed.write_text(requirements.read_text())


def command(contestant):
    if contestant.package is None:
        return [str(TARGET / "fastmcp" / "bin" / "python"), str(HERE / "fastmcp" / "server.py")]
    return [str(binary(contestant.package))]


def build(contestants, more=()):
    LOGS.mkdir(parents=True, exist_ok=True)
    # What judges the others has to be right.
    cargo("test", package="load")
    for package in ["load", *dict.fromkeys(one.package for one in contestants if one.package), *more]:
        cargo("build", "--release", package=package)
    if any(one.package is None for one in contestants):
        environment()
