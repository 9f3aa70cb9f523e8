// What happened to gain and loudness in the last while.

import { byId, setText } from "./dom.js";
import { clamp, fixed } from "./format.js";
import { History } from "./history.js";
import { Surface, colour, fillTo, trace } from "./surface.js";

const REDUCTION_S = 20;
const REDUCTION_DB = 12;
const LOUDNESS_S = 600;
const LOUDNESS_EVERY_MS = 500;
const SILENT_LUFS = -70;
const ABOVE_LU = 8;
const BELOW_LU = 16;
const GUTTER = 30;

export function mountGraphs(store) {
  mountReduction(store);
  mountLoudness(store);
}

function mountReduction(store) {
  const surface = new Surface(byId("reduction"), store);
  const history = new History(REDUCTION_S, 40);
  const [quiet, line] = [colour("--quiet"), colour("--grid")];
  const series = [
    { name: "compression_db", colour: colour("--compression"), number: byId("compression") },
    { name: "limiting_db", colour: colour("--limiting"), number: byId("limiting") },
  ];
  store.onState(({ session }) => {
    if (session?.meters) history.add(...series.map(({ name }) => session.meters[name]));
  });
  store.onPast((past) => history.remember(past.ago_s, past.ago_s.map((_, row) => series.map(({ name }) => past[name][row]))));
  store.onDraw(({ session }) => {
    if (!session?.meters) return;
    for (const { name, number } of series) setText(number, `${fixed(-session.meters[name])} dB`);
    const drawn = surface.begin();
    if (drawn === null) return;
    const { ctx, width, height } = drawn;
    const y = (db) => 1 + clamp(db / REDUCTION_DB, 0, 1) * (height - 18);
    levels(ctx, [0, 3, 6, 9, 12], (db) => [y(db), fixed(-db, 0)], width, line, quiet);
    series.forEach(({ colour: ink }, index) => {
      const points = history.points(index).map(([share, db]) => [across(share, width), y(db)]);
      [ctx.fillStyle, ctx.strokeStyle, ctx.lineWidth] = [ink, ink, 2];
      ctx.globalAlpha = 0.22;
      fillTo(ctx, points.filter((point) => !Number.isNaN(point[1])), y(0));
      ctx.globalAlpha = 1;
      trace(ctx, points);
      ctx.stroke();
    });
    times(ctx, [20, 15, 10, 5], REDUCTION_S, (seconds) => `${fixed(-seconds, 0)} s`, width, height, quiet);
  });
}

function mountLoudness(store) {
  const surface = new Surface(byId("history"), store);
  const history = new History(LOUDNESS_S, LOUDNESS_EVERY_MS);
  const [quiet, line, target] = [colour("--quiet"), colour("--grid"), colour("--target")];
  const inks = [colour("--in"), colour("--out")];
  store.onState(({ session }) => {
    if (session?.meters) history.add(heard(session.input_short_term_lufs), heard(session.meters.short_term_lufs));
  });
  store.onPast(({ ago_s, in_lufs, out_lufs }) => {
    history.remember(ago_s, ago_s.map((_, row) => [heard(in_lufs[row]), heard(out_lufs[row])]));
  });
  store.onDraw(({ session }) => {
    const drawn = session?.controls ? surface.begin() : null;
    if (drawn === null) return;
    const { ctx, width, height } = drawn;
    const target_lufs = session.controls.target_lufs;
    const middle = Math.round(target_lufs / 6) * 6;
    const [high, low] = [middle + ABOVE_LU, middle - BELOW_LU];
    const y = (lufs) => 1 + clamp((high - lufs) / (high - low), 0, 1) * (height - 18);
    const marks = [middle + 6, middle, middle - 6, middle - 12];
    levels(ctx, marks, (lufs) => [y(lufs), fixed(lufs, 0)], width, line, quiet);
    inks.forEach((ink, index) => {
      const points = history.points(index).map(([share, lufs]) => [across(share, width), y(lufs)]);
      [ctx.strokeStyle, ctx.lineWidth] = [ink, index === 1 ? 2.5 : 1.5];
      trace(ctx, points);
      ctx.stroke();
    });
    [ctx.strokeStyle, ctx.lineWidth] = [target, 1.5];
    ctx.setLineDash([6, 5]);
    trace(ctx, [[GUTTER, y(target_lufs)], [width, y(target_lufs)]]);
    ctx.stroke();
    ctx.setLineDash([]);
    times(ctx, [600, 420, 240], LOUDNESS_S, (seconds) => `${fixed(-seconds / 60, 0)} min`, width, height, quiet);
  });
}

/** A loudness, or none where there is no sound. */
function heard(lufs) {
  return lufs > SILENT_LUFS ? lufs : NaN;
}

function across(share, width) {
  return GUTTER + Math.max(share, 0) * (width - GUTTER);
}

/** Horizontal lines with their numbers on the left. */
function levels(ctx, values, place, width, line, ink) {
  [ctx.strokeStyle, ctx.fillStyle, ctx.lineWidth] = [line, ink, 1];
  [ctx.textAlign, ctx.textBaseline] = ["right", "middle"];
  for (const value of values) {
    const [y, word] = place(value);
    trace(ctx, [[GUTTER, Math.round(y) + 0.5], [width, Math.round(y) + 0.5]]);
    ctx.stroke();
    ctx.fillText(word, GUTTER - 6, Math.max(y, 6));
  }
}

/** How long ago, along the lower edge. */
function times(ctx, seconds, span_s, word, width, height, ink) {
  ctx.fillStyle = ink;
  [ctx.textAlign, ctx.textBaseline] = ["left", "alphabetic"];
  for (const ago of seconds) ctx.fillText(word(ago), across(1 - ago / span_s, width), height - 2);
  ctx.textAlign = "right";
  ctx.fillText("now", width, height - 2);
}
