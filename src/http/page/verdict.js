// Shows the verdict: whether DNS works, and which part is at fault if it does not.

import { badge, element, show } from "./dom.js";

const SEVERITIES = { ok: "All is well", notice: "Notice", warning: "Warning", critical: "Critical" };
const FAULTS = {
  upstream: "It is the upstream’s fault",
  network: "It is the network’s fault",
  clients: "It is the clients’ fault",
  pillion: "It is Pillion’s own fault",
  configuration: "It is the configuration’s fault",
};

const part = (id) => document.getElementById(id);
const shown = { said: "", heard: null };

/// Announces `text` to screen readers if `key` has changed. A new count in the same sentence is not announced.
function say(key, text) {
  if (shown.said === key) return;
  shown.said = key;
  part("announcement").textContent = text;
}

export function show_verdict(verdict) {
  shown.heard = new Date();
  const severity = SEVERITIES[verdict.severity];
  const fault = FAULTS[verdict.fault];
  part("verdict").className = `verdict ${verdict.severity}`;
  part("verdict-severity").textContent = fault ? `${severity} · ${fault}` : severity;
  part("verdict-text").textContent = verdict.text;
  show(part("findings"), ...verdict.findings.slice(1).map((finding) =>
    element("li", {}, badge(finding.severity, SEVERITIES[finding.severity]),
      element("span", {}, finding.text, FAULTS[finding.fault] ? ` ${FAULTS[finding.fault]}.` : ""))));
  document.title = `${verdict.severity === "ok" ? "Well" : severity} – Pillion`;
  const worst = verdict.findings.filter((finding) => finding.severity !== "notice");
  say(worst.map((finding) => finding.code + finding.subject).join() || verdict.code, `${severity}. ${verdict.text} ${fault ? `${fault}.` : ""}`);
}

/// `text` is null if the connection works, "" if Pillion does not answer at all, or else the text of the banner.
export function show_lost(text) {
  const banner = part("connection");
  banner.hidden = text === null;
  document.body.classList.toggle("lost", text === "");
  if (text === null) {
    banner.textContent = "";
    return;
  }
  const since = shown.heard ? ` The figures below are from ${shown.heard.toLocaleTimeString()}.` : "";
  banner.textContent = text || `Connection lost: Pillion’s admin server does not answer.${since} This page keeps trying.`;
  if (text) return;
  document.title = "Connection lost – Pillion";
  say("lost", "Connection lost: Pillion’s admin server does not answer.");
}
