// Requests to the admin server's API (openapi.json).

const BASE = "api/v1/";
/// After this time without an event the page treats the connection as lost. The browser may not notice it.
const SILENCE_MS = 4000;
const RETRY_MS = [500, 1000, 2000, 4000];

export class RequestFailed extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status; // of HTTP; 0: no response
  }
}

/// Returns the JSON of a path under /api/v1. Throws RequestFailed.
export async function get(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  let response;
  let body;
  try {
    response = await fetch(BASE + path + (query && `?${query}`), { cache: "no-store", signal: AbortSignal.timeout(15000) });
    body = await response.json().catch(() => null);
  } catch {
    throw new RequestFailed(0, "Pillion's admin server does not answer.");
  }
  if (!response.ok || body === null) throw new RequestFailed(response.status, body?.detail || `It answered ${response.status}.`);
  return body;
}

/// Receives live figures while the page is visible. Calls on_live(figures) for each event. Calls on_lost(count) when a
/// connection ends or cannot be made; `count` is the number of such failures since the last event.
export class LiveFigures {
  constructor(on_live, on_lost) {
    Object.assign(this, { on_live, on_lost, source: null, failures: 0, timer: 0 });
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    this.open();
  }

  open() {
    this.close();
    this.source = new EventSource(`${BASE}events`);
    this.source.addEventListener("live", (event) => {
      this.failures = 0;
      this.expect();
      this.on_live(JSON.parse(event.data));
    });
    this.source.addEventListener("error", () => this.lost());
    this.expect();
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  expect() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.lost(), SILENCE_MS);
  }

  lost() {
    this.close();
    const pause = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)];
    this.timer = setTimeout(() => this.open(), pause);
    this.on_lost(++this.failures);
  }
}
