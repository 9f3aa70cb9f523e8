// Drawing the own curve on the spectrum: a click adds a point, pulling or arrow keys move it, a double click or Delete removes it.

import { GAIN_RANGE_DB, curveDb, emptiest_hz, moved, withPoint } from "./curve.js";
import { byId, element, setAttribute, setPlace } from "./dom.js";
import { fixed } from "./format.js";

const SETTLE_MS = 600;
const TWICE_MS = 400;
const KEYS = {
  ArrowUp: [0, 0.5], ArrowDown: [0, -0.5], PageUp: [0, 2], PageDown: [0, -2],
  ArrowRight: [1 / 12, 0], ArrowLeft: [-1 / 12, 0],
};
const FINE = 0.2;

/** Points by hand over the spectrum. `curve()` gives what the spectrum draws: what the hand wants until the server has it. */
export class Drawing {
  #store;
  #connection;
  #log;
  #area = byId("curve");
  #reset = byId("curve-reset");
  #handles = [];
  #wanted = null;
  #wantedUntil = 0;
  #held = null;
  #tapped = { place: -1, at: -Infinity };

  constructor(store, connection, log) {
    [this.#store, this.#connection, this.#log] = [store, connection, log];
    this.#area.addEventListener("pointerdown", (event) => this.#press(event));
    this.#area.addEventListener("pointermove", (event) => this.#pull(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      this.#area.addEventListener(end, (event) => this.#release(event));
    }
    this.#area.addEventListener("click", (event) => this.#tap(event));
    this.#reset.addEventListener("click", () => this.#want([]));
    byId("curve-add").addEventListener("click", () => {
      const hz = emptiest_hz(this.curve, this.#limits);
      this.#add(hz, curveDb(this.curve, hz));
    });
    store.onDraw(() => this.#draw());
  }

  /** Points [Hz, dB] in order of frequency. */
  get curve() {
    const said = (this.#store.session?.controls?.curve ?? []).toSorted(([one], [other]) => one - other);
    if (this.#wanted === null) return said;
    const isThere = JSON.stringify(said) === JSON.stringify(this.#wanted);
    if (this.#held === null && (isThere || performance.now() > this.#wantedUntil)) {
      this.#wanted = null;
      return said;
    }
    return this.#wanted;
  }

  get #limits() {
    const { curve, bands_hz } = this.#store.about;
    return { ...curve, low_hz: bands_hz[0], high_hz: bands_hz.at(-1) }; // no further than what is drawn
  }

  #want(points) {
    this.#wanted = points;
    this.#wantedUntil = performance.now() + SETTLE_MS;
    this.#connection.set("curve", points);
    this.#store.invalidate();
  }

  /** Add a point; its place, -1 if there is none to be had. */
  #add(frequency_hz, gain_db) {
    const before = this.curve;
    const [points, place] = withPoint(before, frequency_hz, gain_db, this.#limits);
    if (place < 0) this.#log.say(`${points.length} points are the most. Remove one first.`, "warning");
    else if (points !== before) this.#want(points);
    if (place >= 0) {
      this.#draw();
      this.#handles[place].focus({ preventScroll: true });
    }
    return place;
  }

  #remove(place) {
    this.#held = null;
    this.#want(this.curve.toSpliced(place, 1));
    this.#draw();
    (this.#handles[Math.min(place, this.#handles.length - 1)] ?? byId("curve-add")).focus({ preventScroll: true });
  }

  // The pointer: a mouse or a pen draws at once; a finger may want to scroll, so only its tap counts -------

  #at(event) {
    const box = this.#area.getBoundingClientRect();
    const { low_hz, high_hz } = this.#limits;
    const [across, down] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    return [low_hz * (high_hz / low_hz) ** across, GAIN_RANGE_DB * (1 - 2 * down)];
  }

  #press(event) {
    if (event.button !== 0 || this.#held !== null || !this.#store.about) return;
    const place = this.#handles.indexOf(event.target);
    if (place >= 0) this.#grab(event, place);
    else if (event.pointerType !== "touch") {
      const count = this.curve.length;
      const added = this.#add(...this.#at(event));
      if (added >= 0) this.#grab(event, added, this.curve.length > count);
    }
    this.#tapped.isFinger = event.pointerType === "touch" && place < 0;
  }

  #tap(event) {
    if (this.#tapped.isFinger && this.#store.about) this.#add(...this.#at(event));
    this.#tapped.isFinger = false;
  }

  #grab(event, place, isNew = false) {
    event.preventDefault(); // else the plot would take the focus from the point
    const { place: before, at } = this.#tapped;
    if (place === before && event.timeStamp - at < TWICE_MS) {
      this.#tapped = { place: -1, at: -Infinity };
      this.#remove(place);
      return;
    }
    this.#area.setPointerCapture(event.pointerId);
    this.#handles[place].focus({ preventScroll: true });
    this.#handles[place].classList.add("held");
    const [pointed_hz, pointed_db] = this.#at(event);
    const [hz, db] = this.curve[place];
    this.#held = { id: event.pointerId, place, isNew, hasMoved: false, ratio: hz / pointed_hz, offset_db: db - pointed_db };
  }

  // Relative to where it was grabbed: a finger that lands beside the point must not make the music jump.
  #pull(event) {
    const held = this.#held;
    if (event.pointerId !== held?.id) return;
    const [hz, db] = this.#at(event);
    const points = moved(this.curve, held.place, hz * held.ratio, db + held.offset_db, this.#limits);
    if (JSON.stringify(points) === JSON.stringify(this.curve)) return;
    held.hasMoved = true;
    this.#want(points);
  }

  #release(event) {
    const held = this.#held;
    if (event.pointerId !== held?.id) return;
    this.#held = null;
    this.#wantedUntil = performance.now() + SETTLE_MS;
    for (const handle of this.#handles) handle.classList.remove("held");
    // Who double clicks where there is no point wants one.
    const isTap = !held.hasMoved && !held.isNew;
    this.#tapped = { place: isTap ? held.place : -1, at: event.timeStamp };
  }

  // The points as elements, each with a place in the order of the keyboard ---------------------------------

  #key(event, place) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Delete" || event.key === "Backspace") this.#remove(place);
    else if (event.key in KEYS) {
      const [octaves, db] = KEYS[event.key].map((step) => step * (event.shiftKey ? FINE : 1));
      const [hz, now_db] = this.curve[place];
      this.#want(moved(this.curve, place, hz * 2 ** octaves, now_db + db, this.#limits));
    } else return;
    event.preventDefault();
  }

