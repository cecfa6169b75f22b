// Shows the upstreams with their servers, and the routes that lead to them.

import { badge, element, second_line, show, table } from "./dom.js";
import { ago, count, counted, duration, percent, rate, reasons, span } from "./format.js";

const LEVELS = { up: "ok", silent: "warning", down: "critical", untried: "none" };
const DAYS_TO_RENEW = 7; // the same limit as in admin/verdict.cpp

function seconds_since(time) {
  return (Date.now() - Date.parse(time)) / 1000;
}

function time_ago(time) {
  return element("time", { datetime: time, title: new Date(time).toLocaleString() }, ago(seconds_since(time)));
}

/// Live figures are newer than the list of upstreams, so they decide whether a server is up.
function state_of(server, live) {
  if (live && !live.up && server.state === "up") return "down";
  if (live?.up && server.state === "down") return "up";
  return server.state;
}

function name_cell({ server }) {
  return [element("span", { class: "code" }, server.address), server.tls_name ? second_line(server.tls_name) : ""];
}

function state_cell({ server, live }) {
  const state = state_of(server, live);
  const open = server.connections.ready + server.connections.draining;
  return [badge(LEVELS[state], state), second_line(counted(open, "connection", "connections"))];
}

function load_cell({ server, live }) {
  return [rate(live?.responses_per_second ?? null), second_line(`${count(live?.in_flight ?? server.in_flight)} in flight`)];
}

function latency_cell({ server }) {
  return [duration(server.latency.p50_seconds), second_line(duration(server.latency.p99_seconds))];
}

function tls_cell({ server, upstream }) {
  if (upstream.protocol !== "tls") return [badge("none", "in the clear"), second_line(upstream.protocol.toUpperCase())];
  const handshake = server.last_handshake;
  if (!handshake) return "no handshake yet";
  return [handshake.version.replace("TLSv", "TLS "), handshake.group ? second_line(handshake.group) : "", second_line(handshake.cipher)];
}

function resumption_cell({ server, upstream }) {
  if (upstream.protocol !== "tls") return "–";
  const { full, resumed, failed } = server.handshakes;
  const all = full + resumed;
  return [all === 0 ? "–" : percent(resumed / all), second_line(`${count(resumed)} of ${count(all)}`),
    failed ? second_line(`${count(failed)} failed`) : ""];
}

function certificate_cell({ server }) {
  const handshake = server.last_handshake;
  if (!handshake) return "–";
  const days = handshake.days_left;
  const text = days < 0 ? "expired" : counted(days, "day", "days");
  return [days < DAYS_TO_RENEW ? badge("warning", text) : text, second_line(handshake.verified_name, handshake.pin ? ", pinned" : "")];
}

function error_cell({ server }) {
  const error = server.last_error;
  if (!error) return element("span", { class: "quiet" }, "none");
  return [error.text, error.detail ? second_line(error.detail) : "", second_line(time_ago(error.at), counts_of_failures(server))];
}

function counts_of_failures(server) {
  const text = reasons(server.failures);
  return text ? ` · since the start ${text}` : "";
}

const COLUMNS = [
  { title: "Server", cell: name_cell, row_header: true },
  { title: "State", cell: state_cell },
  { title: "Answers", cell: load_cell, number: true },
  { title: "p50, p99", cell: latency_cell, number: true },
  { title: "TLS", cell: tls_cell },
  { title: "Resumed", cell: resumption_cell, number: true },
  { title: "Certificate", cell: certificate_cell },
  { title: "Last error", cell: error_cell, wide: true },
];

/// `live` is the newest event, or null before the first.
export function show_upstreams(place, { upstreams, missing_shards }, live) {
  const cards = upstreams.map((upstream) => {
    const rows = upstream.servers.map((server) => ({
      server,
      upstream,
      live: live?.servers.find((one) => one.upstream === upstream.name && one.server === server.address),
    }));
    const about = `${upstream.protocol.toUpperCase()}, ${upstream.policy.replace("_", " ")}, at most ${span(upstream.timeout_seconds)} a query`;
    return element("div", { class: "card" },
      element("h3", {}, upstream.name, " ", element("span", { class: "quiet" }, about)),
      table(`Servers of upstream ${upstream.name}`, COLUMNS, rows));
  });
  const missing = missing_shards > 0
    ? [element("p", { class: "quiet" }, `${counted(missing_shards, "thread", "threads")} did not answer in time; the figures lack their part.`)]
    : [];
  show(place, ...cards, ...missing);
}

/// Lists the longest zones first, since the longest one decides.
function by_length(one, other) {
  const labels = (zone) => zone.split(".").filter(Boolean).length;
  return labels(other.zone) - labels(one.zone) || one.zone.localeCompare(other.zone);
}

export function show_routes(place, { upstreams }) {
  const rows = upstreams.flatMap((upstream) => upstream.zones.map((zone) => ({ zone, upstream }))).sort(by_length);
  show(place, table("The upstream of each zone", [
    { title: "Zone", cell: ({ zone }) => element("span", { class: "code" }, zone === "." ? ". (all others)" : zone), row_header: true },
    { title: "Upstream", cell: ({ upstream }) => upstream.name },
    { title: "By", cell: ({ upstream }) => (upstream.protocol === "tls" ? "TLS" : [upstream.protocol.toUpperCase(), second_line("in the clear")]) },
  ], rows));
}
