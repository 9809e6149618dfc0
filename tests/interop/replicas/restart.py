"""A rolling restart of three replicas with sessions, under load: `restart.py EVERYTHING`.

    python3 tests/interop/replicas/restart.py target/debug/everything

Three replicas of `everything`, in axum, actix-web and axum, share a redis-server behind nginx, which asks them in
turns. 50 sessions of 2025-11-25 make 100 calls a second, each two, whether the last one was slow or not: plain ones on
a new connection each, or on one that is kept; calls that are streams; calls that ask their client, whose answers go
wherever nginx sends them. Some have a GET stream, too. Meanwhile docs/deploy/restart, as it is, ends and starts one
replica after the other.

Not one call may fail, and no session may end: 404 is a failure as any other is. A GET stream is ended by a replica that
ends, and its client comes back with `Last-Event-ID`. Once a second a resource changes, each time another one: every GET
stream tells of each exactly once, over all its connections. What may be sent again is told in ../proxy/load.py: where
nothing at all came back on a connection that had been used before. It is counted.

It needs redis-server, nginx, openssl and curl; of Python only the standard library.
"""

import contextlib
import sys
import threading
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "proxy")]

import script  # noqa: E402
from caller import BROKEN, Call, Client, in_parallel, wait_until  # noqa: E402
from client import NothingCame, Reply, request  # noqa: E402
from common import Checks  # noqa: E402
from replicas import Replicas  # noqa: E402
from stage import Stage  # noqa: E402

REPLICAS = 3
# How many sessions make which calls: 50 in all.
PLAIN, KEPT, STREAMING, ASKING = 25, 10, 10, 5
# Of those that make plain calls, how many have a GET stream.
FOLLOWING = 15
# The seconds between two calls of a session.
EVERY = 0.5
# Less than the calls that were wanted in a second, and the longest that a plain one may take.
LEAST_RATE = 95
SLOWEST = 3
# How long the load goes on before and after the restart.
AROUND = 2
RESOURCES_CHANGED = "notifications/resources/list_changed"
UPDATED = "notifications/resources/updated"
# What changes, one each second.
URIS = [f"test://template/{number}/data" for number in range(1, 101)]


class Supervised(Replicas):
    """The replicas of a stage, which docs/deploy/restart ends and starts."""

    def __init__(self, stage):
        super().__init__(stage.binary, stage.ports, **stage.environment)
        self.stage = stage
        self.servers = dict(zip(self.addresses, stage.servers))

    def start(self, address):
        number = self.addresses.index(address)
        self.stage.start(number, wait=False)
        self.servers[address] = self.stage.servers[number]
        return True

    def stop(self):
        self.control.shutdown()
        self.control.server_close()


