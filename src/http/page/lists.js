// Shows the cache, the clients, recent queries and the process.

import { badge, element, list_of_facts, quiet, second_line, show, table } from "./dom.js";
import { ago, bytes, count, counted, duration, percent, reasons, span } from "./format.js";

function code(text) {
  return element("span", { class: "code" }, text);
}

/// A bar that shows `used` as a share of `limit`.
function bar(used, limit) {
  return element("meter", { min: 0, max: Math.max(1, limit), value: used, "aria-hidden": "true" });
}

export function show_cache(place, { cache, latency }) {
  if (!cache.enabled) {
    show(place, quiet("The cache is off (cache.size is 0)."));
    return;
  }
  show(place, list_of_facts([
    ["Hit ratio", percent(cache.hit_ratio), second_line(`${count(cache.hits)} hits, ${counted(cache.misses, "miss", "misses")} since the start`)],
    ["Answers held", count(cache.entries), second_line(`${bytes(cache.bytes)} of ${bytes(cache.limit_bytes)}`, bar(cache.bytes, cache.limit_bytes))],
    ["A hit takes", duration(latency.cache.p50_seconds), second_line(`p99 ${duration(latency.cache.p99_seconds)}`)],
    ["A miss takes", duration(latency.upstream.p50_seconds), second_line(`p99 ${duration(latency.upstream.p99_seconds)}`)],
    ["Expired answers given", count(cache.stale)],
    ["Evicted", count(cache.evictions), second_line(`${count(cache.prefetches)} prefetched`)],
  ]));
}

export function show_top_names(place, { top }) {
  show(place, table("The names with the most queries", [
    { title: "Name", cell: (held) => code(held.name), row_header: true },
    { title: "Type", cell: (held) => held.type },
    { title: "Hits", cell: (held) => (held.hits >= 31 ? "31+" : held.hits), number: true },
    { title: "Expires", cell: (held) => (held.expires_in_seconds < 0 ? "stale" : `in ${span(held.expires_in_seconds)}`) },
  ], top ?? []));
}

function offences(client) {
  const words = [];
  if (Object.keys(client.invalid).length > 0) words.push(`invalid: ${reasons(client.invalid)}`);
  if (client.refused > 0) words.push(`refused: ${count(client.refused)}`);
  return words.join("; ");
}

export function show_clients(place, { clients, total }) {
  if (clients.length === 0) {
    show(place, quiet(total === 0 ? "None: no client has been seen yet." : `None of ${counted(total, "client", "clients")}.`));
    return;
  }
  show(place, table("Clients that misbehave", [
    { title: "Address", cell: (client) => code(client.address), row_header: true },
    { title: "What the client did", cell: offences, wide: true },
    { title: "In the last minute", cell: (client) => count(client.invalid_in_last_minute), number: true },
    { title: "Last seen", cell: (client) => ago(client.last_seen_seconds) },
    {
      title: "Ban",
      cell: ({ banned_for_seconds }) => (banned_for_seconds === null ? "none" : badge("warning", `${span(banned_for_seconds)} left`)),
    },
  ], clients));
}

const RCODE_LEVELS = { NOERROR: "ok", NXDOMAIN: "none" };

export function rcode_badge(rcode) {
  return badge(RCODE_LEVELS[rcode] ?? "critical", rcode);
}

export function show_recent(place, { enabled, queries }) {
  if (!enabled) {
    show(place, quiet("Off, since names are private. ", code("admin: {recent: 200}"), " in the configuration keeps the newest 200 of each thread."));
    return;
  }
  if (queries.length === 0) {
    show(place, quiet("No query has been answered yet."));
    return;
  }
  show(place, table("The newest queries", [
    { title: "Name", cell: (query) => code(query.name), row_header: true },
    { title: "Type", cell: (query) => query.type },
    { title: "Answer", cell: (query) => rcode_badge(query.rcode) },
    { title: "From", cell: (query) => query.source },
    // 0: answered in the turn of the loop in which the query was received.
    { title: "Took", cell: (query) => (query.duration_seconds === 0 ? "at once" : duration(query.duration_seconds)), number: true },
    { title: "Client", cell: (query) => element("span", { class: "tight" }, code(query.client), ` ${query.transport.toUpperCase()}`) },
    { title: "At", cell: (query) => element("time", { datetime: query.at, class: "tight" }, new Date(query.at).toLocaleTimeString()) },
  ], queries));
}

export function show_process(place, { build, config, listen, memory, queries, threads, uptime_seconds, worker_restarts, log }) {
  const { reloads } = config;
  const reloaded = `${counted(reloads.succeeded, "reload", "reloads")}, ${count(reloads.failed)} refused`;
  show(place, list_of_facts([
    ["Up for", span(uptime_seconds), second_line(worker_restarts ? counted(worker_restarts, "restart", "restarts") : counted(threads, "thread", "threads"))],
    ["DNS on", code(listen.dns.join(", "))],
    ["Configuration", reloads.last_failed ? badge("warning", "newer file refused") : "", code(config.file ?? "defaults"), second_line(`hash ${config.hash} · ${reloaded}`)],
    ["Memory", bytes(memory.resident_bytes), second_line(`of ${bytes(memory.limit_bytes)}`, bar(memory.resident_bytes, memory.limit_bytes))],
    ["Queries", count(queries.received), second_line(reasons(queries.by_rcode))],
    ["Sent in the clear", count(queries.plaintext), second_line("over TCP and UDP upstreams")],
    ["Log level", log.level, second_line(`${counted(log.lines_dropped, "line", "lines")} dropped`)],
    ["OpenSSL", build.openssl.replace(/^OpenSSL /, "")],
  ]));
}
