"""A replica is killed, and its clients go on at the other one: `kill.py EVERYTHING [OPTIONS]`.

    python3 tests/interop/replicas/kill.py target/debug/everything                    25 rounds, and every variant
    python3 tests/interop/replicas/kill.py target/debug/everything --rounds 2 --short  what scripts/test runs
    python3 tests/interop/replicas/kill.py target/debug/everything --rounds 0 --variants paused,trimmed
    python3 tests/interop/replicas/kill.py target/debug/everything --seed 7            the same moments again

Two replicas of `everything`, one in axum and one in actix-web, share a redis-server behind nginx, which asks them in
turns. 40 sessions make a call each that says 200 numbered events in 10 seconds. At a random moment one replica gets
SIGKILL; some clients lose their connection by themselves. Who has lost it comes back with `Last-Event-ID`, as often as
it takes, until it has the answer to its call.

Judged is what the client has seen over all its connections, one after the other, against what Redis has kept of the
call at the end: the same events, each once, in the same order, and the last one closes the log. So nothing that was
appended is lost or doubled. The calls of the replica that lives end with their answers and all numbers; those of the
dead one with the error for that, within 8 seconds of its end, or with the answer if that had been appended. Behind
either, the stream ends. Nobody else gets anything of it.

Nothing may be late, see `Times`: each message says how long its call had run.

Variants, each a round:

    replay             the replica that sends clients what they have missed is killed while it does
    frozen             a replica stands still for so long that its calls are given up, and goes on then: it says no more
    paused             Redis stands still for 5 seconds, and then for 7, while one replica reads calls of the other: no
                       call is given up, and nothing is lost
    restarted-always   Redis is killed and is away for as long, with `appendfsync always`: the same
    restarted-empty    Redis is killed and has lost everything: every client is told, of calls and of changes
    trimmed            a client is away for more events than are kept of a call: it is told which are missing

It needs redis-server, nginx and openssl; of Python only the standard library. Ends with 1 if anything failed, and keeps
what was said then.
"""

import argparse
import random
import sys
import threading
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "proxy")]

from caller import BROKEN, END_WITHIN, Call, Client, Listener, Reading, in_parallel, wait_until  # noqa: E402
from client import listen  # noqa: E402
from stage import USERS, Stage  # noqa: E402

# When a call of a dead replica ends, in seconds after its death. Its last sign of life may be a second old then.
ERROR_AFTER, ERROR_WITHIN = 3.5, 8
# src/transport/resume/about.rs. The errors of calls whose replica is dead, and of which something could not be kept.
STOPPED = "the server that ran this call has stopped; whether the call had an effect is not known"
NOT_KEPT = "what this call said from here on could not be kept; whether it succeeded is not known"
# src/transport/exchange.rs.
GONE = "the session has ended or was lost; whether the call had an effect is not known"
INTERNAL = -32603
# How long Redis is away, and how many calls are read by the replica that does not run them meanwhile.
OUTAGES = (5, 7)
# How soon a replica is connected again, and has written what its calls have said meanwhile: thousands of messages.
CONNECTED, CAUGHT_UP = 2, 4
MOVED = 10
# How soon clients know that Redis has lost everything.
TOLD_WITHIN = 5
# What can be asked for by `subscriptions/listen`, and what is told when all of it may have changed.
URIS = ["test://watched-resource", "test://template/1/data"]
EVERYTHING = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True}
EVERYTHING["resourceSubscriptions"] = URIS
CHANGED = {f"notifications/{kind}/list_changed": [None] for kind in ("tools", "prompts", "resources")}
CHANGED["notifications/resources/updated"] = sorted(URIS)
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
# `Limits::log_events`.
KEPT = 1_000


class Options:
    def __init__(self, arguments):
        self.binary = arguments.everything.resolve()
        self.short = arguments.short
        self.sessions = 20 if self.short else 40
        self.n = 100 if self.short else 200
        self.every_ms = 40 if self.short else 50
        self.lasts = self.n * self.every_ms / 1000
        self.outages = {"paused": OUTAGES, "always": OUTAGES}
        if self.short:
            self.outages = {"paused": OUTAGES[:1], "always": OUTAGES[1:]}


class Problems(list):
    """What was wrong in a round."""

    def ok(self, condition, what):
        if not condition:
            self.append(what)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


def percentiles(values):
    return f"{percentile(values, 0.5) * 1000:.0f}/{percentile(values, 0.95) * 1000:.0f} ms" if values else "-"


