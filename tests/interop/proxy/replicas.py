"""Replicas of a server that docs/deploy/restart ends and starts."""

import http.server
import signal
import threading

from server import EXIT_WITHIN, Server


class Replicas:
    """The processes, by address. It answers to the script `replica`: `GET /VERB/ADDRESS`, 404 where that is a no."""

    def __init__(self, binary, ports, **environment):
        self.binary = binary
        self.environment = environment
        self.addresses = [f"127.0.0.1:{port}" for port in ports]
        self.servers = {}
        self.ended = []
        self.seen_to_end = set()
        replicas = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                _, verb, address = self.path.split("/")
                done = {"terminate": replicas.terminate, "running": replicas.running, "start": replicas.start}[verb]
                self.send_response(204 if done(address) else 404)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.control = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.control.daemon_threads = True
        threading.Thread(target=self.control.serve_forever, daemon=True).start()

    def start_all(self):
        for address in self.addresses:
            self.start(address)
        for server in self.servers.values():
            server.url()

    def start(self, address):
        self.servers[address] = Server(self.binary, ADDR=address, **self.environment)
        return True

    def start_without_lame_duck(self, address):
        """The next SIGTERM comes back when it has ended, so that nobody can look in time."""
        self.seen_to_end.add(address)
        self.servers[address] = Server(self.binary, ADDR=address, **{**self.environment, "LAME_DUCK": "0"})
        self.servers[address].url()

    def terminate(self, address):
        self.servers[address].process.send_signal(signal.SIGTERM)
        if address in self.seen_to_end:
            self.seen_to_end.remove(address)
            self.servers[address].process.wait(EXIT_WITHIN)
        return True

    def running(self, address):
        server = self.servers[address]
        if server.process.poll() is None:
            return True
        if server not in self.ended:
            self.ended.append(server)
        return False

    def stop(self):
        self.control.shutdown()
        self.control.server_close()
        for server in [*self.ended, *self.servers.values()]:
            server.kill()

    def said(self):
        return "\n".join(server.said() for server in [*self.ended, *self.servers.values()])
