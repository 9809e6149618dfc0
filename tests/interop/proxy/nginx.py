"""An nginx on a free port, with the configuration that docs/deploy recommends.

The file is used as it is. Only what it marks with `# yours` is put in place of: addresses, names and paths. Each of
these replacements must be found as often as it is expected, so that a change of the file cannot pass by unseen.
"""

import random
import re
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

from server import Failure

DEPLOY = Path(__file__).resolve().parents[3] / "docs/deploy"
# `localhost` and `stranger.test` are names that nginx serves here, and the application may not.
NAMES = ("example.com", "localhost", "stranger.test")
START_WITHIN = 10
STOP_WITHIN = 10
LOGGED_WITHIN = 10
# The ports of outgoing connections, and the least one that is taken for a server.
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
LEAST_PORT = 10_000
ACCESS = re.compile(r'\S+ \[\S+\] (\S+) "(\S+) (\S+)" (\d+) .* from (.+) [^ ]+')

# What stands around an included file in Debian's nginx.conf, but with a gzip that compresses whatever it is let to.
MAIN = """
daemon off;
pid nginx.pid;
error_log error.log notice;
worker_processes 2;
worker_shutdown_timeout 10m;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path body;
    gzip on;
    gzip_min_length 1;
    gzip_proxied any;
    gzip_types *;
    include mcp.conf;
}
"""


given = set()
giving = threading.Lock()


def free_ports(count):
    """Ports of 127.0.0.1 that nobody uses at the moment, each given once.

    They are none of those that outgoing connections get: who is restarted must find its port as it left it.
    """
    low, high = map(int, EPHEMERAL.read_text().split())
    candidates = [*range(LEAST_PORT, low), *range(high + 1, 65_536)]
    random.shuffle(candidates)
    ports = []
    with giving:
        for port in candidates:
            if len(ports) < count and port not in given and is_free(port):
                ports.append(port)
        given.update(ports)
    if len(ports) < count:
        raise Failure(f"outside of {low}-{high}, outgoing connections, there are no {count} ports that are free")
    return ports


def is_free(port):
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def certificate(folder):
    """A key and a certificate that is its own authority; gives the path of the latter."""
    names = ",".join(f"DNS:{name}" for name in NAMES)
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={NAMES[0]}", "-addext", f"subjectAltName={names}"]
    command += ["-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode != 0:
        raise Failure(f"openssl made no certificate: {ran.stderr}")
    return folder / "fullchain.pem"


def configuration(folder, port, keys):
    """docs/deploy/nginx.conf with what is a user's own put in."""
    text = (DEPLOY / "nginx.conf").read_text()
    for count, theirs, ours in (
        (1, "include /etc/nginx/mcp/servers.conf;", f"include {folder}/servers.conf;"),
        (2, "listen 443 ", f"listen 127.0.0.1:{port} "),
        (1, "server_name example.com;", f"server_name {' '.join(NAMES)};"),
        (1, "/etc/nginx/tls/fullchain.pem;", f"{keys}/fullchain.pem;"),
        (1, "/etc/nginx/tls/privkey.pem;", f"{keys}/privkey.pem;"),
        (1, "access_log /var/log/nginx/access.log ", f"access_log {folder}/access.log "),
    ):
        lines = [line for line in text.splitlines() if theirs in line and not line.lstrip().startswith("#")]
        if len(lines) != count or not all(line.endswith("# yours") for line in lines):
            raise Failure(f"docs/deploy/nginx.conf has `{theirs}` in {lines}, expected {count} marked `# yours`")
        text = text.replace(theirs, ours)
    return text


def servers(*ports):
    """docs/deploy/servers.conf, with replicas at these ports."""
    text = (DEPLOY / "servers.conf").read_text()
    template = re.findall(r"^server 127\.0\.0\.1:\d+(.*)$", text, re.MULTILINE)
    if len(template) != 2 or template[0] != template[1]:
        raise Failure(f"docs/deploy/servers.conf has no two servers that are alike: {template}")
    return "".join(f"server 127.0.0.1:{port}{template[0]}\n" for port in ports)


class Nginx:
    """In a folder of its own, with `keys` made by `certificate`, and with these servers: the text of the file."""

    def __init__(self, folder, keys, servers):
        self.folder = folder
        folder.mkdir()
        # The worker processes of a master that runs as root are somebody else's.
        folder.chmod(0o755)
        [self.port] = free_ports(1)
        (folder / "servers.conf").write_text(servers)
        (folder / "mcp.conf").write_text(configuration(folder, self.port, keys))
        (folder / "nginx.conf").write_text(MAIN)
        binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
        if not binary:
            raise Failure("there is no nginx: install nginx")
        self.command = [binary, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]
        self.process = None

    def start(self):
        self.check()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL)
        self._wait()

    def check(self):
        """`nginx -t`, which must have nothing to say but that all is well."""
        ran = subprocess.run([*self.command, "-t"], capture_output=True, text=True)
        said = ran.stderr + self.errors()
        if ran.returncode != 0 or "[warn]" in said or "[emerg]" in said:
            raise Failure(f"nginx -t ended with {ran.returncode}: {said}")

    def _wait(self):
        deadline = time.monotonic() + START_WITHIN
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise Failure(f"nginx does not listen:\n{self.errors()}")

    def accesses(self, count=0, protocol=None):
        """Protocol, method, path, status and the address of the replica (`-` if none was asked) of each request.

        nginx writes a line after it has answered, so it waits for `count` of them.
        """
        deadline = time.monotonic() + LOGGED_WITHIN
        while True:
            lines = (self.folder / "access.log").read_text().splitlines()
            matches = [ACCESS.fullmatch(line) for line in lines]
            found = [match.groups() for match in matches if match and protocol in (None, match[1])]
            if len(found) >= count or time.monotonic() > deadline:
                return found
            time.sleep(0.05)

    def errors(self):
        log = self.folder / "error.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def stop(self):
        """At once, whatever is still open."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
