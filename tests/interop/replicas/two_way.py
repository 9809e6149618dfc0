"""What is said on one replica, and meant for another: `two_way.py EVERYTHING [STORE..]`.

    python3 tests/interop/replicas/two_way.py target/debug/everything           with a redis-server, then with SQLite
    python3 tests/interop/replicas/two_way.py target/debug/everything sqlite    with that one only

Two replicas of `everything`, one in axum and one in actix-web, share a redis-server, or a SQLite file. Each is asked
directly, so that it is known who has what, and in both directions; the questions also through nginx, which asks them in
turns.

- A session that one has opened is everybody's: its log level, its subscriptions, its owner, its end.
- A question asked on one is answered on the other, and by nobody else; a call of one is cancelled on the other.
- DELETE on one ends the calls and streams of the session on the other.
- A change made on one is told by the streams of the other: GET streams, and `subscriptions/listen` of 2026-07-28.
- The GET stream moves: who opens it on one ends it on the other, and what was missed between is told once.
- A call of one is followed on the other while it runs, with its progress, by one reader at a time.
- 2026-07-28: a question of one is answered in a request to the other (`requestState`).
- However many streams there are, a replica has two connections to Redis.

It needs redis-server, nginx and openssl; of Python only the standard library.
"""

import sys
import threading
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "proxy")]

from caller import Call, Client, Listener, Reading, in_parallel, wait_until  # noqa: E402
from client import META, listen, request, stateless_headers  # noqa: E402
from common import Checks  # noqa: E402
from stage import Stage  # noqa: E402

# What reaches another replica does so at once, and within this time on a machine that is busy.
SOON = 3
STORES = ("redis", "sqlite")
# How long to wait for what must not come.
QUIET = 0.7
PROGRESS = "notifications/progress"
TOOLS_CHANGED = "notifications/tools/list_changed"
RESOURCES_CHANGED = "notifications/resources/list_changed"
UPDATED = "notifications/resources/updated"
WATCHED = {"uri": "test://watched-resource"}
CONNECTIONS = 2


def check_session(checks, here, there, stage):
    client = Client(here, "ada")
    statuses = {client.ask("tools/list", at=at).status for at in (there, here, *[stage.front] * 6)}
    checks.ok(statuses == {200}, "a session that was opened here is served there, and by turns", statuses)
    others = {name: value for name, value in client.headers.items() if name != "Authorization"}
    ping = request("ping", id=99)
    for who in ({"Authorization": "Bearer bo"}, {}):
        status = client.post(ping, there, {**others, **who}).status
        checks.ok(status == 404, f"there too it belongs to its user, not to {who or 'nobody'}", status)
    level = client.ask("logging/setLevel", {"level": "error"}, there)
    checks.ok("result" in level.message, "the log level is set there", level)
    said = client.call("count_in_log", {"n": 2, "every_ms": 1}, here)
    quiet = said.headers["content-type"] == "application/json" and said.text == "counted to 2"
    checks.ok(quiet, "and heeded here", said)
    deleted = client.delete(there)
    statuses = {client.ask("ping", at=at).status for at in (here, there)}
    checks.ok(deleted.status in (200, 204) and statuses == {404}, "what has ended there has ended here", statuses)


def answer_to(question, **content):
    return {"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": content}}


def elicit(client, at, tool="test_elicitation", **arguments):
    """The stream of a call that asks, what it asks, and the id of that event."""
    stream = client.stream(tool, arguments, at)
    event = stream.until(lambda message: "method" in message and "id" in message, SOON)
    return stream, event.message, event.id


