// The ten parameters: range, suggestion, what is applied, and a trim by hand on top of the suggestion.

import { byId, element, setAttribute, setPlace, setText } from "./dom.js";
import { clamp, fixed, quantity } from "./format.js";
import { Slider } from "./slider.js";

const TRIM_STEPS = 40;

export function mountParameters(store, connection) {
  let rows = [];
  store.onAbout((about) => {
    rows = about.params.map((param) => new Row(param, store, connection));
    byId("params").replaceChildren(...rows.map((row) => row.element));
  });
  store.onDraw(({ session }) => {
    if (!session?.suggested) return;
    for (const row of rows) row.draw(session);
  });
}

class Row {
  #param;
  #parts;
  #slider;

  constructor(param, store, connection) {
    this.#param = param;
    const part = (name) => element("span", { className: `param-${name}` });
    this.#parts = { value: part("value"), bar: part("bar") };
    const { value, bar } = this.#parts;
    bar.append(part("neutral"), part("reach"), part("suggested"), part("applied"));
    const label = element("span", { className: "param-label", textContent: param.label });
    this.handle = element("div", { className: "param", role: "slider", tabIndex: 0 }, label, value, bar);
    this.reset = element("button", { className: "param-reset" });
    this.element = element("div", { className: "param-row" }, this.handle, this.reset);

    const half = (param.high - param.low) / 2;
    const change = (offset) => {
      connection.set(`trim.${param.name}`, offset);
      store.invalidate();
    };
    const range = { low: -half, high: half, step: (2 * half) / TRIM_STEPS, normal: 0 };
    const keys = { Home: 0, End: half, Delete: 0, Backspace: 0 };
    this.#slider = new Slider(this.handle, range, { change, isVertical: () => false, keys });
    this.reset.addEventListener("click", () => change(0));
    this.reset.setAttribute("aria-label", `${param.label}: reset trim`);
    this.handle.setAttribute("aria-label", `${param.label}: trim`);
    this.handle.setAttribute("aria-valuemin", -half);
    this.handle.setAttribute("aria-valuemax", half);
    setPlace(bar, "--neutral", this.#share(param.neutral));
  }

  #share(value) {
    const { low, high } = this.#param;
    return clamp((value - low) / (high - low), 0, 1);
  }

  draw({ suggested, meters, controls }) {
    const { name, unit, neutral } = this.#param;
    const { value, bar } = this.#parts;
    const applied = meters.applied[name];
    const offset = this.#slider.show(controls.trims?.[name] ?? 0);
    const trim = quantity(offset, unit, true);
    const isTrimmed = Math.abs(offset) > 1e-6;
    setPlace(bar, "--suggested", this.#share(suggested[name] + offset));
    setPlace(bar, "--applied", this.#share(applied));
    setPlace(bar, "--from", this.#share(Math.min(applied, neutral)));
    setPlace(bar, "--to", this.#share(Math.max(applied, neutral)));
    setText(value, quantity(applied, unit));
    setText(this.reset, fixed(offset, unit === "dB" ? 1 : 2, true));
    this.reset.disabled = !isTrimmed;
    this.handle.classList.toggle("trimmed", isTrimmed);
    const words = `trim ${trim}, suggested ${quantity(suggested[name], unit)}, applied ${quantity(applied, unit)}`;
    setAttribute(this.handle, "aria-valuenow", offset.toFixed(3));
    setAttribute(this.handle, "aria-valuetext", words);
  }
}