class Load:
    """The clients, each with a thread of its own, until `stop`."""

    def __init__(self, front):
        self.front = front
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.failures = []
        self.counts = {"plain": 0, "kept": 0, "streaming": 0, "asking": 0}
        self.again = 0
        self.resumed = 0
        self.slowest = 0
        self.reopened = 0
        self.told = [0] * FOLLOWING
        # Which resources have changed, of which of them each GET stream has told, and how often it has announced that
        # it tells of all of them, since it does not know which.
        self.changed = []
        self.updates = [[] for _ in range(FOLLOWING)]
        self.everything = [0] * FOLLOWING
        self.readings = [None] * FOLLOWING
        works = [self.plain] * PLAIN + [self.kept] * KEPT + [self.streaming] * STREAMING + [self.asking] * ASKING
        self.clients = in_parallel([lambda: Client(front) for _ in works])
        in_parallel([lambda client=client: self._subscribe(client) for client in self.clients[:FOLLOWING]])
        self.began = time.monotonic()
        self.threads = [
            threading.Thread(target=self._calls, args=(work, number), daemon=True) for number, work in enumerate(works)
        ]
        self.threads += [threading.Thread(target=self._follow, args=(n,), daemon=True) for n in range(FOLLOWING)]
        self.threads.append(threading.Thread(target=self._change, daemon=True))
        for thread in self.threads:
            thread.start()

    def _calls(self, work, number):
        client, state = self.clients[number], None
        # Not all at the same moment.
        due = self.began + EVERY * number / len(self.clients)
        while not self.over.wait(max(0, due - time.monotonic())):
            due += EVERY
            sent = time.monotonic()
            try:
                state = work(client, state, f"{number} at {due - self.began:.1f}")
            except Exception as error:  # Whatever it is, it is a failed call.
                self.failures.append(f"{work.__name__} {number}: {error!r}")
                state = None
                continue
            with self.lock:
                self.counts[work.__name__] += 1
                self.slowest = max(self.slowest, time.monotonic() - sent) if work == self.plain else self.slowest
        if state:
            state.close()

    @staticmethod
    def _subscribe(client):
        for uri in URIS:
            subscribed = client.ask("resources/subscribe", {"uri": uri})
            if subscribed.status != 200 or "result" not in subscribed.message:
                raise AssertionError(f"a subscription was answered {subscribed}")

    def _change(self):
        wait_until(lambda: all(self.readings), 10, "the GET streams are open")
        for uri in URIS:
            if self.over.is_set():
                return
            try:
                self.judge(self.front.call("touch", {"uri": uri}), f"told of {uri}")
                self.changed.append(uri)
            except Exception as error:
                self.failures.append(f"a change: {error!r}")
            if self.over.wait(1):
                return
        self.failures.append(f"it took longer than {len(URIS)} s")

    @staticmethod
    def judge(reply, text):
        if reply.status != 200 or reply.text != text:
            raise AssertionError(f"answered {reply}")

    def plain(self, client, _, text):
        self.judge(client.call("echo", {"message": text}), text)

    def kept(self, client, connection, text):
        message = request("tools/call", {"name": "echo", "arguments": {"message": text}}, client.next_id())
        used = connection is not None
        connection = connection or self.front.connection()
        try:
            response = self.front.send(connection, "POST", message, client.headers)
        except NothingCame:
            if not used:
                raise
            with self.lock:
                self.again += 1
            connection.close()
            connection = self.front.connection()
            response = self.front.send(connection, "POST", message, client.headers)
        reply = Reply(response)
        self.judge(reply, text)
        if reply.headers.get("connection") == "close":
            connection.close()
            return None
        return connection

    def streaming(self, client, *_):
        call = Call(client, {"n": 4, "every_ms": 80}, within=20)
        call.join()
        if call.text != "counted to 4" or call.numbers != [1, 2, 3, 4] or call.told or call.tail:
            raise AssertionError(call.failure or call.tail or call._state())
        with self.lock:
            self.resumed += len(call.comebacks)

    def asking(self, client, *_):
        stream = client.stream("test_elicitation", {"message": "Who?"})
        if stream.status != 200:
            raise AssertionError(f"answered {stream.status} {stream.body()[:300]!r}")
        question = stream.until(lambda message: "method" in message and "id" in message).message
        # It takes a while, in which the replica may begin to end.
        time.sleep(0.2)
        content = {"username": "Ada", "email": "ada@example.com"}
        answer = {"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": content}}
        posted = client.post(answer)
        if posted.status != 202:
            raise AssertionError(f"an answer was answered {posted}")
        result = stream.until(lambda message: "result" in message or "error" in message).message
        if "Ada" not in str(result):
            raise AssertionError(f"answered {result}")
        stream.close()

    def _follow(self, number):
        client, last = self.clients[number], None
        while not self.over.is_set():
            try:
                reading = client.get(last)
                self.readings[number] = reading
                if reading.status != 200:
                    raise AssertionError(f"a GET stream was answered {reading.status} {reading.body()[:300]!r}")
                begins = reading.headers.get("last-event-id")
                self.everything[number] += begins == "earliest"
                if begins not in (last, "earliest"):
                    raise AssertionError(f"a GET stream that was at {last} goes on at {begins}")
                reading.patience = None
                while (event := reading.event()) is not None:
                    last = event.id or last
                    method = (event.message or {}).get("method")
                    self.told[number] += method == RESOURCES_CHANGED
                    if method == UPDATED:
                        self.updates[number].append(event.message["params"]["uri"])
            except Exception as error:
                if not self.over.is_set():
                    self.failures.append(f"GET stream {number}: {error!r}")
            if self.over.wait(1):
                return
            with self.lock:
                self.reopened += 1

    @property
    def calls(self):
        return sum(self.counts.values())

    def stop(self):
        self.over.set()
        for reading in filter(None, self.readings):
            reading.cut()
        for thread in self.threads:
            thread.join()


