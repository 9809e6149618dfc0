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
call at the end: the same events, each once, in the same order. So nothing that was appended is lost or doubled. The
calls of the replica that lives end with their answers and all numbers; those of the dead one with an error, within 8
seconds of its end, or with the answer if that had been appended. Nobody else gets anything of it.

Variants, each a round:

    replay             the replica that sends clients what they have missed is killed while it does
    frozen             a replica stands still for so long that its calls are given up, and goes on then: it says no more
    paused             Redis stands still for 5 seconds: no call is given up, and nothing is lost
    restarted-always   Redis is killed and started again, with `appendfsync always`: the same
    restarted-empty    Redis is killed and has lost everything: every client is told
    trimmed            a client is away for more events than are kept of a call: it is told which are missing

It needs redis-server, nginx and openssl; of Python only the standard library. Ends with 1 if anything failed, and keeps
what was said then.
"""

import argparse
import random
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "proxy")]

from caller import Call, Client, in_parallel, wait_until  # noqa: E402
from stage import USERS, Stage  # noqa: E402

ERROR_WITHIN = 8
PAUSE = 5
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


class Problems(list):
    """What was wrong in a round."""

    def ok(self, condition, what):
        if not condition:
            self.append(what)


def percentiles(values):
    ordered = sorted(values)
    if not ordered:
        return "-"
    at = lambda share: ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000
    return f"{at(0.5):.0f}/{at(0.95):.0f} ms"


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
        return all(call.failure or b'"result"' in newest[call.stream][-1][1] for call in calls)

    wait_until(over, 30, "the calls have ended")


def join(calls):
    for call in calls:
        call.join()


class Judged:
    """What came of all calls of a round, against what Redis has kept."""

    def __init__(self, problems, stage, calls, logs=None):
        logs = stage.redis.logs() if logs is None else logs
        self.events = self.lost = self.doubled = 0
        self.heads, self.firsts = [], []
        for number, call in enumerate(calls):
            self.heads += [comeback.head for comeback in call.comebacks]
            if call.text:
                # Of a call that runs on. Of one that does not, the first event may be the error, much later.
                self.firsts += [comeback.first for comeback in call.comebacks if comeback.missed and comeback.first]
            if call.failure:
                problems.append(f"call {number} failed: {call.failure}")
            elif call.events:
                self._compare(problems, number, call, logs.get(call.stream))

    def _compare(self, problems, number, call, kept):
        if kept is None:
            problems.append(f"call {number}: Redis has nothing of it")
            return
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

    def figures(self):
        said = f"{self.events} events, {self.lost} lost, {self.doubled} doubled; {len(self.heads)} comebacks"
        return f"{said}, head {percentiles(self.heads)}, first event {percentiles(self.firsts)} (p50/p95)"


def check_answered(problems, calls, n):
    """Calls of which nothing may be missing."""
    for number, call in enumerate(calls):
        if call.failure:
            continue
        problems.ok(call.text == f"counted to {n}", f"call {number} ended with {call.outcome and call.outcome.message}")
        problems.ok(call.numbers == list(range(1, n + 1)), f"call {number} has not all numbers: {call._state()}")
        problems.ok(not call.told, f"call {number} was told of a gap: {call.told}")


def check_dead(problems, calls, at, within=ERROR_WITHIN):
    """Calls whose replica is dead since `at`: gives how many had an error, and the slowest of these."""
    late = []
    for number, call in enumerate(calls):
        if call.failure:
            continue
        if call.outcome is None:
            problems.append(f"call {number} of the dead replica has no end: {call._state()}")
        elif call.error:
            late.append(call.outcome.at - at)
            problems.ok(isinstance(call.error.get("code"), int), f"call {number}: {call.error}")
            problems.ok(late[-1] <= within, f"call {number} of the dead replica had its error after {late[-1]:.1f} s")
        problems.ok(
            call.numbers == list(range(1, len(call.numbers) + 1)), f"call {number} has a hole: {call._state()}"
        )
        problems.ok(not call.told, f"call {number} was told of a gap: {call.told}")
    return len(late), max(late, default=0)


def check_foreign(problems, stage, victim):
    """Who has stolen an id of an event, of a session, or both, gets nothing of the call."""
    # nginx may have to see first that the connections which it has kept to a dead replica are closed.
    time.sleep(0.2)
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
    for at, what, call in sorted(timeline, key=lambda step: step[0]):
        time.sleep(max(0, began + at - time.monotonic()))
        if what == "kill":
            killed_at = stage.kill(number)
        else:
            getattr(call, what)()
    dead = [call for call in calls if call.process == pid]
    alive = [call for call in calls if call.process != pid]
    if dead:
        check_foreign(problems, stage, dead[0])
    join(calls)
    judged = Judged(problems, stage, calls)
    problems.ok(dead and alive, f"one replica had all calls: {len(dead)} of {len(calls)} were of the dead one")
    check_answered(problems, alive, options.n)
    errors, slowest = check_dead(problems, dead, killed_at)
    cut = {id(call) for _, _, call in lost}
    unbroken = [call for call in alive if id(call) not in cut and call.comebacks]
    problems.ok(not unbroken, f"{len(unbroken)} calls of the replica that lives were broken off")
    stage.start(number)
    close_clients(clients)
    who = f"{stage.host(number)} killed at {moment:.1f} s"
    return f"{who}: {len(dead)} calls, {errors} errors (slowest after {slowest:.1f} s); {judged.figures()}"


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
    for call in calls:
        call.back()

    def replays(call):
        return call.failure or (call.comebacks and call.comebacks[0].first)

    wait_until(lambda: any(map(replays, ended)), 20, "a replay begins")
    time.sleep(chance.uniform(0, 0.02))
    for call in calls:
        call.then = stage.front
    stage.kill(1)
    join(calls)
    judged = Judged(problems, stage, calls)
    began = [call for call in ended if call.ends[1:2] == ["broke"]]
    problems.ok(began, "no replay was still going on")
    check_answered(problems, ended, many["n"])
    check_answered(problems, running, long["n"])
    return f"killed during {len(began)} of {len(ended)} replays; {judged.figures()}"


def frozen(options, stage, chance, problems):
    clients = open_clients(stage, options.sessions // 2)
    calls = start_calls(options, clients, patience=2)
    wait_for_number(calls, 3)
    number = chance.randrange(len(stage.ports))
    pid = stage.pid(number)
    at = stage.freeze(number)
    try:
        join(calls)
        dead = [call for call in calls if call.process == pid]
        logs = stage.redis.logs()
    finally:
        stage.thaw(number)
    alive = [call for call in calls if call.process != pid]
    judged = Judged(problems, stage, calls, logs)
    check_answered(problems, alive, options.n)
    # Nobody closes a connection that stands still: a client looks elsewhere after 2 s, and may get there again.
    errors, slowest = check_dead(problems, dead, at, within=30)
    problems.ok(errors == len(dead) > 0, f"{errors} of {len(dead)} calls had an error")
    # What it would have said now.
    time.sleep(2)
    said = [call.stream for call in dead if stage.redis.logs().get(call.stream) != logs.get(call.stream)]
    problems.ok(not said, f"{len(said)} calls said more after their end")
    again = {stage.direct(number).call("echo", {"message": "again"}).status}
    problems.ok(again == {200}, f"the replica that stood still answers {again}")
    close_clients(clients)
    who = f"{stage.host(number)} stood still"
    return f"{who}: {errors} of {len(dead)} calls given up (last after {slowest:.1f} s); {judged.figures()}"


def outage(options, stage, chance, problems, stop, go_on):
    """Redis is away for a while, after which nothing is missing."""
    clients = open_clients(stage, options.sessions)
    calls = start_calls(options, clients)
    wait_for_number(calls, 3)
    time.sleep(chance.uniform(0, options.lasts / 2))
    away = calls[::5]
    stop()
    for call in away:
        call.cut()
    time.sleep(0.5)
    for call in away:
        call.back()
    go_on()
    join(calls)
    judged = Judged(problems, stage, calls)
    check_answered(problems, calls, options.n)
    unbroken = [call for call in calls if call not in away and call.comebacks]
    problems.ok(not unbroken, f"{len(unbroken)} connections were broken off")
    close_clients(clients)
    return judged.figures()


def paused(options, stage, chance, problems):
    def go_on():
        time.sleep(PAUSE - 0.5)
        stage.redis.resume()

    return f"Redis paused for {PAUSE} s: " + outage(options, stage, chance, problems, stage.redis.pause, go_on)


def restarted_always(options, stage, chance, problems):
    return "Redis killed: " + outage(options, stage, chance, problems, stage.redis.kill, stage.redis.start)


def restarted_empty(options, stage, chance, problems):
    """No hole without a word. The numbers that a client has seen are all up to the last, but where it was told in
    between (another `Last-Event-ID` than its own in the reply); and at the end it has the answer and all numbers, or
    an error, or the 404 of its session. The session is gone for whoever asks; a GET stream ends, and its client finds
    404."""
    clients = open_clients(stage, options.sessions)
    streams = [client.get() for client in clients[:5]]
    for stream in streams:
        problems.ok(stream.status == 200, f"a GET stream was answered {stream.status}")
    calls = start_calls(options, clients)
    wait_for_number(calls, 3)
    time.sleep(chance.uniform(0, options.lasts / 2))
    away = calls[::4]
    for call in away:
        call.cut()
    stage.redis.kill()
    stage.redis.start()
    time.sleep(0.5)
    for call in away:
        call.back()
    lost_at = time.monotonic()
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
        kinds["error" if call.error else "404" if gone else "answer" if call.outcome else "earliest"] += 1
    statuses = {client.ask("ping").status for client in clients}
    problems.ok(statuses == {404}, f"sessions that are lost are answered {statuses}")
    for stream in streams:
        _, over = stream.during(max(0.1, lost_at + 25 - time.monotonic()))
        problems.ok(over, "a GET stream of a session that is lost goes on")
        stream.close()
    took = time.monotonic() - lost_at
    fresh = Client(stage.front)
    again = Call(fresh, {"n": 3, "every_ms": 10})
    again.join()
    check_answered(problems, [again], 3)
    problems.ok(again.failure or again.epoch != calls[0].epoch, "the epoch is the one from before")
    fresh.delete()
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    return f"calls ended with {told}; all sessions 404; GET streams ended within {took:.1f} s"


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
    missing = 0
    for number, call in enumerate(calls):
        if call.failure:
            problems.append(f"call {number} failed: {call.failure}")
            continue
        kept = logs[call.stream]
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
    return f"{missing} events of {len(calls)} calls were gone, and each client was told where it goes on"


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
