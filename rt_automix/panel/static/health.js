// How the machine copes: time and faults.

import { byId, element, setText } from "./dom.js";
import { fixed } from "./format.js";

const BUSY = 0.5;

// Each: label, what it says, and whether that is bad.
const FACTS = [
  ["Latency", ({ session }) => `${fixed(session.latency_ms, 2)} ms in to out · ours ${session.engine_latency_samples}`],
  ["Audio", ({ session }) => `${session.sample_rate_hz} Hz · blocks of ${session.timing.block_samples}`],
  ["Block load", ({ session }) => load(session), ({ session }) => session.timing.share > BUSY],
  ["Xruns", ({ session }) => session.timing.xruns, ({ session }) => session.timing.xruns > 0],
  ["Late blocks", ({ session }) => session.timing.late, ({ session }) => session.timing.late > 0],
  ["Suggestion", ({ session }) => `${session.suggester} · ${fixed(session.suggestion_age_s)} s old`],
  ["Dropped analysis", ({ session }) => session.analysis_gaps, ({ session }) => session.analysis_gaps > 0],
  ["Restarts", ({ starts }) => Math.max(starts - 1, 0), ({ starts }) => starts > 1],
  ["Bad samples", ({ session }) => session.meters.faults, ({ session }) => session.meters.faults > 0],
  ["MIDI", ({ session }) => session.midi.ports.join(", ") || "none"],
];

export function mountHealth(store) {
  const rows = FACTS.map(([label, say, isBad = () => false]) => {
    const value = element("dd");
    byId("health").append(element("div", {}, element("dt", { textContent: label }), value));
    return { value, say, isBad };
  });
  store.onDraw((state) => {
    if (!state.session?.meters) return;
    for (const { value, say, isBad } of rows) {
      setText(value, String(say(state)));
      value.classList.toggle("bad", isBad(state));
    }
  });
}

function load({ timing, sample_rate_hz }) {
  const block_us = (1e6 * timing.block_samples) / sample_rate_hz;
  const worst = block_us ? timing.worst_us / block_us : 0;
  return `${fixed(100 * timing.share)} % · worst ${fixed(100 * worst, 0)} %`;
}