def check(checks, stage):
    replicas = Supervised(stage)
    load = Load(stage.front)
    try:
        time.sleep(AROUND)
        began = time.monotonic()
        code, said = script.run(stage.nginx, *replicas.addresses, **script.by_control(replicas))
        took = time.monotonic() - began
        print("   " + said.replace("\n", "\n   "), flush=True)
        checks.ok(code == 0, f"docs/deploy/restart takes {took:.0f} s for {REPLICAS} replicas", code)
        time.sleep(AROUND)
        # Who has lost its stream to the last replica is back by now.
        before = list(load.told)
        stage.front.call("trigger_resource_change")
        wait_until(lambda: all(n > b for n, b in zip(load.told, before)), 5, "all GET streams tell of a change")
        # Long after the change that was the last one by now, and before the next.
        changed = list(load.changed)
        wait_until(lambda: all(changed[-1] in told for told in load.updates), 5, "all GET streams tell of the last one")
        lasted = time.monotonic() - load.began
    finally:
        load.stop()
        replicas.stop()
    kinds = ", ".join(f"{count} {kind}" for kind, count in load.counts.items())
    rate = load.calls / lasted
    failed = f"{len(load.failures)} of {load.calls} calls failed ({kinds}), at {rate:.0f} calls a second"
    checks.ok(not load.failures, failed, load.failures[:20])
    checks.ok(rate > LEAST_RATE, "which is about the rate that was wanted", rate)
    checks.ok(load.slowest < SLOWEST, f"the slowest plain call took {load.slowest:.2f} s", load.slowest)
    checks.ok(load.resumed == 0, "no stream of a call was broken off", load.resumed)
    checks.ok(load.reopened > 0, f"GET streams came back {load.reopened} times, and tell of a change", load.reopened)
    for told, everything in zip(load.updates, load.everything):
        # The change that came last may not have been told when the streams were cut.
        counts = [told.count(uri) for uri in changed]
        good = min(counts) >= 1 if everything else set(counts) == {1}
        if not good:
            checks.ok(False, "each change is told once", (dict(zip(changed, counts)), everything))
    announced = sum(everything > 0 for everything in load.everything)
    once = f"{len(changed)} changes meanwhile, each told once by {FOLLOWING - announced} of {FOLLOWING} GET streams"
    checks.ok(True, f"{once}; {announced} announced that they tell of everything")
    most = KEPT * 2 * REPLICAS
    again = f"{load.again} calls on a kept connection got no byte, and were sent again"
    checks.ok(load.again <= most, again, load.again)
    statuses = {client.ask("ping").status for client in load.clients}
    checks.ok(statuses == {200}, f"all {len(load.clients)} sessions are still there", statuses)
    codes = [server.process.returncode for server in replicas.ended]
    checks.ok(codes == [0] * REPLICAS, "each replica ended with 0", codes)
    logged = {status for _, _, _, status, _ in stage.nginx.accesses()} - {"499"}
    checks.ok(logged <= {"200", "202"}, "nginx answered nothing but 200 and 202", logged)
    with contextlib.suppress(*BROKEN):
        in_parallel([client.delete for client in load.clients])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    checks, began = Checks("rolling restart"), time.monotonic()
    binary = Path(sys.argv[1]).resolve()
    with Stage(binary, REPLICAS, lame_duck=script.LAME_DUCK, grace=script.GRACE) as stage:
        try:
            check(checks, stage)
            stage.check_alive()
        except BaseException as error:
            traceback.print_exception(error)
            stage.failed = True
    if stage.failed:
        sys.exit(f"rolling restart: FAILED after {checks.count} checks")
    print(f"rolling restart: {checks.count} checks passed in {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
