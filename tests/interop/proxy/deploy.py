"""docs/deploy, as far as it can be checked without a container engine and without systemd: `deploy.py FOLDER`.

- The image's build commands, read from the Dockerfile, run in a clean folder: only what git tracks, without what
  Dockerfile.dockerignore leaves out. It is made below FOLDER, cargo's target directory, which it uses as its own.
- What comes of it is started, and asked by the image's own HEALTHCHECK: before and after the SIGTERM that is its
  STOPSIGNAL.
- Compose reads compose.yml, and what stands in several files agrees: addresses, paths, the time that an end may take.
- `systemd-analyze` verifies the unit and finds it hardened; `nginx -t` has nothing to say.

Needs git, bash, nginx, openssl, systemd-analyze and Docker Compose, with or without an engine.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from common import Checks  # noqa: E402
from nginx import DEPLOY, Nginx, certificate, free_ports  # noqa: E402
from server import Failure, Server  # noqa: E402

ROOT = HERE.parents[2]
BUILD_WITHIN = 1800
READY_WITHIN = 20
# What `systemd-analyze security` may count at most: 2.0 of 10.
EXPOSURE = 20
UNIT = "mcp-mount@.service"
SECRET = "what openssl rand -base64 32 prints"


class Dockerfile:
    """Its instructions, each with the stage that it is in and without its continuations."""

    def __init__(self, path):
        self.instructions = []
        stage = None
        text = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE))
        for line in filter(None, map(str.strip, text.splitlines())):
            name, rest = line.split(None, 1)
            if name == "FROM":
                named = re.fullmatch(r"\S+ AS (\S+)", rest)
                stage = named[1] if named else "the image"
            self.instructions.append((stage, name, rest))

    def all(self, stage, name):
        return [rest for at, what, rest in self.instructions if (at, what) == (stage, name)]

    def one(self, stage, name):
        found = self.all(stage, name)
        if len(found) != 1:
            raise Failure(f"the Dockerfile has {len(found)} {name} in {stage}, expected one")
        return found[0]


def run(*command, **options):
    ran = subprocess.run(command, capture_output=True, text=True, **options)
    if ran.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))} ended with {ran.returncode}: {ran.stdout} {ran.stderr}")
    return ran.stdout


def clean_folder(checks, target):
    """What `COPY . .` would copy from a fresh clone. It is made anew, with the times of the files, so that cargo sees
    what has changed since the last run."""
    context = target / "deploy/context"
    shutil.rmtree(context, ignore_errors=True)
    ignored = {line for line in (DEPLOY / "Dockerfile.dockerignore").read_text().split("\n") if line and line[0] != "#"}
    checks.ok(all(re.fullmatch(r"[\w./]+", line) for line in ignored), "what is ignored are plain paths", ignored)
    count = 0
    for name in run("git", "ls-files", "-z", cwd=ROOT).split("\0"):
        left_out = any(name == one or name.startswith(f"{one}/") for one in ignored)
        if name and not left_out and (ROOT / name).is_file():
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, context / name)
            count += 1
    checks.ok(count > 100, f"{count} files are in the context", count)
    (context / "target").symlink_to(target)
    return context


def check_image(checks, target):
    """Builds in a clean folder what the Dockerfile builds; gives the program and the environment of the image."""
    dockerfile = Dockerfile(DEPLOY / "Dockerfile")
    context = clean_folder(checks, target)
    workdir = dockerfile.one("build", "WORKDIR")
    for copied in dockerfile.all("build", "COPY"):
        checks.ok(copied == ". .", "the whole of the context is copied", copied)
    environment = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}
    commands = dockerfile.all("build", "RUN")
    checks.ok(any("cargo build --release --locked" in command for command in commands), "cargo builds it", commands)
    for command in commands:
        began = time.monotonic()
        # What a shell form is run with.
        run("/bin/sh", "-c", command, cwd=context, env=environment, timeout=BUILD_WITHIN)
        checks.ok(True, f"RUN {command} ({time.monotonic() - began:.0f} s)")

    image = {}
    for copied in dockerfile.all("the image", "COPY"):
        *_, source, destination = copied.split()
        checks.ok(copied.startswith("--from=build ") and source.startswith(f"{workdir}/"), f"COPY {copied}")
        image[destination] = context / source.removeprefix(f"{workdir}/")
        checks.ok(image[destination].exists(), f"{source} is there after the build")
    [program] = json.loads(dockerfile.one("the image", "ENTRYPOINT"))
    checks.ok(program in image, "the program is one of what is copied", (program, image))
    user = dockerfile.one("the image", "USER")
    checks.ok(re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), "it runs as a number that is not root's", user)
    checks.ok(dockerfile.one("the image", "STOPSIGNAL") == "SIGTERM", "it is ended by SIGTERM")
    variables = dict(line.split("=", 1) for line in dockerfile.all("the image", "ENV"))
    folder = str(Path(variables["DATABASE"]).parent)
    checks.ok(folder in image and image[folder].is_dir(), f"{folder} is there for the database", image)
    _, probe = dockerfile.one("the image", "HEALTHCHECK").split("CMD", 1)
    check_probe(checks, image[program], json.loads(probe))
    return image[program], variables


def check_toolchain(checks):
    """The image's compiler is the oldest one that the crate is for. Here it is built with the one at hand."""
    minimum = re.search(r'^rust-version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    image = re.search(r"^FROM rust:([\d.]+)-\w+ AS build$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)[1]
    checks.ok(image == minimum, f"the image is built with Rust {image}", minimum)


def check_probe(checks, program, probe):
    """The HEALTHCHECK against the program itself, from before it listens to its lame duck."""
    [port] = free_ports(1)
    address = f"127.0.0.1:{port}"

    def healthy():
        ran = subprocess.run(probe, env={**os.environ, "ADDR": address}, capture_output=True, timeout=10)
        return ran.returncode == 0

    def turns(healthy_now):
        deadline = time.monotonic() + READY_WITHIN
        while healthy() != healthy_now and time.monotonic() < deadline:
            time.sleep(0.05)
        return healthy() == healthy_now

    checks.ok(not healthy(), "the HEALTHCHECK fails where nobody listens")
    server = Server(program, ADDR=address, LAME_DUCK="2", GRACE="2")
    try:
        checks.ok(turns(True), "it succeeds when the program is ready")
        server.process.terminate()
        checks.ok(turns(False) and server.process.poll() is None, "it fails in the lame duck")
        code = server.process.wait(READY_WITHIN)
        checks.ok(code == 0, "the program exits 0", code)
    finally:
        server.kill()


def composed():
    """compose.yml as Compose understands it."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if not shutil.which(command[0]) or subprocess.run([*command, "version"], capture_output=True).returncode != 0:
            continue
        command += ["-f", DEPLOY / "compose.yml", "config"]
        environment = {**os.environ, "REQUEST_STATE_KEYS": SECRET}
        ran = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, env=environment)
        if ran.returncode == 0 and ran.stdout.startswith("{"):
            return json.loads(ran.stdout)
        # Compose 1 writes YAML whatever it is told. It is written in Debian's Python, so that has a module for it.
        convert = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)"
        return json.loads(run("/usr/bin/python3", "-c", convert, input=run(*command, env=environment)))
    raise Failure("there is no Docker Compose: install docker-compose")


def seconds(text):
    """`60s`, `1m0s` or `60`."""
    minutes, rest = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s?)?", str(text)).groups()
    return 60 * int(minutes or 0) + int(rest or 0)


def check_compose(checks, variables):
    services = composed()["services"]
    proxy, redis = services.pop("nginx"), services.pop("redis")
    checks.ok("ports" not in redis, "Redis is not published", redis)
    check_redis(checks, redis["healthcheck"]["test"])
    checks.ok(len(services) == 2, "compose.yml has nginx and two replicas", sorted(services))
    address_of = {name: service["networks"]["mcp"]["ipv4_address"] for name, service in services.items()}
    port = variables["ADDR"].rsplit(":", 1)[1]
    listed = re.findall(r"^server (\S+) max_fails=0;$", (DEPLOY / "servers.compose.conf").read_text(), re.MULTILINE)
    checks.ok(listed == [f"{address}:{port}" for address in address_of.values()], "they are nginx's servers", listed)
    for name, service in services.items():
        build = service["build"]
        built = (DEPLOY / build["context"] / build["dockerfile"]).resolve()
        checks.ok(built == DEPLOY / "Dockerfile", f"{name} is built by the Dockerfile", built)
        environment = service["environment"]
        trusted = environment["TRUSTED_PROXIES"]
        checks.ok(trusted == proxy["networks"]["mcp"]["ipv4_address"], f"{name} believes nginx alone", trusted)
        store, keys = environment["STORE"], environment["REQUEST_STATE_KEYS"]
        checks.ok(re.fullmatch(r"redis://redis:6379/\d+", store), f"{name} keeps its sessions in Redis", store)
        checks.ok(keys == SECRET, f"{name} has the key that the other one has", keys)
        checks.ok(environment["DATABASE"] == variables["DATABASE"], f"{name} has the image's database", environment)
        check_end(checks, name, environment, seconds(service["stop_grace_period"]))
    # Version 1 writes a mount as `source:target:mode`, version 2 as an object.
    mounted = {}
    for mount in proxy["volumes"]:
        source, target = (mount["source"], mount["target"]) if isinstance(mount, dict) else mount.split(":")[:2]
        mounted[target] = (DEPLOY / source).resolve()
    tls = mounted.pop("/etc/nginx/tls")
    checks.ok(tls == DEPLOY / "tls", "nginx gets the folder with the certificate", tls)
    for target, source in mounted.items():
        checks.ok(source.is_file(), f"nginx gets {source.name} as {target}", source)
    text = (DEPLOY / "nginx.conf").read_text()
    for path in ("/etc/nginx/mcp/servers.conf", "/etc/nginx/tls/fullchain.pem", "/etc/nginx/tls/privkey.pem"):
        provided = path in mounted or str(Path(path).parent) == "/etc/nginx/tls"
        checks.ok(f" {path};" in text and provided, f"which is where nginx.conf looks for {path}")


def check_redis(checks, test):
    """Its health check with a `redis-cli` that prints what the real one does, which succeeds with any answer."""
    kind, *command = test
    command = ["/bin/sh", "-c", *command] if kind == "CMD-SHELL" else command
    loading = "LOADING Redis is loading the dataset in memory"
    with tempfile.TemporaryDirectory(prefix="redis-cli-") as folder:
        stub = Path(folder) / "redis-cli"
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
        for answer, healthy in (("PONG", True), (loading, False), ("", False)):
            stub.write_text(f"#!/bin/sh\necho '{answer}'\n")
            stub.chmod(0o755)
            ran = subprocess.run(command, env=environment, capture_output=True, timeout=10)
            said = f"Redis is {'' if healthy else 'not '}healthy when it says {answer!r}"
            checks.ok((ran.returncode == 0) == healthy, said, ran)


def check_end(checks, what, environment, within):
    needed = float(environment["LAME_DUCK"]) + float(environment["GRACE"])
    checks.ok(within > needed + 1, f"{what} has {within} s to end, more than {needed} s", within)


def check_unit(checks, program, folder):
    text = (DEPLOY / UNIT).read_text()
    settings = dict(re.findall(r"^Environment=(\w+)=(.*)$", text, re.MULTILINE))
    check_end(checks, UNIT, settings, seconds(re.search(r"^TimeoutStopSec=(.*)$", text, re.MULTILINE)[1]))
    expected = re.search(r"^LAME_DUCK=.*:-(\d+)\}", (DEPLOY / "restart").read_text(), re.MULTILINE)[1]
    checks.ok(settings["LAME_DUCK"] == expected, f"its lame duck is what `restart` expects, {expected} s", settings)
    after = re.search(r"^After=(.*)$", text, re.MULTILINE)[1].split()
    checks.ok("redis-server.service" in after, "it is started after Redis", after)
    unit = text.partition("[Service]")[0]
    checks.ok("\nStartLimitIntervalSec=0\n" in unit, "it is started until its store is there", unit)
    replaced, count = re.subn(r"^ExecStart=/usr/local/bin/\S+$", f"ExecStart={program}", text, flags=re.MULTILINE)
    checks.ok(count == 1, "the unit has one program", count)
    (folder / UNIT).write_text(replaced)
    ran = subprocess.run(
        ["systemd-analyze", "verify", folder / UNIT.replace("@.", "@8001.")], capture_output=True, text=True
    )
    checks.ok(ran.returncode == 0 and not ran.stderr, "systemd-analyze verifies it and has nothing to say", ran)
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", folder / UNIT]
    ran = subprocess.run(command, capture_output=True, text=True)
    verdict = re.search(r"Overall exposure level.*: ([\d.]+)", ran.stdout)
    checks.ok(ran.returncode == 0 and verdict, f"systemd-analyze security gives {verdict and verdict[1]} of 10", ran)


def check_nginx(checks, folder):
    for name in ("servers.conf", "servers.compose.conf"):
        Nginx(folder / name, folder, (DEPLOY / name).read_text()).check()
        checks.ok(True, f"nginx -t has nothing to say about nginx.conf with {name}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    checks = Checks("deploy")
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        folder = Path(folder)
        try:
            certificate(folder)
            check_nginx(checks, folder)
            check_toolchain(checks)
            program, variables = check_image(checks, Path(sys.argv[1]).resolve())
            check_compose(checks, variables)
            check_unit(checks, program, folder)
        except (Failure, AssertionError) as failure:
            sys.exit(f"FAILED after {checks.count} checks: {failure}")
    print(f"deploy: {checks.count} checks passed", flush=True)


main()
