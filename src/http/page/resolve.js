// "Try a name": shows the answer and the trace of the decisions that led to it.

import { get } from "./api.js";
import { badge, element, list_of_facts, quiet, show, table } from "./dom.js";
import { duration } from "./format.js";
import { rcode_badge } from "./lists.js";

function milliseconds(value) {
  return duration(value / 1000);
}

function records_of(answer) {
  if (answer.records.length === 0) return quiet("The answer has no records.");
  return table(`Records of the answer for ${answer.name} ${answer.type}`, [
    { title: "Name", cell: (record) => element("span", { class: "code" }, record.name), row_header: true },
    { title: "TTL", cell: (record) => `${record.ttl} s`, number: true },
    { title: "Type", cell: (record) => record.type },
    { title: "Data", cell: (record) => element("span", { class: "code" }, record.data), wide: true },
    { title: "Section", cell: (record) => record.section },
  ], answer.records);
}

/// Shows one event per line, with a bar for the time since the previous event.
function timeline_of(answer) {
  const whole = Math.max(answer.duration_ms, 1e-6);
  let before = 0;
  const lines = answer.trace.map((event) => {
    const bar = element("span", { class: "bar" });
    // The content security policy forbids style attributes. Setting a property of `style` is allowed.
    bar.style.left = `min(${(100 * before) / whole}%, 100% - 3px)`;
    bar.style.width = `${(100 * Math.max(0, event.at_ms - before)) / whole}%`;
    before = event.at_ms;
    return element("li", {},
      element("span", { class: "at" }, milliseconds(event.at_ms)),
      element("span", { class: "track", "aria-hidden": "true" }, bar),
      element("span", { class: "event" }, event.step ? element("span", { class: "step" }, event.step) : "", event.text));
  });
  const lost = answer.events_lost ? [quiet(`${answer.events_lost} more events did not fit.`)] : [];
  return [element("h3", {}, "Decisions"), element("ol", { class: "timeline" }, lines), ...lost];
}

function show_answer(place, answer) {
  const errors = (answer.ede ?? []).map((error) => element("p", { class: "explained" }, badge("warning", `EDE ${error.code}`), " ", error.text));
  const facts = list_of_facts([
    ["Answer", rcode_badge(answer.rcode ?? "none")],
    ["From", answer.source ?? "none"],
    ["Took", milliseconds(answer.duration_ms)],
  ]);
  const timeline = answer.trace?.length ? timeline_of(answer) : [];
  // Replaces everything, since show() does not compare the positions of the bars, which are not attributes.
  place.replaceChildren(facts, ...errors, records_of(answer), ...timeline);
}

function failed(error) {
  if (error.status === 404) return "The admin server of this Pillion has no /api/v1/resolve. Ask in a terminal with `pillion query`.";
  return error.message;
}

export function show_resolve(form, place) {
  let asked = 0;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const mine = ++asked;
    const { name, type } = form.elements;
    place.setAttribute("aria-busy", "true");
    show(place, quiet("Asking …"));
    try {
      const answer = await get("resolve", { name: name.value.trim(), type: type.value.trim() });
      if (mine === asked) show_answer(place, answer);
    } catch (error) {
      if (mine === asked) show(place, quiet(failed(error)));
    } finally {
      if (mine === asked) place.removeAttribute("aria-busy");
    }
  });
}
