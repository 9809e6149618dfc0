"""What is silent for 90 seconds, behind an nginx that gives up after 60 without a byte.

It is kept alive by the comment that the server sends every 15 seconds. A stream is not only there after that time, but
carries a notification; a call that said nothing gives its result. Only a client that does not accept a stream cannot be
kept waiting so long.
"""

import threading
import time

from client import Session, call, listen, request

QUIET = 90
# nginx's `proxy_read_timeout`, and what comes every 15 seconds should not even come near to it.
GAP = 40
GIVES_UP = 60
CHANGED = "notifications/tools/list_changed"


def check(checks, front):
    """All of it at a time: two streams that are quiet, and two calls that are silent, of either era."""
    session = Session(front)
    checks.ok(session.initialize.status == 200, "initialize", session.initialize)
    streams = {
        "a GET stream": session.listen(),
        "a subscriptions/listen": front.stream(*listen(toolsListChanged=True)),
    }
    took = {}

    def keep(what, make, wanted):
        began = time.monotonic()
        try:
            stream = make()
            took[what] = (stream, began, *stream.until(wanted))
        except Exception as error:
            took[what] = error

    nap = {"name": "nap", "arguments": {"ms": QUIET * 1000}}
    waiting = [
        (what, lambda stream=stream: stream, lambda message: message.get("method") == CHANGED)
        for what, stream in streams.items()
    ]
    calls = {
        "a call": lambda: front.stream(*call("nap", nap["arguments"])),
        "a call in a session": lambda: session.stream(request("tools/call", nap)),
    }
    waiting += [(what, make, lambda message: "result" in message) for what, make in calls.items()]
    given_up = {}

    def give_up():
        began = time.monotonic()
        given_up["reply"] = front.call("nap", nap["arguments"], {"Accept": "application/json"})
        given_up["after"] = time.monotonic() - began

    threads = [threading.Thread(target=keep, args=one, daemon=True) for one in waiting]
    threads.append(threading.Thread(target=give_up, daemon=True))
    for thread in threads:
        thread.start()
    time.sleep(QUIET)
    checks.ok(not any(what in took for what in streams), f"the streams are open after {QUIET} s", took)
    triggered = front.call("test_trigger_tool_change")
    checks.ok(triggered.status == 200, "something changes", triggered)
    for thread in threads:
        thread.join(30)
    for what, _, _ in waiting:
        judge(checks, what, took.get(what))
    judge_given_up(checks, **given_up)
    deleted = session.delete()
    checks.ok(deleted.status in (200, 204), "DELETE", deleted)


def judge_given_up(checks, reply=None, after=0):
    checks.ok(reply and reply.status == 504, "a call of a client that only accepts JSON is nginx's 504", reply)
    checks.ok(reply.headers.get("content-type") == "text/html", "a page", reply)
    checks.ok(GIVES_UP - 1 <= after < GIVES_UP + 10, f"after {after:.1f} s", after)


def judge(checks, what, seen):
    checks.ok(isinstance(seen, tuple), f"{what} came to its end", seen)
    stream, began, at, message = seen
    lasted = at - began
    gap = stream.longest_gap(began, at)
    checks.ok(lasted >= QUIET, f"{what} was silent for {lasted:.1f} s, then said: {str(message)[:80]}", lasted)
    checks.ok(len(stream.comments) >= 4, f"{len(stream.comments)} comments kept it alive", stream.comments)
    checks.ok(gap < GAP, f"never more than {gap:.1f} s apart", gap)
    stream.close()
