// The one control that matters most: how much mastering.

import { byId, setAttribute, setPlace, setText } from "./dom.js";
import { Slider } from "./slider.js";

export function mountFader(store, connection) {
  const [fader, number] = [byId("amount"), byId("amount-value")];
  const isVertical = () => fader.clientHeight > fader.clientWidth;
  const change = (amount) => {
    connection.set("amount", amount);
    store.invalidate();
  };
  const range = { low: 0, high: 1, step: 0.05, normal: 1 };
  const slider = new Slider(fader, range, { change, isVertical, keys: { Delete: 1 } });

  store.onDraw(() => {
    const controls = store.session?.controls;
    if (!controls) return;
    const amount = slider.show(controls.amount);
    const percent = Math.round(100 * amount);
    setPlace(fader, "--share", amount);
    setText(number, `${percent} %`);
    setAttribute(fader, "aria-valuenow", percent);
    setAttribute(fader, "aria-valuetext", `${percent} %`);
    setAttribute(fader, "aria-orientation", isVertical() ? "vertical" : "horizontal");
    fader.classList.toggle("unheard", controls.listen !== "master");
  });
}
