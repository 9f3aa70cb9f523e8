// Amount, the one control that matters most, fine tone, boldness and style: shares of the whole, pulled along a bar.

import { byId, setAttribute, setPlace, setText } from "./dom.js";
import { Slider } from "./slider.js";

export function mountFaders(store, connection) {
  mountFader("amount", byId("amount"), byId("amount-value"), store, connection);
  mountFader("fine_tone", byId("fine-tone"), byId("fine-tone-value"), store, connection);
  mountFader("boldness", byId("boldness"), byId("boldness-value"), store, connection, 0.5);
  mountFader("style_strength", byId("style-strength"), byId("style-strength-value"), store, connection, 0.5);
}

function mountFader(control, fader, number, store, connection, normal = 1) {
  const isVertical = () => fader.clientHeight > fader.clientWidth;
  const change = (share) => {
    connection.set(control, share);
    store.invalidate();
  };
  const range = { low: 0, high: 1, step: 0.05, normal };
  const slider = new Slider(fader, range, { change, isVertical, keys: { Delete: normal } });

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
