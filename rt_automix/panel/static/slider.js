// What makes an element a slider: pointer, wheel and keys move a value; the echo from the server does not fight the hand.

import { clamp } from "./format.js";

const SETTLE_MS = 600;
const KEY_STEPS = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 5, PageDown: -5 };
const FINE = 0.2;

/**
 * @param {HTMLElement} handle
 * @param {{low, high, step, normal}} range `step` of a key or a notch of the wheel; a double click gives `normal`
 * @param {{change, isVertical, keys}} does `change(value)` hears what the hand wants, `isVertical()` how it is laid out,
 *   `keys` are further keys with the values they give
 */
export class Slider {
  #handle;
  #range;
  #does;
  #wanted = null;
  #wantedUntil = 0;
  #pointer = null;
  #seen;

  constructor(handle, range, does) {
    [this.#handle, this.#range, this.#does, this.#seen] = [handle, range, does, range.normal];
    handle.addEventListener("pointerdown", (event) => this.#grab(event));
    handle.addEventListener("pointermove", (event) => this.#drag(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      handle.addEventListener(end, () => this.#release());
    }
    handle.addEventListener("dblclick", () => this.#want(range.normal));
    handle.addEventListener("wheel", (event) => this.#roll(event), { passive: false });
    handle.addEventListener("keydown", (event) => this.#press(event));
  }

  /** What to show: what the hand wants until the server has followed, then what the server says. */
  show(value) {
    this.#seen = value;
    if (this.#wanted === null) return value;
    const isThere = Math.abs(value - this.#wanted) < 1e-6;
    if (this.#pointer === null && (isThere || performance.now() > this.#wantedUntil)) {
      this.#wanted = null;
      return value;
    }
    return this.#wanted;
  }

  get #value() {
    return this.#wanted ?? this.#seen;
  }

  #want(value) {
    const { low, high } = this.#range;
    this.#wanted = clamp(Math.round(value * 1e4) / 1e4, low, high);
    this.#wantedUntil = performance.now() + SETTLE_MS;
    this.#does.change(this.#wanted);
  }

  #grab(event) {
    if (event.button !== 0 || this.#pointer !== null) return;
    this.#handle.setPointerCapture(event.pointerId);
    this.#handle.classList.add("held");
    this.#pointer = { id: event.pointerId, x: event.clientX, y: event.clientY, value: this.#value };
  }

  // Relative to where it was grabbed: a finger that lands beside the thumb must not make the music jump.
  #drag(event) {
    const pointer = this.#pointer;
    if (event.pointerId !== pointer?.id) return;
    const box = this.#handle.getBoundingClientRect();
    const way = this.#does.isVertical()
      ? (pointer.y - event.clientY) / box.height
      : (event.clientX - pointer.x) / box.width;
    const { low, high } = this.#range;
    [pointer.x, pointer.y] = [event.clientX, event.clientY];
    pointer.value += way * (high - low) * (event.shiftKey ? FINE : 1);
    if (way !== 0) this.#want(pointer.value);
  }

  #release() {
    if (this.#pointer === null) return;
    this.#pointer = null;
    this.#wantedUntil = performance.now() + SETTLE_MS;
    this.#handle.classList.remove("held");
  }

  #roll(event) {
    event.preventDefault();
    this.#want(this.#value - Math.sign(event.deltaY) * this.#range.step);
  }

  #press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const { low, high, step } = this.#range;
    const ends = { Home: low, End: high, ...this.#does.keys };
    if (event.key in KEY_STEPS) this.#want(this.#value + KEY_STEPS[event.key] * step);
    else if (event.key in ends) this.#want(ends[event.key]);
    else return;
    event.preventDefault();
  }
}