  #handle(place) {
    const { limit_db } = this.#limits;
    const made = element("div", { className: "curve-point", role: "slider", tabIndex: 0 });
    made.setAttribute("aria-valuemin", -limit_db);
    made.setAttribute("aria-valuemax", limit_db);
    made.setAttribute("aria-orientation", "vertical");
    made.setAttribute("aria-label", `Own curve, point ${place + 1}`);
    made.addEventListener("keydown", (event) => this.#key(event, place));
    return made;
  }

  #draw() {
    if (!this.#store.about) return;
    const points = this.curve;
    while (this.#handles.length > points.length) this.#handles.pop().remove();
    while (this.#handles.length < points.length) {
      this.#handles.push(this.#handle(this.#handles.length));
      this.#area.append(this.#handles.at(-1));
    }
    const { low_hz, high_hz } = this.#limits;
    points.forEach(([hz, db], place) => {
      const handle = this.#handles[place];
      setPlace(handle, "--across", Math.log(hz / low_hz) / Math.log(high_hz / low_hz));
      setPlace(handle, "--down", 0.5 - db / GAIN_RANGE_DB / 2);
      setAttribute(handle, "aria-valuenow", db);
      setAttribute(handle, "aria-valuetext", `${frequency(hz)}, ${fixed(db, 1, true)} dB`);
      setAttribute(handle, "title", `${frequency(hz)}, ${fixed(db, 1, true)} dB`);
    });
    this.#reset.disabled = points.length === 0;
  }
}

/** A frequency as people say it. */
function frequency(hz) {
  return hz < 1000 ? `${fixed(hz, 0)} Hz` : `${fixed(hz / 1000)} kHz`;
}