def check_questions(checks, here, there, stage):
    client = Client(here, "ada")
    account = {"username": "Ada", "email": "ada@example.com"}
    stream, question, _ = elicit(client, here, message="Who are you?")
    checks.ok(question["method"] == "elicitation/create", "a question is asked here", question)
    foreign = [Client(there, "ada"), Client(there, "bo"), Client(here)]
    lies = answer_to(question, username="Eve", email="eve@example.com")
    # As in any session, where nobody waits for such an answer.
    statuses = {eve.post(lies, at).status for eve in foreign for at in (here, there)}
    checks.ok(statuses == {202}, "strangers that answer are told nothing", statuses)
    posted = client.post(answer_to(question, **account), there)
    checks.ok(posted.status == 202, "its answer is taken there", posted)
    answer = stream.until(lambda message: "result" in message or "error" in message, SOON)
    text = str(answer.message)
    checks.ok("action=accept" in text and "Ada" in text, "and reaches the call; the strangers' do not", text)
    stream.close()

    # Asked twice: what comes late for the first question is no answer to the second.
    stream, first, _ = elicit(client, here, "survey", people=2)
    everywhere = (here, there, here, there)
    posted = in_parallel([lambda at=at: client.post(answer_to(first, name="Ada"), at) for at in everywhere])
    second = stream.until(lambda message: "method" in message and "id" in message, SOON).message
    posted += in_parallel([lambda at=at: client.post(answer_to(first, name="Eve"), at) for at in everywhere])
    time.sleep(QUIET)
    posted.append(client.post(answer_to(second, name="Bo"), there))
    answer = stream.until(lambda message: "result" in message or "error" in message, SOON).message
    posted.append(client.post(answer_to(second, name="Eve"), there))
    text = answer["result"]["content"][0]["text"]
    checks.ok(first["id"] != second["id"] and text == "Ada, Bo", "an answer that is given again counts once", answer)
    statuses = {reply.status for reply in posted}
    checks.ok(statuses == {202}, "whoever it is posted to, and however late", statuses)
    stream.close()

    stream, question, _ = elicit(client, here, "test_sampling", prompt="What now?")
    error = {"jsonrpc": "2.0", "id": question["id"], "error": {"code": -1, "message": "No."}}
    client.post(error, there)
    answer = stream.until(lambda message: "result" in message or "error" in message, SOON).message
    failed = "error" in answer or answer["result"].get("isError")
    checks.ok(question["method"] == "sampling/createMessage" and failed, "an error is an answer, too", answer)
    stream.close()

    # The question is asked here, and its client has gone on there when it answers.
    stream, question, last = elicit(client, here, message="Who goes there?")
    followed = client.get(last, there)
    stream.close()
    client.post(answer_to(question, **account), there)
    answer = followed.until(lambda message: "result" in message, SOON).message
    checks.ok("Ada" in str(answer), "who has gone on there gets the answer of the call there", answer)
    followed.close()
    for one in (client, *foreign):
        one.delete()


def check_turns(checks, stage):
    """By turns, as a client without a preference: wherever the question was asked, and wherever the answer goes."""

    def one(number):
        client = Client(stage.front, "bo")
        said = []
        for turn in range(3):
            stream, question, _ = elicit(client, stage.front, message=f"Question {turn}")
            client.post(answer_to(question, username=f"bo{number}", email="bo@example.com"))
            said.append(stream.until(lambda message: "result" in message, 5).message)
            stream.close()
        client.delete()
        return all(f"bo{number}" in str(answer) for answer in said)

    answered = in_parallel([lambda number=number: one(number) for number in range(10)])
    checks.ok(all(answered), "30 questions of 10 clients through nginx, each answered by who was asked", answered)


def sleepers(at):
    return at.call("sleepers").message["result"]["structuredContent"]["now"]


