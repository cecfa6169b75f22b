// Formats figures for people. Pure.

const NONE = "–";

function rounded(value, digits) {
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

/// Three significant digits, such as "1.25", "12.5", "125".
function three_digits(value) {
  return rounded(value, value < 10 ? 2 : value < 100 ? 1 : 0);
}

export function count(value) {
  return value === null ? NONE : rounded(value, 0);
}

/// "1 query", "2 queries".
export function counted(value, one, many) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function rate(value) {
  return value === null ? NONE : `${value > 0 && value < 0.1 ? "< 0.1" : rounded(value, value < 10 ? 1 : 0)}/s`;
}

export function percent(part) {
  if (part === null) return NONE;
  // 99.96 % must not be shown as 100 %.
  return `${rounded(part < 1 ? Math.min(part * 100, 99.9) : 100, 1)} %`;
}

/// A measured duration; `seconds` becomes text with three significant digits.
export function duration(seconds) {
  if (seconds === null) return NONE;
  if (seconds < 0.001) return `${three_digits(seconds * 1e6)} µs`;
  if (seconds < 1) return `${three_digits(seconds * 1e3)} ms`;
  return `${three_digits(seconds)} s`;
}

/// A long duration in its largest unit only; the argument is in seconds.
export function span(seconds) {
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= 2 * length) return `${Math.floor(seconds / length)} ${unit}`;
  }
  return `${Math.max(0, Math.round(seconds))} s`;
}

export function ago(seconds) {
  return seconds < 2 ? "just now" : `${span(seconds)} ago`;
}

export function bytes(value) {
  for (const [unit, size] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
    if (value >= size) return `${three_digits(value / size)} ${unit}`;
  }
  return `${value} B`;
}

/// Formats reasons with their counts, the most frequent first: "not utf-8: 12, short header: 3".
export function reasons(counts) {
  const sorted = Object.entries(counts).sort((one, other) => other[1] - one[1]);
  return sorted.map(([reason, number]) => `${reason.replaceAll("_", " ")}: ${count(number)}`).join(", ");
}