def open_clients(stage, count, front=None):
    """Sessions of ada, of bo, and of nobody."""
    users = [*USERS, None]
    return in_parallel([lambda n=n: Client(front or stage.front, users[n % 3]) for n in range(count)])


def close_clients(clients):
    in_parallel([client.delete for client in clients])


def start_calls(options, clients, **arguments):
    counting = {"n": options.n, "every_ms": options.every_ms}
    return [Call(client, counting, **arguments) for client in clients]


def wait_for_number(calls, number, within=30):
    wait_until(
        lambda: all(call.failure or call.outcome or (call.numbers and call.numbers[-1] >= number) for call in calls),
        within,
        f"every call has said {number}",
    )


def wait_for_answers(stage, calls):
    """Until their answers are in Redis, wherever their clients are."""

    def over():
        newest = stage.redis.newest()
        return all(call.failure or newest[call.stream].closed for call in calls)

    wait_until(over, 30, "the calls have ended")


def join(calls):
    for call in calls:
        call.join()


class Judged:
    """What came of all calls of a round, against what Redis has kept."""

    def __init__(self, problems, stage, calls, logs=None):
        logs = stage.redis.logs() if logs is None else logs
        self.events = self.lost = self.doubled = 0
        for number, call in enumerate(calls):
            if call.failure:
                problems.append(f"call {number} failed: {call.failure}")
            else:
                self._compare(problems, number, call, logs.get(call.stream))

    def _compare(self, problems, number, call, log):
        if log is None:
            problems.append(f"call {number}: Redis has nothing of it")
            return
        kept = log.entries
        problems.ok(log.closed, f"call {number} has come to its end, and its log in Redis has not")
        unnamed = sum(not event.id for event in call.events)
        problems.ok(not unnamed, f"call {number} was told {unnamed} events without an id")
        seen = [(event.seq, event.data) for event in call.events if event.id]
        numbers = [seq for seq, _ in seen]
        lost = {seq for seq, _ in kept} - set(numbers)
        doubled = len(numbers) - len(set(numbers))
        self.events += len(kept)
        self.lost += len(lost)
        self.doubled += doubled
        problems.ok(not lost, f"call {number} has lost {sorted(lost)[:10]} of {len(kept)}, {call._state()}")
        problems.ok(not doubled, f"call {number} was told {doubled} events twice, {call._state()}")
        problems.ok(numbers == sorted(numbers), f"call {number} was told out of order: {numbers}")
        same = lost or doubled or seen == kept
        problems.ok(same, f"call {number} was told something else than Redis has kept")

    def __str__(self):
        return f"{self.events} events, {self.lost} lost, {self.doubled} doubled"


class Times:
    """How soon all came. While Redis is there:

    - what a call says is at its client 2 s later, or after the client came back for it, and so is its answer, which
      follows the last number;
    - a call takes 2 s longer than it should at most, and a tenth, for clocks that are coarse;
    - a client that comes back has the head of the reply within 2 s, and 95 of 100 have what is said first within 1 s,
      if their call goes on;
    - nobody is answered 503.

    `outage`: from when to when Redis was away. All of these are 3 s then, and nothing is due before the replicas have
    CAUGHT_UP. A comeback that meets the outage may take as long as it, too.
    """

    def __init__(self, problems, lasts, calls, others=(), outage=None):
        """`calls` were to be answered after `lasts` seconds; `others` only come back."""
        away = outage[1] - outage[0] if outage else 0
        self.outage, self.late = outage, 3 if outage else 2
        self.heads, self.firsts, self.latest = [], [], 0
        for number, call in enumerate((*calls, *others)):
            latest = max(self._lateness(call), default=0)
            self.latest = max(self.latest, latest)
            problems.ok(latest <= self.late, f"call {number} was told something {latest:.1f} s late: {call._state()}")
        for number, call in enumerate(calls):
            took = max((event.counted["elapsed_ms"] / 1000 for event in call.events if event.counted), default=0)
            problems.ok(took <= 1.1 * lasts + 2, f"call {number} took {took:.1f} s, expected {lasts} s")
        usual = []
        for call in (*calls, *others):
            for comeback in call.comebacks:
                first = comeback.first if call.text else None
                took = first or comeback.head
                met = outage and comeback.sent <= outage[1] + 1 and comeback.sent + took >= outage[0]
                self.heads.append(comeback.head)
                slowest = (away if met else 0) + self.late
                problems.ok(comeback.head < slowest, f"the head of a comeback came after {comeback.head:.1f} s")
                if first:
                    self.firsts.append(first)
                    problems.ok(not met or first < slowest, f"the first event came after {first:.1f} s")
                    usual += [] if met else [first]
            unavailable = [at for status, at in call.refused if status == 503]
            wrong = [at for at in unavailable if not outage or not outage[0] <= at <= outage[1] + CONNECTED]
            problems.ok(not wrong, f"{len(wrong)} comebacks of a call were answered 503 while Redis was there")
        p95 = percentile(usual, 0.95)
        problems.ok(p95 < 1, f"after a comeback the first event came after {p95:.1f} s (p95 of {len(usual)})")

    def _lateness(self, call):
        """How late each number and the answer came."""
        said, comebacks = 0, list(call.comebacks)
        began = call.began
        for number, event in enumerate(call.events):
            while comebacks and comebacks[0].behind <= number:
                comeback = comebacks.pop(0)
                began = comeback.sent + comeback.head
            if event.counted:
                said = call.began + event.counted["elapsed_ms"] / 1000
            elif not call.text or not event.answers:
                continue
            due = max(said, began)
            if self.outage and self.outage[0] - 1 <= due:
                due = max(due, self.outage[1] + CAUGHT_UP)
            yield event.at - due

    def __str__(self):
        said = f"{len(self.heads)} comebacks, head {percentiles(self.heads)}, first event {percentiles(self.firsts)}"
        return f"{said} (p50/p95); nothing was later than {self.latest:.1f} s"


