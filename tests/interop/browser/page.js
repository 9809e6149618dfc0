// A page that uses an MCP server of another origin, by nothing but `fetch`. `run.py` serves it under several names; which
// of them the page has come under decides what it expects. What it saw goes back to `run.py`, then the next one is opened.
"use strict";

const SESSION = "2025-11-25";
const MODERN = "2026-07-28";
const ACCEPT = "application/json, text/event-stream";
// Longer than a server is quiet on a stream by default.
const FIRST_BYTES_WITHIN_MS = 30_000;

const checks = [];

function ok(condition, what, seen) {
  checks.push({ what, ok: Boolean(condition), seen: seen === undefined ? null : seen });
}

function params(extra) {
  return {
    ...extra,
    _meta: {
      "io.modelcontextprotocol/protocolVersion": MODERN,
      "io.modelcontextprotocol/clientInfo": { name: "page", version: "1" },
      "io.modelcontextprotocol/clientCapabilities": {},
    },
  };
}

function post(url, headers, message) {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: ACCEPT, ...headers },
    body: JSON.stringify({ jsonrpc: "2.0", ...message }),
  });
}

// The answer: the JSON body, or the last message of the event stream.
async function answer(response) {
  const text = await response.text();
  if (!(response.headers.get("content-type") || "").startsWith("text/event-stream")) {
    return text ? JSON.parse(text) : null;
  }
  const data = text.split("\n").filter((line) => line.startsWith("data:") && line.length > 6);
  return JSON.parse(data.at(-1).slice(5));
}

async function rejects(what, request) {
  try {
    const response = await request();
    ok(false, what, `it was answered ${response.status}`);
  } catch (error) {
    ok(error instanceof TypeError, what, String(error));
  }
}

async function firstBytes(response) {
  const reader = response.body.getReader();
  const late = new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`nothing within ${FIRST_BYTES_WITHIN_MS} ms`)), FIRST_BYTES_WITHIN_MS);
  });
  const { value } = await Promise.race([reader.read(), late]);
  await reader.cancel();
  return new TextDecoder().decode(value);
}

async function session({ mcp, tool, arguments: args }) {
  const opened = await post(mcp, {}, {
    id: 1,
    method: "initialize",
    params: { protocolVersion: SESSION, capabilities: {}, clientInfo: { name: "page", version: "1" } },
  });
  const welcome = await answer(opened);
  ok(opened.status === 200 && welcome.result.protocolVersion === SESSION, "initialize is answered", welcome);
  const id = opened.headers.get("mcp-session-id");
  ok(id, "the page reads Mcp-Session-Id", id);

  const headers = { "mcp-session-id": id, "mcp-protocol-version": SESSION };
  const initialized = await post(mcp, headers, { method: "notifications/initialized" });
  ok(initialized.status === 202, "notifications/initialized is answered 202", initialized.status);
  const called = await post(mcp, headers, { id: 2, method: "tools/call", params: { name: tool, arguments: args } });
  const result = await answer(called);
  ok(called.status === 200 && Array.isArray(result.result.content), `${tool} answers in the session`, result);

  const stream = await fetch(mcp, { headers: { ...headers, accept: "text/event-stream", "last-event-id": "0" } });
  const kind = stream.headers.get("content-type");
  ok(stream.status === 200 && kind.startsWith("text/event-stream"), "the GET stream opens", [stream.status, kind]);
  ok(stream.headers.get("x-accel-buffering") === null, "a header that is not exposed stays hidden");
  const first = await firstBytes(stream);
  ok(first.length > 0, "the first bytes of the stream arrive", first);

  const ended = await fetch(mcp, { method: "DELETE", headers });
  ok(ended.status === 200 || ended.status === 204, "DELETE ends the session", ended.status);
  const gone = await post(mcp, headers, { id: 3, method: "tools/list" });
  const error = await answer(gone);
  ok(gone.status === 404 && error.error.message, "then its 404 can be read", error);
}

async function stateless({ mcp, tool, arguments: args }) {
  const headers = {
    "mcp-protocol-version": MODERN,
    "mcp-method": "tools/call",
    "mcp-name": tool,
    authorization: "Bearer of-the-page",
  };
  const message = { id: 1, method: "tools/call", params: params({ name: tool, arguments: args }) };
  const called = await post(mcp, headers, message);
  const result = await answer(called);
  ok(called.status === 200 && Array.isArray(result.result.content), `${tool} answers without a session`, result);

  // Whether the server takes them is not the question here: the browser asks for each by name.
  const more = await post(mcp, { ...headers, "mcp-param-region": "eu", "x-of-the-page": "1" }, message);
  ok(more.status > 0, "Mcp-Param-* and a header of one's own may be sent", more.status);
  const bad = await post(mcp, { ...headers, "mcp-name": "another" }, message);
  const error = await answer(bad);
  ok(bad.status === 400 && error.error.message, "a 400 can be read", error);
}

async function allowed(plan) {
  await session(plan);
  await stateless(plan);
  const simple = await fetch(plan.mcp, { method: "POST", headers: { "content-type": "text/plain" }, body: "{}" });
  ok(simple.status === 415, "a form's request, for which no browser asks first, is refused: 415", simple.status);
  await rejects("PUT is not allowed", () => fetch(plan.mcp, { method: "PUT" }));
  await rejects("cookies are not allowed", () => fetch(plan.mcp, { credentials: "include" }));
}

async function blocked({ mcp }) {
  await rejects("initialize is blocked", () => post(mcp, {}, {
    id: 1,
    method: "initialize",
    params: { protocolVersion: SESSION, capabilities: {}, clientInfo: { name: "page", version: "1" } },
  }));
  await rejects("a call without a session is blocked", () => post(mcp, { "mcp-protocol-version": MODERN }, {
    id: 1,
    method: "tools/list",
    params: params({}),
  }));
  await rejects("a stream is blocked", () => fetch(mcp, { headers: { accept: "text/event-stream" } }));
  const simple = () => fetch(mcp, { method: "POST", headers: { "content-type": "text/plain" }, body: "{}" });
  await rejects("the answer to a form's request cannot be read", simple);
}

async function main() {
  const plan = await (await fetch("plan.json")).json();
  try {
    ok(new URL(plan.mcp).origin !== location.origin, "the server is of another origin", [location.origin, plan.mcp]);
    await (plan.expect === "allowed" ? allowed(plan) : blocked(plan));
  } catch (error) {
    ok(false, "the page comes to its end", String(error.stack || error));
  }
  await fetch("seen", { method: "POST", body: JSON.stringify(checks) });
  if (plan.next) {
    location.replace(plan.next);
  }
}

main();
