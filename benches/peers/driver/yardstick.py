"""Whether the yardstick writes what it measures: the same answer as this crate, on the same host, but for the date."""

import re
import sys

from . import build
from .contestants import MODERN, OURS
from .server import Server
from .starting import call


def check(contestants):
    by_name = {one.name: one for one in contestants}
    for ours in (one for one in contestants if one.crate == OURS):
        theirs = by_name[ours.ceiling]
        told, expected = answer(ours), answer(theirs)
        if told != expected:
            sys.exit(f"{ours.name} answers {told!r}, and {theirs.name} {expected!r}")


def answer(contestant):
    log = build.LOGS / f"{contestant.name}.log"
    with Server(build.command(contestant), {"MODE": MODERN, **contestant.env}, log) as server:
        told = call(server, contestant.path)
        head, _, body = told.partition(b"\r\n\r\n")
        size = re.search(rb"(?i)^content-length: (\d+)", head, re.MULTILINE)
        while size and len(body) < int(size[1]) and (more := server.connection.recv(65536)):
            body += more
    # In any order: actix-web keeps them in a hash map.
    return sorted(line for line in head.split(b"\r\n") if not line.lower().startswith(b"date:")), body
