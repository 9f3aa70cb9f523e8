// Input, output and what the profile aims at; over them what the EQ does, the fine bands' part of it, and the own curve.

import { GAIN_RANGE_DB, curveDb } from "./curve.js";
import { byId } from "./dom.js";
import { Drawing } from "./drawing.js";
import { clamp, fixed } from "./format.js";
import { Surface, colour, fillTo, trace } from "./surface.js";

const TOP_DB = -6;
const BOTTOM_DB = -78;
const [LEFT, RIGHT, FOOT] = [30, 30, 18]; // as in panel.css, where points lie over the plot
const CURVE_POINTS = 160;
const FREQUENCIES = [[30, "30"], [100, "100"], [300, "300"], [1000, "1k"], [3000, "3k"], [10000, "10k"]];

export function mountSpectrum(store, connection, log) {
  const drawing = new Drawing(store, connection, log);
  const surface = new Surface(byId("spectrum"), store);
  const inks = Object.fromEntries(
    ["in", "out", "profile", "eq", "fine", "own", "quiet", "grid"].map((name) => [name, colour(`--${name}`)]),
  );
  store.onDraw(({ scope }) => {
    const drawn = scope && store.about ? surface.begin() : null;
    if (drawn === null) return;
    const plot = new Plot(drawn, store.about.bands_hz);
    plot.grid(inks);
    plot.area(scope.out_db, inks.out);
    plot.line(scope.in_db, plot.level, { ink: inks.in, width: 1.5 });
    plot.line(scope.out_db, plot.level, { ink: inks.out, width: 2.5 });
    if (scope.profile_db) plot.line(scope.profile_db, plot.level, { ink: inks.profile, width: 2, dash: [7, 5] });
    plot.line(scope.eq_db, plot.gain, { ink: inks.eq, width: 3 });
    if (scope.fine_db.some((db) => db !== 0)) plot.line(scope.fine_db, plot.gain, { ink: inks.fine, width: 1.25 });
    const own = drawing.curve;
    if (own.length > 0) plot.curve((hz) => curveDb(own, hz), { ink: inks.own, width: 2, dash: [2, 4] });
  });
}

class Plot {
  constructor({ ctx, width, height }, bands_hz) {
    this.ctx = ctx;
    this.bands_hz = bands_hz;
    this.right = width - RIGHT;
    this.bottom = height - FOOT;
    this.level = (db) => clamp((TOP_DB - db) / (TOP_DB - BOTTOM_DB), 0, 1) * this.bottom;
    this.gain = (db) => (0.5 - clamp(db / GAIN_RANGE_DB, -1, 1) / 2) * this.bottom;
  }

  x(frequency_hz) {
    const [low, high] = [this.bands_hz[0], this.bands_hz.at(-1)];
    return LEFT + (Math.log(frequency_hz / low) / Math.log(high / low)) * (this.right - LEFT);
  }

  points(values, y) {
    return this.bands_hz.map((frequency_hz, band) => [this.x(frequency_hz), y(values[band])]);
  }

  line(values, y, style) {
    this.stroke(this.points(values, y), style);
  }

  /** A curve of gains, given as a function of frequency. */
  curve(gain_db, style) {
    const [low, high] = [this.bands_hz[0], this.bands_hz.at(-1)];
    const frequencies_hz = Array.from({ length: CURVE_POINTS + 1 }, (_, k) => low * (high / low) ** (k / CURVE_POINTS));
    this.stroke(frequencies_hz.map((hz) => [this.x(hz), this.gain(gain_db(hz))]), style);
  }

  stroke(points, { ink, width, dash = [] }) {
    [this.ctx.strokeStyle, this.ctx.lineWidth] = [ink, width];
    this.ctx.setLineDash(dash);
    trace(this.ctx, points);
    this.ctx.stroke();
    this.ctx.setLineDash([]);
  }

  area(values, ink) {
    const shade = this.ctx.createLinearGradient(0, 0, 0, this.bottom);
    shade.addColorStop(0, `${ink}66`);
    shade.addColorStop(1, `${ink}0a`);
    this.ctx.fillStyle = shade;
    fillTo(this.ctx, this.points(values, this.level), this.bottom);
  }

  grid({ quiet, grid, eq }) {
    const { ctx } = this;
    const middle = this.gain(0);
    [ctx.strokeStyle, ctx.fillStyle, ctx.lineWidth] = [grid, quiet, 1];
    [ctx.textAlign, ctx.textBaseline] = ["center", "alphabetic"];
    for (const [frequency_hz, word] of FREQUENCIES) {
      const x = Math.round(this.x(frequency_hz)) + 0.5;
      trace(ctx, [[x, 0], [x, this.bottom]]);
      ctx.stroke();
      ctx.fillText(word, x, this.bottom + FOOT - 3);
    }
    [ctx.textAlign, ctx.textBaseline] = ["right", "middle"];
    for (let db = -18; db > BOTTOM_DB; db -= 18) ctx.fillText(fixed(db, 0), LEFT - 6, this.level(db));
    [ctx.textAlign, ctx.fillStyle] = ["left", eq];
    for (const db of [6, 0, -6]) ctx.fillText(fixed(db, 0, true), this.right + 6, this.gain(db));
    trace(ctx, [[LEFT, middle], [this.right, middle]]);
    ctx.stroke();
  }
}
