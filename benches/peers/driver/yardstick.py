"""Whether the yardstick writes what it measures: the answer to a call that this crate gives on the same host."""

import re
import sys

from . import build
from .contestants import MODERN, OURS
from .server import Failed, Server
from .starting import call


def check(contestants):
    ours = [one for one in contestants if one.crate == OURS]
    answers = {one.name: answer(one) for one in contestants if one in ours or one.name in {our.ceiling for our in ours}}
    for one in ours:
        if answers[one.name] != answers[one.ceiling]:
            sys.exit(f"{one.name} answers {answers[one.name]!r}, and {one.ceiling} {answers[one.ceiling]!r}")


def answer(contestant):
    log = build.LOGS / f"{contestant.name}.log"
    try:
        with Server(build.command(contestant), {"MODE": MODERN, **contestant.env}, log) as server:
            told = call(server, contestant.path)
            head, _, body = told.partition(b"\r\n\r\n")
            size = re.search(rb"(?i)^content-length: (\d+)", head, re.MULTILINE)
            while size and len(body) < int(size[1]) and (more := server.connection.recv(65536)):
                body += more
    except (Failed, OSError) as failure:
        sys.exit(f"{contestant.name}: {failure}")
    # In any order: actix-web keeps them in a hash map.
    return sorted(line for line in head.split(b"\r\n") if not line.lower().startswith(b"date:")), body