def check_tails(problems, calls):
    for number, call in enumerate(calls):
        problems.ok(not call.tail, f"the stream of call {number} {call.tail}")


def check_answered(problems, calls, n):
    """Calls of which nothing may be missing."""
    for number, call in enumerate(calls):
        if call.failure:
            continue
        problems.ok(call.text == f"counted to {n}", f"call {number} ended with {call.outcome and call.outcome.message}")
        problems.ok(call.numbers == list(range(1, n + 1)), f"call {number} has not all numbers: {call._state()}")
        problems.ok(not call.told, f"call {number} was told of a gap: {call.told}")


def check_dead(problems, calls, at, within=ERROR_WITHIN):
    """Calls whose replica is dead since `at`: gives how many had the error for it, and the slowest of these."""
    late = []
    for number, call in enumerate(calls):
        if call.failure:
            continue
        if call.outcome is None:
            problems.append(f"call {number} of the dead replica has no end: {call._state()}")
        elif call.error:
            late.append(call.outcome.at - at)
            problems.ok(call.error == {"code": INTERNAL, "message": STOPPED}, f"call {number}: {call.error}")
            after = f"call {number} of the dead replica had its error after {late[-1]:.1f} s: {call._state()}"
            problems.ok(ERROR_AFTER <= late[-1] <= within, after)
        problems.ok(
            call.numbers == list(range(1, len(call.numbers) + 1)), f"call {number} has a hole: {call._state()}"
        )
        problems.ok(not call.told, f"call {number} was told of a gap: {call.told}")
    return len(late), max(late, default=0)


def check_foreign(problems, stage, *victims):
    """Who has stolen an id of an event, of a session, or both, gets nothing of the call."""
    # nginx may have to see first that the connections which it has kept to a dead replica are closed.
    time.sleep(0.2)
    in_parallel([lambda victim=victim: check_thieves(problems, stage, victim) for victim in victims])


def check_thieves(problems, stage, victim):
    last = next(event.id for event in reversed(victim.events) if event.id)
    theirs = victim.client.headers
    user = theirs.get("Authorization")
    others = [who for who in ("Bearer ada", "Bearer bo", None) if who != user]
    # Another session of the same user, and one of somebody else.
    for who in (user, others[0]):
        thief = Client(stage.front, who and who.removeprefix("Bearer "))
        reading = thief.get(last)
        told = reading.headers.get("last-event-id")
        got, _ = reading.during(0.5)
        reading.close()
        unknown = reading.status == 200 and told == "earliest"
        problems.ok(unknown, f"a stolen event was answered {reading.status} {told}")
        problems.ok(not got, f"a stolen event gave {got}")
        thief.delete()
    for who in others:
        headers = {name: value for name, value in theirs.items() if name != "Authorization"}
        headers |= {"Authorization": who} if who else {}
        reading = victim.client.get(last, headers=headers)
        problems.ok(reading.status == 404, f"a stolen session was answered {reading.status} to a GET")
        reading.close()
        message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        status = victim.client.post(message, headers=headers).status
        problems.ok(status == 404, f"a stolen session was answered {status} to a POST")