def check_cancellation(checks, here, there, stage):
    client, other = Client(here, "ada"), Client(there, "bo")
    sleeping = [Waiting(client, "sleep", {"ms": 50_000}, here, id) for id in (7, "7")]
    wait_until(lambda: sleepers(here) == 2, SOON, "two calls run")
    other.notify("notifications/cancelled", {"requestId": 7}, there)
    client.notify("notifications/cancelled", {"requestId": "7"}, there)
    wait_until(lambda: sleepers(here) == 1, SOON, "a cancellation there ends the call here")
    time.sleep(QUIET)
    checks.ok(sleepers(here) == 1, "and no call of another session, or of another id", sleepers(here))
    client.notify("notifications/cancelled", {"requestId": 7}, there)
    wait_until(lambda: sleepers(here) == 0, SOON, "so does the other one")
    answers = [one.answer(SOON) for one in sleeping]
    checks.ok(all("error" in answer for answer in answers), "cancelled calls are answered with errors", answers)
    stream = Listener(client.stream("count_in_log", {"n": 500, "every_ms": 20}, here, id=70))
    wait_until(lambda: stream.of("notifications/message"), SOON, "a call says something")
    client.notify("notifications/cancelled", {"requestId": 70}, there)
    wait_until(lambda: stream.over, SOON, "a cancellation there ends a stream here")
    checks.ok("error" in (stream.answer or {}), "with an error", stream.answer)
    stream.close()
    client.delete()
    other.delete()


class Waiting(threading.Thread):
    """A call whose reply is waited for beside."""

    def __init__(self, client, tool, arguments, at, id):
        super().__init__(daemon=True)
        self.client = client
        self.request = request("tools/call", {"name": tool, "arguments": arguments}, id)
        self.at = at
        self.reply = None
        self.start()

    def run(self):
        self.reply = self.client.post(self.request, self.at)

    def answer(self, within):
        self.join(within)
        if self.reply is None:
            raise AssertionError(f"a call has no answer within {within} s")
        return self.reply.message


def check_delete(checks, here, there, stage):
    client = Client(here, "ada")
    stream = Listener(client.get(at=here))
    sleeping = Waiting(client, "sleep", {"ms": 50_000}, here, 1000)
    counting = Listener(client.stream("count_in_log", {"n": 2_000, "every_ms": 20}, here))
    wait_until(lambda: sleepers(here) == 1 and counting.of("notifications/message"), SOON, "calls run")
    followed = Listener(client.get(counting.last, there))
    deleted = client.delete(there)
    checks.ok(deleted.status in (200, 204), "DELETE there", deleted)
    wait_until(lambda: stream.over, SOON, "the GET stream here ends")
    wait_until(lambda: sleepers(here) == 0, SOON, "the call here ends")
    wait_until(lambda: counting.over and followed.over, SOON, "and streams of calls, wherever they are read")
    answer = sleeping.answer(SOON)
    checks.ok("error" in answer, "ends the session's calls and streams here", answer)
    for one in (stream, counting, followed):
        one.close()


def check_changes(checks, here, there, stage):
    client = Client(here, "ada")
    own = Listener(client.get(at=there))
    message, headers = listen(toolsListChanged=True, resourcesListChanged=True, resourceSubscriptions=[WATCHED["uri"]])
    stateless = Listener(Reading(there, headers, message))
    acknowledged = "notifications/subscriptions/acknowledged"
    wait_until(lambda: stateless.of(acknowledged), SOON, "a subscriptions/listen begins")
    streams = (own, stateless)
    subscribed = client.ask("resources/subscribe", WATCHED, here)
    checks.ok("result" in subscribed.message, "a subscription is made here", subscribed)
    time.sleep(QUIET)
    for tool, told in (
        ("test_trigger_tool_change", TOOLS_CHANGED),
        ("trigger_resource_change", RESOURCES_CHANGED),
        ("touch", UPDATED),
    ):
        before = [len(stream.of(told)) for stream in streams]
        here.call(tool)
        wait_until(lambda: all(len(s.of(told)) > b for s, b in zip(streams, before)), SOON, f"{told} is told there")
        time.sleep(QUIET)
        counts = [len(stream.of(told)) - b for stream, b in zip(streams, before)]
        checks.ok(counts == [1, 1], f"{tool} here is told there, once in each stream", counts)
    client.ask("resources/unsubscribe", WATCHED, here)
    time.sleep(QUIET)
    before = [len(stream.of(UPDATED)) for stream in streams]
    here.call("touch")
    wait_until(lambda: len(stateless.of(UPDATED)) > before[1], SOON, "who still listens is told")
    time.sleep(QUIET)
    checks.ok(len(own.of(UPDATED)) == before[0], "and the session no more, as its subscription ended here")
    for stream in streams:
        stream.close()
    client.delete()


