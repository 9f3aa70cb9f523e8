// Input, output and what the profile aims at, with the applied EQ over them.

import { byId } from "./dom.js";
import { clamp, fixed } from "./format.js";
import { Surface, colour, fillTo, trace } from "./surface.js";

const TOP_DB = -6;
const BOTTOM_DB = -78;
const EQ_DB = 12;
const LEFT = 30;
const RIGHT = 30;
const FOOT = 18;
const FREQUENCIES = [[30, "30"], [100, "100"], [300, "300"], [1000, "1k"], [3000, "3k"], [10000, "10k"]];

export function mountSpectrum(store) {
  const surface = new Surface(byId("spectrum"), store);
  const inks = Object.fromEntries(
    ["in", "out", "profile", "eq", "quiet", "grid"].map((name) => [name, colour(`--${name}`)]),
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
  });
}

class Plot {
  constructor({ ctx, width, height }, bands_hz) {
    this.ctx = ctx;
    this.bands_hz = bands_hz;
    this.right = width - RIGHT;
    this.bottom = height - FOOT;
    this.level = (db) => clamp((TOP_DB - db) / (TOP_DB - BOTTOM_DB), 0, 1) * this.bottom;
    this.gain = (db) => (0.5 - clamp(db / EQ_DB, -1, 1) / 2) * this.bottom;
  }

  x(frequency_hz) {
    const [low, high] = [this.bands_hz[0], this.bands_hz.at(-1)];
    return LEFT + (Math.log(frequency_hz / low) / Math.log(high / low)) * (this.right - LEFT);
  }

  points(values, y) {
    return this.bands_hz.map((frequency_hz, band) => [this.x(frequency_hz), y(values[band])]);
  }

  line(values, y, { ink, width, dash = [] }) {
    [this.ctx.strokeStyle, this.ctx.lineWidth] = [ink, width];
    this.ctx.setLineDash(dash);
    trace(this.ctx, this.points(values, y));
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