def kill_round(options, stage, chance, problems):
    clients = open_clients(stage, options.sessions)
    began = time.monotonic()
    calls = start_calls(options, clients)
    wait_for_number(calls, 1)
    moment = chance.uniform(0.5, options.lasts - 0.7)
    number = chance.randrange(len(stage.ports))
    # Every fifth loses its connection by itself, before or after, and is away for a second or two.
    lost = [(chance.uniform(0.3, options.lasts - 1.5), chance.uniform(0, 1.2), call) for call in calls[::5]]
    timeline = [(at, "cut", call) for at, _, call in lost]
    timeline += [(at + away, "back", call) for at, away, call in lost]
    timeline.append((moment, "kill", None))
    pid, killed_at = stage.pid(number), None
    dead = [call for call in calls if call.process == pid]
    alive = [call for call in calls if call.process != pid]
    cut = []
    for at, what, call in sorted(timeline, key=lambda step: step[0]):
        time.sleep(max(0, began + at - time.monotonic()))
        if what == "kill":
            killed_at = stage.kill(number)
            thieves = Thieves(problems, stage, *dead[:1], *alive[-1:])
        # The clients of the dead replica are judged by its death, and not by what they do themselves afterwards.
        elif what == "cut" and not (killed_at and call in dead):
            call.cut()
            cut.append(call)
        elif what == "back":
            call.back()
    thieves.join()
    join(calls)
    judged = Judged(problems, stage, calls)
    problems.ok(dead and alive, f"one replica had all calls: {len(dead)} of {len(calls)} were of the dead one")
    times = Times(problems, options.lasts, alive, dead)
    check_tails(problems, calls)
    check_answered(problems, alive, options.n)
    errors, slowest = check_dead(problems, dead, killed_at)
    unbroken = [call for call in alive if call not in cut and call.comebacks]
    problems.ok(not unbroken, f"{len(unbroken)} calls of the replica that lives were broken off")
    stage.start(number)
    close_clients(clients)
    who = f"{stage.host(number)} killed at {moment:.1f} s"
    return f"{who}: {len(dead)} calls, {errors} errors (slowest after {slowest:.1f} s); {judged}; {times}"


class Thieves(threading.Thread):
    """`check_foreign` beside what goes on."""

    def __init__(self, problems, *what):
        super().__init__(daemon=True)
        self.problems = problems
        self.what = what
        self.start()

    def run(self):
        try:
            check_foreign(self.problems, *self.what)
        except Exception as error:
            self.problems.append(f"thieves: {error!r}")