def check_moving(checks, here, there, stage):
    client = Client(here, "ada")
    first = Listener(client.get(at=here))
    second = Listener(client.get(at=there))
    wait_until(lambda: first.over, SOON, "the GET stream here ends when it is opened there")
    here.call("test_trigger_tool_change")
    wait_until(lambda: second.of(TOOLS_CHANGED), SOON, "the one there tells of a change")
    checks.ok(not first.of(TOOLS_CHANGED), "the GET stream moves")
    last = second.last
    second.close()
    there.call("trigger_resource_change")
    third = Listener(client.get(last, here))
    begins = third.reading.headers.get("last-event-id")
    wait_until(lambda: third.of(RESOURCES_CHANGED), SOON, "what was missed is told")
    time.sleep(QUIET)
    told = (len(third.of(TOOLS_CHANGED)), len(third.of(RESOURCES_CHANGED)))
    checks.ok(begins == last and told == (0, 1), "and goes on where it was, each change once", (begins == last, told))
    third.close()

    def opened(number):
        return Listener(client.get(at=(here, there)[number % 2]))

    many = in_parallel([lambda number=number: opened(number) for number in range(10)])
    wait_until(lambda: sum(not one.over for one in many) <= 1, SOON, "of ten GET streams at a time nine end")
    time.sleep(QUIET)
    checks.ok(sum(not one.over for one in many) == 1, "of ten GET streams at a time one is left")
    for one in many:
        one.close()
    client.delete()


def check_following(checks, here, there, stage):
    client = Client(here, "ada")
    began = time.monotonic()
    call = Call(client, {"n": 60, "every_ms": 50}, first=here, then=there)
    wait_until(lambda: call.numbers, SOON, "a call runs")
    call.cut()
    call.back()
    wait_until(lambda: call.comebacks and call.comebacks[0].first, SOON + 1, "its client goes on there")
    came = {}
    while not call.outcome and call.failure is None and time.monotonic() < began + 20:
        came.setdefault(call.numbers[-1], time.monotonic())
        time.sleep(0.005)
    call.join()
    whole = call.numbers == list(range(1, 61)) and call.text == "counted to 60" and not (call.told or call.tail)
    checks.ok(whole, "a call here is followed there to its end", call.failure or call.tail or call._state())
    last = [at for number, at in came.items() if number > 45]
    spread = max(last) - min(last)
    # A SQLite file is looked at every 100 ms.
    least = 10 if stage.redis else 5
    checks.ok(len(last) > least and spread > 0.4, f"as it is said: the last ones in {spread:.1f} s", came)

    first = Listener(client.stream("count_in_log", {"n": 100, "every_ms": 50}, here))
    wait_until(lambda: len(first.events) > 3, SOON, "another call runs")
    second = Listener(client.get(first.last, there))
    wait_until(lambda: first.over, SOON, "its stream here ends when it is read there")
    third = Listener(client.get(second.last or first.last, here))
    wait_until(lambda: second.over, SOON, "and the other way round")
    wait_until(lambda: third.answer, 8, "its answer")
    seen = [event.id for one in (first, second, third) for event in one.events]
    checks.ok(third.answer["result"], "a stream has one reader, wherever it is", third.answer)
    checks.ok(len(set(seen)) == 102, "and together they have all of it", len(set(seen)))
    for one in (first, second, third):
        one.close()
    client.delete()


