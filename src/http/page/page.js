// Loads the data and gives it to the parts of the page.

import { get, LiveFigures } from "./api.js";
import { Chart, linear, logarithmic, whole } from "./charts.js";
import { quiet, show } from "./dom.js";
import { duration, percent, rate } from "./format.js";
import { show_resolve } from "./resolve.js";
import { show_routes, show_upstreams } from "./upstreams.js";
import { show_cache, show_clients, show_process, show_recent, show_top_names } from "./lists.js";
import { show_lost, show_verdict } from "./verdict.js";

const REFRESH_MS = 5000;
const RECENT = 25;

const part = (id) => document.getElementById(id);

const charts = {
  queries: new Chart("Queries", ["received"], linear(1), rate),
  latency: new Chart("Latency of answers", ["p50", "p99"], logarithmic, duration),
  hits: new Chart("Cache hit ratio", ["answered from the cache"], whole, percent),
  failures: new Chart("Failures", ["failed", "refused"], linear(1), rate),
};
show(part("charts"), ...Object.values(charts).map((chart) => chart.root));

/// The data that the page shows, by path of the API.
const data = { upstreams: null, live: null };

function draw_charts(live, before) {
  // The number of seconds for which this page received no event.
  const missed = before ? Math.round((Date.parse(live.time) - Date.parse(before.time)) / 1000) - 1 : 0;
  const push = (chart, values) => {
    for (let i = 0; i < Math.min(missed, 180); ++i) chart.push(values.map(() => null));
    chart.push(values);
  };
  push(charts.queries, [live.queries_per_second]);
  push(charts.latency, [live.p50_seconds, live.p99_seconds]);
  push(charts.hits, [live.hit_ratio]);
  push(charts.failures, [live.failed_answers_per_second, live.rejected_per_second]);
}

function ups(live) {
  return live ? live.servers.map((server) => server.up).join() : "";
}

function draw_state(state) {
  part("state").textContent = state;
  part("state").className = `badge ${state === "ready" ? "ok" : "notice"}`;
}

new LiveFigures(
  (live) => {
    const before = data.live;
    data.live = live;
    show_lost(null);
    draw_state(live.state);
    show_verdict(live.verdict);
    draw_charts(live, before);
    if (data.upstreams) show_upstreams(part("upstreams"), data.upstreams, live);
    if (ups(before) !== ups(live)) refresh();
  },
  (failures) => without_live_figures(failures),
);

/// Pillion may answer but refuse live figures, if the largest number of pages already receive them. The banner appears
/// only after the second failure, since one failure may be a restart of Pillion.
async function without_live_figures(failures) {
  try {
    const status = await get("status");
    if (failures > 1) show_lost("Pillion answers, but sends no live figures: too many pages may be open. The figures below are a few seconds old.");
    show_verdict(status.verdict);
    draw_state(status.state);
  } catch {
    show_lost("");
  }
}

/// Draws the data of `path`, or the reason why Pillion refused it. While Pillion does not answer, the last content
/// stays.
async function load(path, id, draw, parameters) {
  try {
    draw(part(id), await get(path, parameters));
  } catch (error) {
    if (error.status > 0) show(part(id), quiet(error.message));
  }
}

async function load_all() {
  // Requests run one after the other, since all pages of a browser share six connections to a server, and live figures
  // keep one of them.
  await load("upstreams", "upstreams", (place, upstreams) => {
    data.upstreams = upstreams;
    show_upstreams(place, upstreams, data.live);
    show_routes(part("routes"), upstreams);
  });
  await load("status", "process", (place, status) => {
    part("build").textContent = `${status.build.version} · ${status.build.commit}`;
    show_process(place, status);
    show_cache(part("cache"), status);
  });
  await load("clients", "clients", show_clients, { misbehaving: true, limit: 100 });
  await load("recent", "recent", show_recent, { limit: RECENT });
  if (part("top-names").getAttribute("aria-expanded") === "true") await load("cache", "top", show_top_names, { top: 15 });
}

let loading = null;
/// Loads all data that live figures do not contain. Does nothing while a load is running.
function refresh() {
  loading ??= load_all().finally(() => (loading = null));
}

part("top-names").addEventListener("click", (event) => {
  const is_open = event.target.getAttribute("aria-expanded") === "true";
  event.target.setAttribute("aria-expanded", String(!is_open));
  event.target.textContent = is_open ? "Show the names with the most queries" : "Hide the names with the most queries";
  if (is_open) show(part("top"));
  else load("cache", "top", show_top_names, { top: 15 });
});

show_resolve(part("resolve"), part("resolved"));
refresh();
setInterval(() => !document.hidden && refresh(), REFRESH_MS);