def replay(options, stage, chance, problems):
    """Most of the calls have ended when their clients come back, all at a time, for as much as is kept of a call; the
    others still run. As soon as one gets something, the replica that reads it to them is killed."""
    clients = open_clients(stage, options.sessions // 2)
    first, other = stage.direct(0), stage.direct(1)
    many = {"n": 800, "every_ms": 1, "padding": 1000}
    long = {"n": 2 * options.n, "every_ms": options.every_ms}
    some = len(clients) // 4
    running = [Call(client, long, first, other) for client in clients[:some]]
    ended = [Call(client, many, first, other) for client in clients[some:]]
    calls = ended + running
    wait_for_number(calls, 3)
    for call in calls:
        call.cut()
    wait_for_answers(stage, ended)
    check_foreign(problems, stage, ended[0], running[0])
    for call in calls:
        call.back()

    def replays(call):
        return call.failure or (call.comebacks and call.comebacks[0].first)

    wait_until(lambda: any(map(replays, ended)), 20, "a replay begins")
    time.sleep(chance.uniform(0, 0.02))
    for call in calls:
        call.then = stage.front
    stage.kill(1)
    check_foreign(problems, stage, ended[-1], running[-1])
    join(calls)
    judged = Judged(problems, stage, calls)
    times = Times(problems, 2 * options.lasts, running, ended)
    check_tails(problems, running)
    began = [call for call in ended if call.ends[1:2] == ["broke"]]
    problems.ok(began, "no replay was still going on")
    check_answered(problems, ended, many["n"])
    check_answered(problems, running, long["n"])
    return f"killed during {len(began)} of {len(ended)} replays; {judged}; {times}"


def frozen(options, stage, chance, problems):
    clients = open_clients(stage, options.sessions // 2)
    calls = start_calls(options, clients, patience=2)
    wait_for_number(calls, 3)
    number = chance.randrange(len(stage.ports))
    pid = stage.pid(number)
    dead = [call for call in calls if call.process == pid]
    alive = [call for call in calls if call.process != pid]
    # Nobody closes a connection that stands still: a client looks elsewhere after 2 s.
    for call in calls:
        call.then = stage.direct(1 - number)
    at = stage.freeze(number)
    try:
        join(calls)
        logs = stage.redis.logs()
    finally:
        stage.thaw(number)
    judged = Judged(problems, stage, calls, logs)
    times = Times(problems, options.lasts, alive, dead)
    check_tails(problems, calls)
    check_answered(problems, alive, options.n)
    errors, slowest = check_dead(problems, dead, at, within=ERROR_WITHIN + 3)
    problems.ok(errors == len(dead) > 0, f"{errors} of {len(dead)} calls had an error")
    # What it would have said now.
    time.sleep(2)
    now = stage.redis.logs()
    said = [call for call in dead if now.get(call.stream) != logs.get(call.stream)]
    problems.ok(not said, f"{len(said)} calls said more after their end")
    for call in dead:
        check_end(problems, call, stage.direct(number))
    again = {stage.direct(number).call("echo", {"message": "again"}).status}
    problems.ok(again == {200}, f"the replica that stood still answers {again}")
    close_clients(clients)
    who = f"{stage.host(number)} stood still"
    return f"{who}: {errors} of {len(dead)} calls given up (last after {slowest:.1f} s); {judged}; {times}"


def check_end(problems, call, at):
    """Who asks there for the end of a call gets the one that its client had."""
    if call.failure or not call.outcome:
        return
    before = [event.id for event in call.events if event.id][-2]
    reading = call.client.get(before, at)
    reading.deadline = time.monotonic() + END_WITHIN
    try:
        events = []
        while (event := reading.event()) is not None:
            events.append((event.id, event.data))
        same = events == [(call.outcome.id, call.outcome.data)]
        problems.ok(same, f"where it ran, a call that was given up ends with {events}")
    except BROKEN as error:
        problems.append(f"where it ran, a call that was given up does not end: {reading.status} {error!r}")
    finally:
        reading.close()


def outages(options, stage, chance, problems, lengths, stop, go_on):
    """Redis is away for a while, after which nothing is missing."""
    said = [outage(options, stage, chance, problems, seconds, stop, go_on) for seconds in lengths]
    return "; ".join(said)


def outage(options, stage, chance, problems, seconds, stop, go_on):
    lasts = max(options.lasts, seconds + 5)
    counting = {"n": int(lasts * 1000 / options.every_ms), "every_ms": options.every_ms}
    clients = open_clients(stage, options.sessions + MOVED)
    here = chance.randrange(len(stage.ports))
    # These are read by the replica that does not run them: it judges the other one.
    moved = [Call(client, counting, stage.direct(here), stage.direct(1 - here)) for client in clients[:MOVED]]
    calls = [Call(client, counting) for client in clients[MOVED:]]
    wait_for_number(moved, 3)
    for call in moved:
        call.cut()
        call.back()
    there = lambda call: call.failure or (call.comebacks and call.comebacks[0].first)
    wait_until(lambda: all(map(there, moved)), 5, "they are read by the other replica")
    problems.ok({call.process for call in moved} == {stage.pid(here)}, "a call runs where it should not")
    wait_for_number(calls, 3)
    time.sleep(chance.uniform(0, 1))
    away = calls[::5]
    stopped = time.monotonic()
    stop()
    for call in away:
        call.cut()
    time.sleep(0.5)
    for call in away:
        call.back()
    time.sleep(max(0, stopped + seconds - time.monotonic()))
    go_on()
    back = time.monotonic()
    early = [call for call in moved + calls if call.outcome]
    problems.ok(not early, f"{len(early)} calls had ended before Redis was there again")
    join(moved + calls)
    judged = Judged(problems, stage, moved + calls)
    times = Times(problems, lasts, moved + calls, outage=(stopped, back))
    check_tails(problems, moved + calls)
    check_answered(problems, moved + calls, counting["n"])
    broken = [call for call in calls if call not in away and call.comebacks]
    broken += [call for call in moved if len(call.comebacks) != 1]
    problems.ok(not broken, f"{len(broken)} connections were broken off")
    close_clients(clients)
    return f"away for {seconds} s: {judged}; {times}"


def paused(options, stage, chance, problems):
    redis = stage.redis
    said = outages(options, stage, chance, problems, options.outages["paused"], redis.pause, redis.resume)
    return f"Redis paused, {said}"


def restarted_always(options, stage, chance, problems):
    redis = stage.redis
    said = outages(options, stage, chance, problems, options.outages["always"], redis.kill, redis.start)
    return f"Redis killed, {said}"


def restarted_empty(options, stage, chance, problems):
    """No hole without a word. The numbers that a client has seen are all up to the last, but where it was told in
    between (another `Last-Event-ID` than its own in the reply); and at the end it has the answer and all numbers, or
    an error, or the 404 of its session. The session is gone for whoever asks; a GET stream ends, and its client finds
    404. A stream of changes of 2026-07-28 is told that all it asked for may have changed."""
    clients = open_clients(stage, options.sessions)
    streams = [Listener(client.get()) for client in clients[:5]]
    message, headers = listen(**EVERYTHING)
    listening = [Listener(Reading(stage.direct(n % 2), headers, message)) for n in range(10)]
    wait_until(lambda: all(one.of(ACKNOWLEDGED) for one in listening), 5, "changes are listened for")
    calls = start_calls(options, clients)
    wait_for_number(calls, 3)
    time.sleep(chance.uniform(0, options.lasts / 2))
    away = calls[::4]
    for call in away:
        call.cut()
    before = [len(one.events) for one in listening]
    problems.ok(before == [1] * len(listening), f"there were changes that nobody made: {before}")
    stage.redis.kill()
    stage.redis.start()
    lost_at = time.monotonic()
    time.sleep(0.5)
    for call in away:
        call.back()
    wait_until(lambda: all(one.over for one in streams), TOLD_WITHIN, "the GET streams of sessions that are lost end")

    def told(one):
        return {method: sorted((m["params"].get("uri") for m in one.of(method)), key=str) for method in CHANGED}

    wait_until(
        lambda: all(told(one) == CHANGED for one in listening),
        max(0, lost_at + TOLD_WITHIN - time.monotonic()),
        f"all who listen are told that everything may have changed, once: {[told(one) for one in listening]}",
    )
    told_at = max(event.at for one in listening for event in one.events) - lost_at
    join(calls)
    kinds = {"answer": 0, "error": 0, "404": 0, "earliest": 0}
    for number, call in enumerate(calls):
        if call.failure:
            problems.append(f"call {number} failed: {call.failure}")
            continue
        gaps = [before for before, after in zip([0, *call.numbers], call.numbers) if after != before + 1]
        silent = [gap for gap in gaps if gap not in [at for _, at in call.told]]
        problems.ok(not silent, f"call {number} was told nothing about what is missing after {silent}")
        whole = call.numbers == list(range(1, options.n + 1)) and call.text
        gone = any(what == "404" for what, _ in call.told)
        said = call.error or gone or any(what == "earliest" for what, _ in call.told)
        problems.ok(whole or said, f"call {number} ended without a word: {call._state()}")
        if call.error:
            known = call.error["code"] == INTERNAL and call.error["message"] in (GONE, NOT_KEPT)
            problems.ok(known, f"call {number} ended with {call.error}")
        kinds["error" if call.error else "404" if gone else "answer" if call.outcome else "earliest"] += 1
    statuses = {client.ask("ping").status for client in clients}
    problems.ok(statuses == {404}, f"sessions that are lost are answered {statuses}")
    problems.ok(all(told(one) == CHANGED for one in listening), "who listens was told more than once")
    problems.ok(not any(one.over for one in listening), "streams of changes have ended")
    for one in (*streams, *listening):
        one.close()
    ended = max(one.over_at for one in streams) - lost_at
    fresh = Client(stage.front)
    again = Call(fresh, {"n": 3, "every_ms": 10})
    again.join()
    check_answered(problems, [again], 3)
    problems.ok(again.failure or again.epoch != calls[0].epoch, "the epoch is the one from before")
    fresh.delete()
    said = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    changes = f"GET streams ended within {ended:.1f} s, and who listens was told within {told_at:.1f} s"
    return f"calls ended with {said}; all sessions 404; {changes}"


def trimmed(options, stage, chance, problems):
    """The call says half as much again as is kept, and its replica is killed when it has ended."""
    clients = open_clients(stage, 5)
    n = KEPT * 3 // 2
    calls = [Call(client, {"n": n, "every_ms": 1}, first=stage.direct(0), then=stage.front) for client in clients]
    wait_for_number(calls, 3)
    for call in calls:
        call.cut()
    wait_for_answers(stage, calls)
    logs = stage.redis.logs()
    stage.kill(0)
    for call in calls:
        call.back()
    join(calls)
    check_tails(problems, calls)
    times = Times(problems, 0, [], calls)
    missing = 0
    for number, call in enumerate(calls):
        if call.failure:
            problems.append(f"call {number} failed: {call.failure}")
            continue
        kept = logs[call.stream].entries
        begins = f"{call.epoch}-{call.stream}-{kept[0][0] - 1}"
        problems.ok(len(kept) == KEPT, f"{len(kept)} events are kept")
        told = [what for what, _ in call.told]
        problems.ok(told == [begins], f"call {number} was told {told}, expected the one before the first that is kept")
        seen = [(event.seq, event.data) for event in call.events]
        before = [seq for seq, _ in seen if seq < kept[0][0]]
        problems.ok(seen[len(before) :] == kept, f"call {number} did not get all that is kept, each once")
        problems.ok(call.text == f"counted to {n}", f"call {number} ended with {call.outcome.message}")
        missing += kept[0][0] - 1 - before[-1]
    close_clients(clients)
    return f"{missing} events of {len(calls)} calls were gone, and each client was told where it goes on; {times}"


VARIANTS = {
    "replay": replay,
    "frozen": frozen,
    "paused": paused,
    "restarted-always": restarted_always,
    "restarted-empty": restarted_empty,
    "trimmed": trimmed,
}


def run(name, work, options, stage, seed):
    """One round; gives whether all was well."""
    problems, said = Problems(), "it ended early"
    chance = random.Random(f"{seed} {name}")
    began = time.monotonic()
    try:
        said = work(options, stage, chance, problems)
        if name not in ("replay", "trimmed"):
            stage.check_alive()
    except Exception as error:
        problems.append(f"{error!r}\n{''.join(traceback.format_exception(error))}")
    print(f"{'FAILED' if problems else 'ok'} {name}: {said} [{time.monotonic() - began:.0f} s]", flush=True)
    for problem in problems[:20]:
        print(f"   {problem}", flush=True)
    if len(problems) > 20:
        print(f"   and {len(problems) - 20} more", flush=True)
    if problems:
        stage.failed = True
    return not problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("everything", type=Path, help="the binary")
    parser.add_argument("--rounds", type=int, default=25, help="how often a replica is killed")
    parser.add_argument("--short", action="store_true", help="20 sessions, of 100 events in 4 s each")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="which, separated by commas, or none")
    parser.add_argument("--seed", default=None, help="makes the moments those of another run")
    arguments = parser.parse_args()
    variants = [name for name in arguments.variants.split(",") if name not in ("", "none")]
    if unknown := set(variants) - set(VARIANTS):
        parser.error(f"there is no variant {', '.join(sorted(unknown))}")
    options = Options(arguments)
    seed = arguments.seed or str(random.SystemRandom().randrange(1_000_000))
    print(f"{options.sessions} sessions, {options.n} events in {options.lasts:.0f} s each; seed {seed}", flush=True)
    began = time.monotonic()
    failed, left = [], arguments.rounds
    while left > 0:
        # The replicas, nginx and Redis are the same for all rounds, unless one has failed.
        with Stage(options.binary) as stage:
            while left > 0 and not stage.failed:
                name = f"round {arguments.rounds - left + 1}"
                left -= 1
                if not run(name, kill_round, options, stage, seed):
                    failed.append(name)
    for name in variants:
        with Stage(options.binary, durable=name == "restarted-always") as stage:
            if not run(name, VARIANTS[name], options, stage, seed):
                failed.append(name)
    took = f"{time.monotonic() - began:.0f} s"
    if failed:
        sys.exit(f"kill: FAILED in {took}: {', '.join(failed)}; seed {seed}")
    print(f"kill: {arguments.rounds} rounds and {len(variants)} variants passed in {took}", flush=True)


if __name__ == "__main__":
    main()