def check_progress(checks, here, there, stage):
    client, n = Client(here, "ada"), 60
    params = {"name": "count", "arguments": {"n": n, "every_ms": 50}, "_meta": {"progressToken": "how far"}}
    first = Listener(Reading(here, client.headers, request("tools/call", params, client.next_id())))
    wait_until(lambda: len(first.of(PROGRESS)) > 3, SOON, "a call reports its progress")
    first.close()
    second = Listener(client.get(first.last, there))
    wait_until(lambda: second.answer, 10, "its answer comes there")
    checks.ok(second.answer["result"]["content"][0]["text"] == f"counted to {n}", "it is answered there", second.answer)
    before, after = ([message["params"] for message in one.of(PROGRESS)] for one in (first, second))
    tokens = {told["progressToken"] for told in before + after}
    checks.ok(tokens == {"how far"}, "progress of a call here is told there, under its token", tokens)
    told = [one["progress"] for one in before + after]
    seen = [event.seq for one in (first, second) for event in one.events if event.id]
    seen = sorted(set(seen)) == list(range(1, max(seen) + 1))
    checks.ok(told == sorted(told) and told[-1] == n and seen, "it goes on where it was, up to the end", told)
    came = [event.at for event in second.events if (event.message or {}).get("method") == PROGRESS]
    spread = came[-1] - came[len(came) // 3]
    checks.ok(len(came) > 15 and spread > 0.5, f"as it is reported: the last ones in {spread:.1f} s", came)
    second.close()
    client.delete()


def check_stateless(checks, here, there, stage):
    tool = "test_input_required_result_elicitation"
    meta = {**META, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
    params = {"name": tool, "arguments": {}, "_meta": meta}
    headers = {**stateless_headers("tools/call", tool), "Authorization": "Bearer ada"}
    asked = here.ask("POST", request("tools/call", params), headers).message["result"]
    checks.ok(asked["resultType"] == "input_required", "2026-07-28: a question is asked here", asked)
    answers = {key: {"action": "accept", "content": {"name": "Ada"}} for key in asked["inputRequests"]}
    params |= {"inputResponses": answers, "requestState": asked["requestState"]}
    answered = there.ask("POST", request("tools/call", params, 2), headers)
    checks.ok("Hello, Ada!" in str(answered.message), "and its answer is understood there", answered)


def check_connections(checks, stage):
    clients = in_parallel([lambda: Client(stage.front) for _ in range(20)])
    calls = [Call(client, {"n": 40, "every_ms": 50}) for client in clients]
    streams = [Listener(client.get()) for client in clients]
    wait_until(lambda: all(call.numbers for call in calls), 10, "20 calls run")
    # One of them is what asks here.
    count = stage.redis.connections() - 1
    wanted = CONNECTIONS * len(stage.ports)
    checks.ok(count == wanted, f"with 40 streams there are {wanted} connections to Redis", count)
    for call in calls:
        call.join()
    ended = [call.failure or call.tail or call.text for call in calls]
    checks.ok(set(ended) == {"counted to 40"}, "all of their calls end", ended)
    for stream in streams:
        stream.close()
    for client in clients:
        client.delete()


EACH_WAY = (
    check_session,
    check_questions,
    check_cancellation,
    check_delete,
    check_changes,
    check_moving,
    check_following,
    check_progress,
    check_stateless,
)


def run(binary, store):
    checks, began = Checks("two ways"), time.monotonic()
    with Stage(binary, store=store) as stage:
        try:
            for here, there in ((0, 1), (1, 0)):
                for check in EACH_WAY:
                    checks.context = f"{store}, {stage.host(here)} here, {stage.host(there)} there"
                    check(checks, stage.direct(here), stage.direct(there), stage)
            checks.context = f"{store}, through nginx"
            check_turns(checks, stage)
            if store == "redis":
                check_connections(checks, stage)
            stage.check_alive()
        except BaseException as error:
            traceback.print_exception(error)
            stage.failed = True
    if stage.failed:
        sys.exit(f"two ways: FAILED after {checks.count} checks, {checks.context}")
    print(f"two ways, {store}: {checks.count} checks passed in {time.monotonic() - began:.0f} s", flush=True)


def main():
    if len(sys.argv) < 2 or set(sys.argv[2:]) - set(STORES):
        sys.exit(__doc__)
    for store in sys.argv[2:] or STORES:
        run(Path(sys.argv[1]).resolve(), store)


if __name__ == "__main__":
    main()
