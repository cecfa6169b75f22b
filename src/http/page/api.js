// The admin server's API, as openapi.json describes it.

const BASE = "api/v1/";
/// A page that heard nothing for so long has lost its connection, whatever the browser believes.
const SILENCE_MS = 4000;
const RETRY_MS = [500, 1000, 2000, 4000];

export class RequestFailed extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status; // 0: there was no answer
  }
}

/// The JSON at a path beneath /api/v1; throws RequestFailed.
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

/// Live figures, for as long as the page is looked at. Calls on_live(figures), and on_lost(count) each time that a connection
/// ends or cannot be made, `count` of them since the last figures.
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
