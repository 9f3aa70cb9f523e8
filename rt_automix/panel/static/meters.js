// Levels and loudness as bars and numbers; peaks are held.

import { byId, setAttribute, setText } from "./dom.js";
import { clamp, clock, fixed, level } from "./format.js";
import { Surface, colour } from "./surface.js";

const BOTTOM_DB = -48;
const HOLD_MS = 2000;
const HOT_DBFS = -0.3;
const OVER_DB = 0.05;
const LOUDEST_LUFS = -3;
const LOWEST_WIDTH_DB = -36;
const HIGHEST_WIDTH_DB = 6;

/** The highest value of the last two seconds. */
class Hold {
  #value = -Infinity;
  #until = 0;

  follow(value) {
    const now = performance.now();
    if (value >= this.#value || now > this.#until) [this.#value, this.#until] = [value, now + HOLD_MS];
    return this.#value;
  }
}

export function mountMeters(store, connection) {
  byId("programme-restart").addEventListener("click", () => connection.send({ type: "programme", do: "restart" }));
  const input = new PeakRow(store, "in");
  const output = new PeakRow(store, "out");
  const loudness = new Surface(byId("bar-loudness"), store);
  const image = [new Surface(byId("bar-correlation"), store), new Surface(byId("bar-width"), store)];
  const inks = { out: colour("--out"), target: colour("--target"), rail: colour("--rail"), text: colour("--text") };

  store.onState(({ session, scope }) => {
    if (!session?.meters) return;
    input.follow(session.meters.in_peak_dbfs, scope?.clips_in ?? 0, HOT_DBFS);
    output.follow(session.meters.out_true_peak_dbtp, scope?.clips_out ?? 0, session.controls.ceiling_dbtp + OVER_DB);
  });
  store.onDraw(({ session, scope, programme }) => {
    if (!session?.meters) return;
    const { meters, controls } = session;
    input.draw();
    output.draw(controls.ceiling_dbtp);
    numbers(meters, controls, session.input_short_term_lufs);
    programmeNumbers(programme[store.output] ?? Object.values(programme)[0], controls);
    loudnessBar(loudness.begin(), meters, controls.target_lufs, inks);
    if (scope) stereo(image, scope, inks);
  });
}

class PeakRow {
  #surface;
  #elements;
  #hold = new Hold();
  #now = -Infinity;
  #held = -Infinity;
  #inks = ["--rail", "--out", "--warn", "--alarm", "--text"].map(colour);

  constructor(store, side) {
    this.#surface = new Surface(byId(`bar-${side}`), store);
    this.#elements = { peak: byId(`peak-${side}`), clips: byId(`clips-${side}`) };
  }

  follow(peak_db, clips, alarm_db) {
    [this.#now, this.#held] = [peak_db, this.#hold.follow(peak_db)];
    const { peak, clips: count } = this.#elements;
    setText(peak, level(this.#held));
    setText(count, `${clips} ${clips === 1 ? "clip" : "clips"}`);
    count.classList.toggle("bad", clips > 0);
    peak.classList.toggle("bad", this.#held > alarm_db);
  }

  draw(mark_db = null) {
    const drawn = this.#surface.begin();
    if (drawn === null) return;
    const { ctx, width, height } = drawn;
    const [rail, calm, warm, hot, text] = this.#inks;
    const x = (db) => clamp(1 - db / BOTTOM_DB, 0, 1) * width;
    ctx.fillStyle = rail;
    ctx.fillRect(0, 0, width, height);
    const shade = ctx.createLinearGradient(0, 0, width, 0);
    for (const [db, ink] of [[BOTTOM_DB, calm], [-12, calm], [-5, warm], [-1, warm], [-0.5, hot], [0, hot]]) {
      shade.addColorStop(x(db) / width, ink);
    }
    ctx.fillStyle = shade;
    ctx.fillRect(0, 0, x(this.#now), height);
    ctx.fillStyle = rail;
    for (let db = BOTTOM_DB + 6; db < 0; db += 6) ctx.fillRect(Math.round(x(db)), 0, 1, height);
    ctx.fillStyle = text;
    if (this.#held > BOTTOM_DB) ctx.fillRect(clamp(x(this.#held) - 1, 0, width - 3), 0, 3, height);
    if (mark_db !== null) marker(ctx, x(mark_db), height, hot);
  }
}

function marker(ctx, x, height, ink) {
  ctx.fillStyle = ink;
  ctx.fillRect(x - 1, 0, 2, height);
  ctx.beginPath();
  ctx.moveTo(x - 6, 0);
  ctx.lineTo(x + 6, 0);
  ctx.lineTo(x, 7);
  ctx.fill();
}

function numbers(meters, controls, input_lufs) {
  setText(byId("short-term"), level(meters.short_term_lufs));
  setText(byId("momentary"), level(meters.momentary_lufs));
  setText(byId("input-short-term"), level(input_lufs ?? -Infinity));
  setText(byId("gain"), fixed(meters.gain_db, 1, true));
  const off_lu = meters.short_term_lufs - controls.target_lufs;
  setText(byId("to-target"), off_lu > -60 ? fixed(off_lu, 1, true) : "–");
}

/** What the programme measures since somebody wanted it measured anew. */
function programmeNumbers(programme, controls) {
  setText(byId("integrated"), level(programme?.integrated_lufs ?? -Infinity));
  setText(byId("range"), programme ? fixed(programme.loudness_range_lu) : "–");
  setText(byId("peak-max"), level(programme?.true_peak_dbtp ?? -Infinity));
  byId("peak-max").classList.toggle("bad", programme?.true_peak_dbtp > controls.ceiling_dbtp + OVER_DB);
  setText(byId("programme-time"), clock(programme?.seconds ?? 0));
}

function loudnessBar(drawn, meters, target_lufs, inks) {
  if (drawn === null) return;
  const { ctx, width, height } = drawn;
  const x = (lufs) => clamp((lufs - BOTTOM_DB) / (LOUDEST_LUFS - BOTTOM_DB), 0, 1) * width;
  ctx.fillStyle = inks.rail;
  ctx.fillRect(0, 0, width, height);
  ctx.fillStyle = inks.out;
  ctx.globalAlpha = 0.35;
  ctx.fillRect(0, 0, x(meters.momentary_lufs), height);
  ctx.globalAlpha = 1;
  ctx.fillRect(0, height * 0.25, x(meters.short_term_lufs), height * 0.5);
  marker(ctx, x(target_lufs), height, inks.target);
}

function stereo([correlationBar, widthBar], { correlation, width_db }, inks) {
  setText(byId("correlation"), fixed(correlation, 2, true));
  setText(byId("width"), `${level(width_db)} dB`);
  setAttribute(byId("correlation"), "class", correlation < 0 ? "bad" : "");
  pointer(correlationBar.begin(), (correlation + 1) / 2, 0.5, inks);
  const range = HIGHEST_WIDTH_DB - LOWEST_WIDTH_DB;
  pointer(widthBar.begin(), (width_db - LOWEST_WIDTH_DB) / range, -LOWEST_WIDTH_DB / range, inks);
}

/** A mark on a rail, with a line where it means something in particular. */
function pointer(drawn, share, special, inks) {
  if (drawn === null) return;
  const { ctx, width, height } = drawn;
  ctx.fillStyle = inks.rail;
  ctx.fillRect(0, 0, width, height);
  ctx.fillStyle = inks.target;
  ctx.fillRect(special * width, 0, 1, height);
  ctx.fillStyle = inks.text;
  if (Number.isFinite(share)) ctx.fillRect(clamp(share * width - 3, 0, width - 6), 0, 6, height);
}
