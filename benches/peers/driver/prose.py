"""What docs/performance.md says around the tables."""

PROSE = """# Performance

What a call costs in this crate, beside the same tools in its peers, and beside a handler that is written by hand for
these tools alone. It was measured on {date}; anybody can do the same, from a fresh clone:

```sh
{command}
```

{processor}, {cores} cores, {memory_gib} GiB, {kernel}, rustc {rustc}, Python {python}, Redis {redis}; mcp-mount of
commit {commit}. The server and the load generator had {two_cores}.
{versions_line}
{rounds} rounds; {took_minutes} minutes in all, without the builds.

## How to read it

- **A ratio compares two servers of one round.** In each round every contestant is measured once, one after the other,
  each with a process of its own and in an order that changes from round to round; its rate is divided by that of the
  hand-written handler *on the same host* (axum, or actix-web) in the same round. The tables have the median of the
  rounds, and after ± half of the way from the lowest ratio to the highest. 1.00 is the hand-written handler. Absolute
  figures are of one machine on one day. Below each table stands what was measured in rounds, and what only once.
- **The hand-written handler is a yardstick, not an MCP server.** It reads the request with serde_json and writes the
  same answer with it, headers included; for a call in 2026-07-28 that is checked before the first round. It checks
  nothing itself, keeps no session, and limits nothing but the size of a body, as its host does for it. A server that does
  all this and comes near 1 has saved it elsewhere: by reading a message once, and by writing the answer without building
  it first.
- **One core each.** The server is pinned to one core and has one worker, the load generator to another: 32 connections
  that are kept alive, each of which sends its next request when the last one has been answered. The load generator
  does not sleep while it waits, or a server that is slower would have to wake it more often; it had something to do for
  {load_busy:.0%} of the time at most. Of their core, the hand-written handlers took {axum_busy:.0%} at least in axum, and
  {actix_busy:.0%} in actix-web.
- **Every answer is checked**: its status, its framing, its id, its text, which differs from call to call, and that it is
  no error. The first ones of each connection are parsed in full.
- **Everybody has the build that users get**: cargo's own release profile, and the features and defaults that each one's
  documentation teaches, with guards, limits, timeouts and masking on where they are on by default. Each package is
  built alone, since what is built together shares features. TCP_NODELAY is on in every server, although not every
  documentation says so; what happens without it has a table. Caps that a benchmark would run into are raised, and only
  where it would: *Who is who* names them.
- \\* marks what others on the machine have disturbed: the server had less than nine tenths of its core in every round,
  or in none did both servers of a ratio have as much. Rounds that were disturbed are left out if there are others.
- † marks what did not succeed in every round: the last section says in which, and why.

Who is who:

- *by hand*: the yardstick, in axum and in actix-web. actix-web's limit of a body is set to 4 MiB; axum has its own.
- *mcp-mount*: this crate, the same server in every mode. `at` merges its routes, as the documentation advises; `nest`
  nests its service. Both are served by `Lifespan::serve`, as the documentation advises, too, but where TCP_NODELAY is
  off: axum's server, whose connections write a small head and body in one piece. The row `axum::serve` shows what is left
  without that. Raised: `Sessions::max`, from 10,000, where sessions are opened at a rate and where streams are.
- *rmcp*: the server of its README. `#[tool_handler]` makes the router anew for each request; *router stored* has one
  that all handlers share. Without sessions, and in 2026-07-28, it is set as its README says for stateless servers: no
  sessions, and answers in JSON. *rmcp-actix-web* is the same server in actix-web. Nothing was in the way.
- *tower-mcp*: mounted as its deployment guide says. For 2025-11-25 without sessions it has `stateless(..)`: by default
  each request without a session leaves one behind. Raised: `SubscriptionLimits::max_active`, for the streams.
- *rust-mcp-sdk*: mounted as the example `byo-server` of rust-mcp-axum does, which is without its guard. *JSON only* has
  `enable_json_response`: plain calls are faster, and a call that reports progress gets that in place of its answer.
  Raised: `max_listen_streams`, for the streams.
- *FastMCP*: `mcp.run`, one process, and no log of each request. Without sessions: `stateless_http` and `json_response`.
  Its ratios are to the handler in axum, too. Nothing was in the way.

The code is in [benches/peers](../benches/peers).

## Calls

`tools/call` of a tool that says 32 bytes again, in the three ways in which clients call, and 64 KiB: in the one text
there is nothing that JSON has to escape, in the other a line break or a quote in every 40 characters. In brackets: the
ratio. With 64 KiB a process may settle at half of its usual rate and stay there, the hand-written handlers too; how glibc's
allocator gives memory back is likely to be why, and a large ± comes of it.

{calls}

In {rounds} rounds, {seconds:g} s each.

The same by the processor time that the server took, which other work on the machine disturbs less:

{cpu_time}

In the same rounds.

How long a call took, with 32 of them under way at any time; so the median follows from the rate, and the 99th percentile
tells whether some wait much longer than others; in brackets, the ratio of the latter to the hand-written handler's:

{latency}

In the same rounds.

## Sessions opened

`initialize` and `notifications/initialized`, as pairs. The hand-written handler makes up an id and remembers nothing.

{opens}

In {rounds} rounds, {opens_seconds:g} s each.

## Answers that are streams

A tool that says one thing before it answers: at once, or after it has yielded to the runtime once. With TCP_NODELAY and
without: where two writes follow each other without it, the second waits for the acknowledgement of the first, up to
40 ms. In brackets, how many times as long such a call takes as a plain call of the same server (32 bytes, with
TCP_NODELAY) in the same round. A server whose plain answers are streams already, as rmcp's are in sessions, has a low
ratio to a slow call.

{sse}

In {rounds} rounds, {sse_seconds:g} s each.

## Memory

By how much the server's resident memory grows: for each of 10,000 idle sessions, opened over few connections; for each
of 2,000 connections that have made a call in 2026-07-28 and stay open; and for each of 2,000 open streams with their
connections. In brackets, what a stream costs beyond an idle connection, for everybody beyond the smaller of two: one to
the hand-written handler that the row is compared with, or one to the row's own server. The session of a GET stream was
there before and is not in it.

{memory}

Sessions once, connections and streams in {rounds} rounds.

## Events

One stream: a tool that reports progress 20,000 times and yields after each time. This crate sends a burst of 32 and then
20 a second of it ([handlers.md](handlers.md)), since nobody who shows it can make use of more; its tool logs numbers
instead, of which all are sent. 1,000 streams: the application tells all of them that the tools have changed, and again
as soon as the last one has heard of it; events of all streams together. The hand-written handler knows all events
before it answers, and writes them in one piece.

{events}

Once, {once_seconds:g} s each; where a stream of 20,000 takes longer, until it is complete.

## As tools grow

Calls of `echo`, and whole lists (`tools/list` with every page), in 2026-07-28, with 2, 100 and 1,000 tools.

{tools}

Once, {once_seconds:g} s each.

## Starting, and standing still

From the start of the process to the answer to its first call; resident memory after that call, and after the calls of
the first table in 2026-07-28, which shows who keeps something of them; the size of the binary with its symbols, as
cargo leaves it.

{starting}

The median of seven starts, the resident memory after the calls of {rounds} rounds, each of a process of its own.

## Stores

Calls in sessions, and sessions opened, where this crate in axum keeps them: in memory, in a SQLite file, and in a Redis
on the load generator's core, so that the network is a loopback. The load generator sleeps while it waits, in all three
rows, to leave that core to Redis; so the rates of memory are not those above. In brackets: the ratio to memory.

{stores}

In {rounds} rounds, {seconds:g} s each.

## What is not there

A dash is what a contestant does not serve, or did not get through. What did not succeed has the number of its round:

{absences}

Of the crates for servers in Rust, turbomcp, pmcp and poem-mcpserver are not in the comparison, for want of time only;
nor is any server in another language but FastMCP, from which many come. Several cores, TLS, HTTP/2 and real networks
were not measured.

## Again

```sh
benches/peers/run                            # all of it, and this page
benches/peers/run --quick                    # each once and shortly, to see that all of it works
benches/peers/run --only mount,rmcp          # by the beginnings of names; the ceilings come along
benches/peers/run --experiments calls,opens  # calls opens sse memory events tools starting stores
```

It needs two cores, Rust, `python3` with `venv`, and for the stores `redis-server`. The raw results are in
`target/peers/results.json`; `benches/peers/run --render` writes this page from them again. It is written for
{least_rounds} rounds or more.
"""
