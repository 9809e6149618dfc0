"""Which hosts and pages are let in through the proxy, whose word about them is believed, and the public URL.

`example.com` is the public name (BASE_URL). `stranger.test` is a name that nginx serves here, and the application does
not know; `nobody.test` is one that nginx does not serve either.
"""

import ssl

from client import Front, call

PUBLIC, STRANGER, NOBODY = "example.com", "stranger.test", "nobody.test"
FORGED = {
    "X-Forwarded-Host": STRANGER,
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Prefix": "/forged",
    "X-Forwarded-For": "192.0.2.1",
    "Forwarded": f"for=192.0.2.1;host={STRANGER};proto=http",
}


def check(checks, front, tool, arguments):
    """Through the proxy, with any tool that can be called."""

    def status(at, headers=None):
        message, needed = call(tool, arguments)
        reply = at.ask("POST", message, {**needed, **(headers or {})})
        return reply.status, reply

    def expect(expected, at, headers, what):
        seen, reply = status(at, headers)
        checks.ok(seen == expected, f"{what}: {expected}", reply)
        return reply

    expect(200, front, {}, f"`Host: {PUBLIC}`")
    refused = expect(403, front.asking(STRANGER), {}, f"`Host: {STRANGER}`, which nginx lets through")
    checks.ok(STRANGER in refused.body.decode(), "which is named", refused)
    for name, value in (("X-Forwarded-Host", PUBLIC), ("Forwarded", f"host={PUBLIC}")):
        expect(403, front.asking(STRANGER), {name: value}, f"the same with a forged `{name}: {value}`")
    expect(421, front.asking(NOBODY), {}, f"`Host: {NOBODY}`, which ends at nginx")
    expect(200, front, FORGED, "forged forwarding headers are overwritten")
    expect(200, front, {"Origin": f"https://{PUBLIC}"}, "a page of the public URL")
    expect(403, front, {"Origin": "https://foreign.example"}, "a page of another site")
    connection = front.connection()
    connection.connect()
    version = connection.sock.version()
    connection.close()
    checks.ok(version == "TLSv1.3", "TLS 1.3", version)
    try:
        Front(front.port, PUBLIC, front.path, front.tls, NOBODY).ask("GET")
        handshake = "went through"
    except ssl.SSLError as error:
        handshake = error.reason or ""
    checks.ok("UNRECOGNIZED_NAME" in handshake, f"a handshake for {NOBODY} is refused", handshake)


def check_url(checks, front, prefix):
    """What `everything` takes for its own URL, if it has been told by BASE_URL, and through the proxy."""
    expected = f"https://{PUBLIC}{prefix}/mcp"
    for what, headers in (("", {}), (" whatever is forged", FORGED)):
        told = front.call("endpoint_url", headers=headers)
        checks.ok(told.text == expected, f"the endpoint's URL is {expected}{what}", told)


def check_forwarded_url(checks, front, prefix):
    """The same if it has not been told, and believes the proxy."""
    expected = f"https://{front.host}{prefix}/mcp"
    for what, headers in (("", {}), (" whatever is forged", FORGED)):
        told = front.call("endpoint_url", headers=headers)
        checks.ok(told.text == expected, f"from forwarded headers, the endpoint's URL is {expected}{what}", told)


def check_direct(checks, port, believed):
    """Past the proxy, from an address whose forwarding headers are believed or not."""
    local = Front(port, f"127.0.0.1:{port}", "/mcp")
    public, stranger = local.asking(PUBLIC), local.asking(STRANGER)

    def expect(expected, at, headers, what):
        reply = at.call("echo", {"message": "direct"}, headers)
        checks.ok(reply.status == expected, f"direct, {what}: {expected}", reply)

    expect(200, public, {}, f"`Host: {PUBLIC}`")
    expect(403, stranger, {}, f"`Host: {STRANGER}`")
    for name, value in (("X-Forwarded-Host", "{}"), ("Forwarded", "host={}")):
        with_public, with_stranger = {name: value.format(PUBLIC)}, {name: value.format(STRANGER)}
        whose = "of somebody who is believed" if believed else "of somebody who is not"
        expect(200 if believed else 403, stranger, with_public, f"`Host: {STRANGER}`, `{name}` {PUBLIC} {whose}")
        expect(403 if believed else 200, public, with_stranger, f"`Host: {PUBLIC}`, `{name}` {STRANGER} {whose}")
