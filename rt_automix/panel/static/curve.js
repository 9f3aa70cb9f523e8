// The own curve: a few points, and the smooth line through them, as the engine makes it (rt_automix/owncurve.py; a test compares).

import { clamp } from "./format.js";

/** How far the scale of gains goes over the spectrum, up and down. */
export const GAIN_RANGE_DB = 12;

/** Gain in dB of a curve through points [Hz, dB], in order of frequency, at a frequency. */
export function curveDb(points, frequency_hz) {
  if (points.length === 0) return 0;
  const octaves = points.map(([hz]) => Math.log2(hz));
  octaves.unshift(octaves[0] - 1);
  octaves.push(octaves.at(-1) + 1);
  const gains = [0, ...points.map(([, db]) => db), 0];
  const at = clamp(Math.log2(frequency_hz), octaves[0], octaves.at(-1));
  const k = clamp(octaves.findLastIndex((octave) => octave <= at), 0, gains.length - 2);
  const width = octaves[k + 1] - octaves[k];
  const t = (at - octaves[k]) / width;
  return (
    (1 + 2 * t) * (1 - t) ** 2 * gains[k] +
    t * (1 - t) ** 2 * width * slope(octaves, gains, k) +
    t * t * (3 - 2 * t) * gains[k + 1] +
    t * t * (t - 1) * width * slope(octaves, gains, k + 1)
  );
}

/** Of the line at a point: flat at the ends and where it turns, so that it never overshoots. */
function slope(octaves, gains, k) {
  if (k === 0 || k === gains.length - 1) return 0;
  const [before, after] = [octaves[k] - octaves[k - 1], octaves[k + 1] - octaves[k]];
  const [rise, next] = [(gains[k] - gains[k - 1]) / before, (gains[k + 1] - gains[k]) / after];
  if (rise * next <= 0) return 0;
  const [left, right] = [2 * after + before, after + 2 * before];
  return (left + right) / (left / rise + right / next);
}

/**
 * A curve with one more point, and the place of that point; of a near one where there is no room for another.
 *
 * @param {{low_hz, high_hz, limit_db, points, apart_octaves}} limits as the server tells them
 * @returns {[number[][], number]} place -1: there are too many already
 */
export function withPoint(points, frequency_hz, gain_db, limits) {
  const near = points.findIndex(([hz]) => Math.abs(Math.log2(hz / frequency_hz)) < apart(limits));
  if (near >= 0) return [points, near];
  if (points.length >= limits.points) return [points, -1];
  const place = points.filter(([hz]) => hz < frequency_hz).length;
  return [moved(points.toSpliced(place, 0, [frequency_hz, gain_db]), place, frequency_hz, gain_db, limits), place];
}

/** A curve with a point moved as far as its neighbours and the limits let it. */
export function moved(points, place, frequency_hz, gain_db, limits) {
  const step = 2 ** apart(limits);
  const low_hz = Math.max(limits.low_hz, (points[place - 1]?.[0] ?? 0) * step);
  const high_hz = Math.min(limits.high_hz, (points[place + 1]?.[0] ?? Infinity) / step);
  const point = [clamp(frequency_hz, low_hz, high_hz), clamp(gain_db, -limits.limit_db, limits.limit_db)];
  return points.with(place, point.map((value) => Math.round(10 * value) / 10));
}

/** Where there is most room for another point. */
export function emptiest_hz(points, { low_hz, high_hz }) {
  const edges = [low_hz, ...points.map(([hz]) => hz), high_hz];
  const ratios = edges.slice(1).map((hz, k) => hz / edges[k]);
  const widest = ratios.indexOf(Math.max(...ratios));
  return Math.sqrt(edges[widest] * edges[widest + 1]);
}

/** A little more than the server asks for: frequencies are rounded. */
function apart(limits) {
  return 1.1 * limits.apart_octaves;
}
