// Amount, the one control that matters most, and fine tone: shares of the whole, pulled along a bar.

import { byId, setAttribute, setPlace, setText } from "./dom.js";
import { Slider } from "./slider.js";

export function mountFaders(store, connection) {
  mountFader("amount", byId("amount"), byId("amount-value"), store, connection);
  mountFader("fine_tone", byId("fine-tone"), byId("fine-tone-value"), store, connection);
}

function mountFader(control, fader, number, store, connection) {
  const isVertical = () => fader.clientHeight > fader.clientWidth;
  const change = (share) => {
    connection.set(control, share);
    store.invalidate();
  };
  const range = { low: 0, high: 1, step: 0.05, normal: 1 };
  const slider = new Slider(fader, range, { change, isVertical, keys: { Delete: 1 } });

  store.onDraw(() => {
    const controls = store.session?.controls;
    if (!controls) return;
    const share = slider.show(controls[control]);
    const percent = Math.round(100 * share);
    setPlace(fader, "--share", share);
    setText(number, `${percent} %`);
    setAttribute(fader, "aria-valuenow", percent);
    setAttribute(fader, "aria-valuetext", `${percent} %`);
    setAttribute(fader, "aria-orientation", isVertical() ? "vertical" : "horizontal");
    fader.classList.toggle("unheard", controls.listen !== "master");
  });
}
