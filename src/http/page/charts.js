// Line charts of the last minutes, as SVG.

import { element } from "./dom.js";
import { ago } from "./format.js";

/// The number of seconds that a chart shows at first, and at most. In between it grows with the samples.
const SHORTEST = 30;
const LONGEST = 180;
const WIDTH = 180;
const HEIGHT = 100;

function svg(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/// The smallest of 1, 2, 5, 10, … that is at least `value`.
function ceiling_of(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999);
}

/// A scale from 0 to a round number that is at least `least`.
export function linear(least) {
  return (values) => {
    const top = ceiling_of(Math.max(least, ...values));
    return { bottom: 0, top, height: (value) => value / top };
  };
}

/// A scale from 0 to 1.
export function whole() {
  return { bottom: 0, top: 1, height: (value) => value };
}

/// A logarithmic scale between powers of ten, so that small and large values both show their changes.
export function logarithmic(values) {
  const positive = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(0.01, ...positive)) + 1e-9);
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(0.001, ...positive)) - 1e-9));
  const height = (value) => Math.max(0, (Math.log10(Math.max(value, 1e-9)) - low) / (high - low));
  return { bottom: 10 ** low, top: 10 ** high, height };
}

/// A line chart with one value per second for each series.
export class Chart {
  /// `series` has the names of the series. `scale` is one of the functions above. `format` converts a value or null to
  /// text.
  constructor(title, series, scale, format) {
    Object.assign(this, { title, series, scale, format, samples: [], pointed: null });
    this.shown = series.map(() => element("span", { class: "value" }));
    const legend = series.map((name, at) =>
      element("div", { class: "series" }, element("span", { class: `swatch line-${at}` }), element("span", { class: "name" }, name),
        this.shown[at]));
    this.lines = series.map((_, at) => svg("path", { class: `line line-${at}` }));
    this.area = svg("path", { class: "area" });
    this.pointer = svg("path", { class: "pointer" });
    this.svg = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
    const grid = svg("path", { class: "grid", d: [0, 0.5, 1].map((part) => `M0 ${part * HEIGHT}H${WIDTH}`).join("") });
    this.svg.append(grid, this.area, ...this.lines, this.pointer);
    this.top = element("span", { class: "top" });
    this.bottom = element("span", { class: "bottom" });
    this.since = element("span");
    this.when = element("span");
    this.root = element("figure", { class: "card chart" }, element("figcaption", {}, title), element("div", { class: "legend" }, legend),
      element("div", { class: "plot" }, this.svg, element("div", { class: "scale", "aria-hidden": "true" }, this.top, this.bottom)),
      element("div", { class: "times", "aria-hidden": "true" }, this.since, this.when, element("span", {}, "now")));
    this.svg.addEventListener("pointermove", (event) => this.point_at(event));
    this.svg.addEventListener("pointerleave", () => this.point_at(null));
    this.draw();
  }

  /// Adds the values of one second, in the order of the series; null for a missing value.
  push(values) {
    this.samples.push(values);
    if (this.samples.length > LONGEST) this.samples.shift();
    this.draw();
  }

  get seconds() {
    return Math.max(SHORTEST, this.samples.length);
  }

  /// The x coordinate of a second, counted from the left.
  x(second) {
    return ((second * WIDTH) / (this.seconds - 1)).toFixed(1);
  }

  point_at(event) {
    const box = this.svg.getBoundingClientRect();
    this.pointed = event && Math.round(((event.clientX - box.left) / box.width) * (this.seconds - 1));
    this.draw();
  }

  draw() {
    const first = this.seconds - this.samples.length;
    const all = this.samples.flat().filter((value) => value !== null);
    const { bottom, top, height } = this.scale(all);
    const point = (value, at) => `${this.x(first + at)} ${(HEIGHT * (1 - Math.min(1, height(value)))).toFixed(1)}`;
    this.lines.forEach((line, which) => {
      let path = "";
      let is_open = false;
      this.samples.forEach((values, at) => {
        const value = values[which];
        // A single point is drawn as a line of length 0, which the round line caps make visible.
        if (value !== null) path += is_open ? `L${point(value, at)}` : `M${point(value, at)}h0`;
        is_open = value !== null;
      });
      line.setAttribute("d", path);
    });
    this.draw_area(first);
    this.top.textContent = this.format(top);
    this.bottom.textContent = this.format(bottom);
    this.draw_values(first);
  }

  /// Fills the area beneath the line, if there is only one series and it has no gaps.
  draw_area(first) {
    const line = this.lines[0].getAttribute("d");
    const is_whole = this.series.length === 1 && line.lastIndexOf("M") === 0;
    this.area.setAttribute("d", is_whole ? `${line}V${HEIGHT}H${this.x(first)}Z` : "");
  }

  draw_values(first) {
    const at = this.pointed === null ? this.samples.length - 1 : this.pointed - first;
    const values = this.samples[at] ?? this.series.map(() => null);
    const texts = values.map((value) => this.format(value));
    this.shown.forEach((shown, which) => (shown.textContent = texts[which]));
    const last = this.seconds - 1;
    const seconds = last - (this.pointed ?? last);
    this.since.textContent = ago(last);
    this.when.textContent = seconds > 0 ? `${seconds} s ago` : "";
    this.pointer.setAttribute("d", this.pointed === null ? "" : `M${this.x(this.pointed)} 0V${HEIGHT}`);
    this.svg.setAttribute("aria-label", `${this.title}: ${texts.map((text, which) => `${this.series[which]} ${text}`).join(", ")}`);
  }
}
