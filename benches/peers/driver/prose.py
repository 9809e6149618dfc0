"""What docs/performance.md says around the tables."""

PROSE = """# Performance

What a call costs in this crate, beside the same tools in every peer, and beside a handler that is written by hand for
these tools alone. `{command}` measured it on {date} and wrote this page; anybody can do the same, from a fresh clone.

{processor}, {cores} cores, {memory_gib} GiB, {kernel}, rustc {rustc}, Python {python}, Redis {redis}, commit {commit}.
{versions_line}.
{rounds} rounds of {seconds:g} s a measurement; {took_minutes} minutes in all.

## How to read it

- **A ratio compares two servers of one round.** In each round every contestant is measured once, one after the other, each
  with a process of its own; its rate is divided by that of the hand-written handler *on the same host* (axum, or
  actix-web) in the same round. The tables have the median of the rounds, and after ± half of the way from the lowest
  ratio to the highest. 1.00 is the hand-written handler. Absolute figures are of one machine on one day.
- **The hand-written handler is a yardstick, not an MCP server.** It reads the request with serde_json and writes the same
  answer with it. It checks nothing, keeps no session and has no limit, so a server that does all this and comes near 1
  has paid for it elsewhere: by reading the message once, and by writing its answer without building it first.
- **One core each.** The server is pinned to one core and has one worker, the load generator to another: 32 connections that
  are kept alive, each of which sends its next request when the last one has been answered. What the load generator
  takes is in the results, so that it is known not to be what is measured.
- **Every answer is checked**: its status, its framing, its id, its text, which differs from call to call, and that it is no
  error; the first ones of each connection are parsed in full.
- **Everybody has the build that users get**: cargo's own release profile, and the features and defaults that each one's
  documentation teaches, with guards, limits, timeouts and masking on where they are on by default. Each package is
  built alone, since what is built together shares features. TCP_NODELAY is on in every server, although not
  every documentation says so: what happens without it has a table.
- \\* marks what others on the machine have disturbed: the server had less than nine tenths of its core in every round. Rounds
  that were disturbed are left out if there are others.

The code of the contestants, of the load generator and of the tables is in [benches/peers](../benches/peers).

## Calls

`tools/call` of a tool that says 32 bytes again, in the three ways in which clients call, and 64 KiB. In brackets: the
ratio.

{calls}

The same by the processor time that the server took, which other work on the machine disturbs less:

{cpu_time}

How long a call took, with 32 of them under way at any time; so the median follows from the rate, and the 99th percentile
tells whether some wait much longer than others:

{latency}

## Sessions opened

`initialize` and `notifications/initialized`, as pairs. The hand-written handler makes up an id and remembers nothing.

{opens}

## Answers that are streams

A tool that says one thing before it answers: at once, or after it has yielded to the runtime once. How many times as
long as a plain call of the same server with TCP_NODELAY (32 bytes) such a call takes, with TCP_NODELAY and without: where
two writes follow each other without it, the second waits for the acknowledgement of the first, up to 40 ms. A server
whose plain answers are streams already, as rmcp's are in sessions, has a low ratio to a slow call.

{sse}

## Memory

By how much the server's resident memory grows: for each of 10,000 idle sessions, opened over few connections; for each of
2,000 connections that have made a call and stay open, which is the host's own cost; and for each of 2,000 open
streams with their connections. In brackets, what a stream costs beyond a connection; the session of a GET stream was
there before and is not in it.

{memory}

## Events

One stream: a tool that reports progress 20,000 times and yields after each time. This crate sends a burst of 32 and then
20 a second of it ([handlers.md](handlers.md)), since nobody who shows it can make use of more; its tool logs numbers
instead, of which all are sent. 1,000 streams: the application tells all of them that
the tools have changed, and again as soon as the last one has heard of it; events of all streams together. The
hand-written handler knows all events before it answers, and writes them in one piece.

{events}

## As tools grow

Calls of `echo`, and whole lists (`tools/list` with every page), in 2026-07-28, with 2, 100 and 1,000 tools.

{tools}

## Starting, and standing still

From the start of the process to the answer to its first call; resident memory after that call, and after the calls of
the first table in 2026-07-28, which shows who keeps something of them; the size of the binary with its symbols, as
cargo leaves it.

{starting}

## Stores

Calls in sessions, and sessions opened, where this crate in axum keeps them: in memory, in a SQLite file, and in a Redis on
the load generator's core, so that the network is a loopback. In brackets: the ratio to memory.

{stores}

## What is not there

A dash is a contestant that has no such thing, or did not get through:

{absences}

Of the crates for servers in Rust, turbomcp, pmcp and poem-mcpserver are not in the comparison, nor is any server in another language but
FastMCP, from which many come. Several cores, TLS, HTTP/2 and real networks were
not measured.

## Again

```sh
benches/peers/run                            # all of it, and this page
benches/peers/run --quick                    # each once and shortly, to see that all of it works
benches/peers/run --only mount,rmcp          # by the beginnings of names; the ceilings come along
benches/peers/run --experiments calls,opens  # calls opens sse memory events tools starting stores
```

It needs two cores, Rust, `python3` with `venv`, and for the stores `redis-server`. The raw results are in
`target/peers/results.json`; `benches/peers/run --render` writes this page from them again.
"""
