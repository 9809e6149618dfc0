"""Sessions, progress and answers of all sizes, through the proxy: the same for every program that is behind it."""

import html
import time

from client import BOTH, SESSION, Session, call, encoded, request

LINKS = 20_000
# How much of an import lies between its first progress and its result, at least. It is in the order of a second.
APART = 0.05


def bookmarks(checks, front):
    """What `axum_mount` and `actix_mount` do."""
    session = open_session(checks, front)
    checks.ok("search_bookmarks" in str(session.ask("tools/list").message), "tools/list in the session")
    page = f"https://example.org/{time.monotonic_ns()}"
    added = session.call("add_bookmark", {"url": page, "title": "A page"}).message
    checks.ok(page in str(added.get("result")), "a call in the session", added)
    number = added["result"]["structuredContent"]["id"]

    stream = open_get_stream(checks, session)
    uri = f"bookmark://{number}"
    subscribed = session.ask("resources/subscribe", {"uri": uri})
    checks.ok(subscribed.status == 200 and "result" in subscribed.message, "a subscription", subscribed)
    session.call("delete_bookmark", {"id": number})
    _, told = stream.until(lambda message: message.get("method") == "notifications/resources/updated")
    checks.ok(told["params"]["uri"] == uri, "the GET stream tells of the change", told)
    close_session(checks, session, stream)

    found = front.call("search_bookmarks", {"query": page})
    checks.ok(found.status == 200 and "result" in found.message, "a call of the stateless era", found)
    checks.ok("content-length" in found.headers, "with its length", found.headers)
    links = "".join(f'<DT><A HREF="{page}/{n}">{html.escape(f"Page <{n}>")}</A>\n' for n in range(LINKS))
    document = f"<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<DL><p>\n{links}</DL><p>\n"
    check_progress(checks, front.stream, *call("import_bookmarks", {"html": document}, progress="p"), apart=APART)


def everything(checks, front):
    """What `everything` does."""
    session = open_session(checks, front)
    stream = open_get_stream(checks, session)
    said = session.call("echo", {"message": "in a session"})
    checks.ok(said.text == "in a session", "a call in the session", said)
    session.call("test_trigger_tool_change")
    stream.until(lambda message: message.get("method") == "notifications/tools/list_changed")
    checks.ok(True, "the GET stream tells of the change")
    arguments = {"name": "count", "arguments": {"n": 4, "every_ms": 250}, "_meta": {"progressToken": "p"}}
    check_progress(checks, session.stream, request("tools/call", arguments), apart=0.6)
    close_session(checks, session, stream)

    check_progress(checks, front.stream, *call("count", {"n": 4, "every_ms": 250}, progress="p"), apart=0.6)
    check_sizes(checks, front)
    check_departure(checks, front)


def open_session(checks, front):
    session = Session(front)
    checks.ok(session.initialize.status == 200, "initialize", session.initialize)
    checks.ok(session.initialize.message["result"]["protocolVersion"] == SESSION, f"of {SESSION}")
    checks.ok(session.headers["Mcp-Session-Id"], "gives a session", session.initialize)
    checks.ok(session.initialized.status == 202, "notifications/initialized", session.initialized)
    return session


def open_get_stream(checks, session):
    stream = session.listen()
    kind = stream.headers.get("content-type", "")
    opened = stream.status == 200 and kind.startswith("text/event-stream")
    checks.ok(opened, "the GET stream opens", (stream.status, kind))
    checks.ok("content-encoding" not in stream.headers, "and is not compressed", stream.headers)
    return stream


def close_session(checks, session, stream):
    deleted = session.delete()
    checks.ok(deleted.status in (200, 204), "DELETE", deleted)
    rest = []
    while (found := stream.message()) is not None:
        rest.append(found)
    checks.ok(True, f"ends the GET stream properly, after {len(rest)} more messages")
    stream.close()
    gone = session.ask("tools/list")
    checks.ok(gone.status == 404, "after which the session is unknown", gone)


def check_progress(checks, stream, message, *headers, apart):
    """The first progress comes at least `apart` seconds before the answer."""
    reading = stream(message, *headers)
    checks.ok(reading.status == 200, "a call with progress", reading.status)
    seen = []
    answered, answer = reading.until(lambda message: seen.append((time.monotonic(), message)) or "result" in message)
    progress = [(at, message) for at, message in seen if message.get("method") == "notifications/progress"]
    checks.ok(not answer["result"].get("isError"), "which succeeds", answer)
    checks.ok(len(progress) >= 4, f"{len(progress)} reports of progress came", seen[-1])
    before = answered - progress[0][0]
    checks.ok(before >= apart, f"the first one {before:.2f} s before the answer", apart)
    checks.ok(reading.message() is None, "and the stream ends with it")
    reading.close()


def check_sizes(checks, front):
    """Bodies of up to 4 MiB, and not a byte more; answers as large, and not compressed."""
    large = front.call("echo", {"message": "x" * 3_000_000}, {"Accept-Encoding": "gzip"})
    checks.ok(large.status == 200 and large.text == "x" * 3_000_000, "3 MB there and back", large)
    checks.ok("content-encoding" not in large.headers, "uncompressed", large.headers)
    checks.ok(large.headers.get("content-length") == str(len(large.body)), "with its length", large.headers)
    empty = len(encoded(call("echo", {"message": ""})[0]))
    exact = front.call("echo", {"message": "x" * (4 * 1024 * 1024 - empty)})
    checks.ok(exact.status == 200, "a body of 4 MiB", exact.status)
    beyond = front.call("echo", {"message": "x" * (4 * 1024 * 1024 - empty + 1)})
    checks.ok(beyond.status == 413, "one byte more is 413", beyond.status)


def check_departure(checks, front):
    """A client that goes away cancels its call, which the replica notices behind the proxy."""
    connection = front.connection()
    message, headers = call("sleep", {"ms": 50_000})
    headers = {"Host": front.host, "Accept": BOTH, **headers}
    connection.request("POST", front.path, encoded(message), {"Content-Type": "application/json", **headers})
    checks.ok(wait_for_sleepers(front, 1), "a call runs")
    connection.close()
    checks.ok(wait_for_sleepers(front, 0), "and is cancelled when its client goes away")


def wait_for_sleepers(front, count):
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if front.call("sleepers").message["result"]["structuredContent"]["now"] == count:
            return True
        time.sleep(0.1)
    return False
