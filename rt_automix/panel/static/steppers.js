// Target, ceiling and output trim: a number between two buttons; arrow keys and the wheel move it, too.

import { element, setAttribute, setText } from "./dom.js";
import { fixed } from "./format.js";

const REPEAT_AFTER_MS = 400;
const REPEAT_EVERY_MS = 90;

export function mountSteppers(store, connection) {
  for (const holder of document.querySelectorAll(".stepper")) mountStepper(holder, store, connection);
}

function mountStepper(holder, store, connection) {
  const { control, unit, label } = holder.dataset;
  const nudge = (steps) => connection.nudge(control, steps);
  const number = element("span", { className: "middle" });
  const value = element("div", { className: "stepper-value", role: "spinbutton", tabIndex: 0 });
  value.append(number);
  value.dataset.learn = control;
  value.setAttribute("aria-label", `${label}, ${unit}`);
  holder.append(element("small", { textContent: `${label}, ${unit}` }));
  holder.append(button("−", `${label} down`, -1, nudge), value, button("+", `${label} up`, 1, nudge));

  value.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 4, PageDown: -4 }[event.key];
    if (steps === undefined) return;
    event.preventDefault();
    nudge(steps);
  });
  value.addEventListener("wheel", (event) => {
    event.preventDefault();
    nudge(-Math.sign(event.deltaY));
  }, { passive: false });

  store.onAbout(({ controls }) => {
    const [low, high] = controls[control] ?? [];
    if (low === undefined) return;
    value.setAttribute("aria-valuemin", low);
    value.setAttribute("aria-valuemax", high);
  });
  store.onDraw(({ session }) => {
    const now = session?.controls?.[control];
    if (now === undefined) return;
    setText(number, fixed(now));
    setAttribute(value, "aria-valuenow", now);
  });
}

/** A button that goes on while it is held. */
function button(sign, label, steps, nudge) {
  const made = element("button", { className: "button", textContent: sign });
  made.setAttribute("aria-label", label);
  let timer = 0;
  const stop = () => clearTimeout(timer);
  const again = () => {
    nudge(steps);
    timer = setTimeout(again, REPEAT_EVERY_MS);
  };
  made.addEventListener("pointerdown", () => {
    timer = setTimeout(again, REPEAT_AFTER_MS);
  });
  for (const end of ["pointerup", "pointerleave", "pointercancel"]) made.addEventListener(end, stop);
  made.addEventListener("click", () => nudge(steps));
  return made;
}
