// MIDI learn: choose a control here, then move a knob there.

import { byId, setPressed, setText } from "./dom.js";

export function mountLearn(store, connection) {
  const [button, bar, text, heard] = ["learn", "learn-bar", "learn-text", "learn-heard"].map(byId);
  let isChoosing = false;
  const learning = () => store.state?.learning ?? null;
  const isActive = () => isChoosing || learning() !== null;

  const leave = () => {
    isChoosing = false;
    if (learning() !== null) connection.send({ type: "learn", control: null });
    show();
  };
  const show = () => {
    const waited = learning();
    bar.hidden = !isActive();
    setPressed(button, isActive());
    document.body.classList.toggle("choosing", isChoosing);
    setText(text, waited ? waiting(waited) : `Touch the control that a knob shall move.${there()}`);
    setText(heard, waited ? "" : does());
    for (const control of document.querySelectorAll("[data-learn]")) {
      control.classList.toggle("learning", connection.addressed(control.dataset.learn) === waited);
    }
  };
  /** Whether there is a controller. */
  const there = () => {
    const midi = store.session?.midi;
    if (!midi) return "";
    return midi.ports.length === 0 ? ` There is no controller yet. ${midi.missing}` : ` Listening to ${midi.ports.join(", ")}.`;
  };
  /** What each knob does, and what came last. */
  const does = () => {
    const { map = [], heard: last = "" } = store.session?.midi ?? {};
    const known = map.length ? `Now ${map.map(nameOf).join("; ")}.` : "Nothing is learned yet.";
    return last ? `${known} Last came ${last}.` : known;
  };
  const waiting = (control) => `Waiting for a knob: move the one for ${nameOf(control)}.${there()}`;
  // While a control is chosen, touching it must not move it.
  const choose = (event) => {
    const control = isChoosing ? event.target.closest?.("[data-learn]") : null;
    if (!control) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.type !== "pointerdown" && event.type !== "keydown") return;
    if (event.type === "keydown" && event.key !== "Enter" && event.key !== " ") return;
    isChoosing = false;
    connection.send({ type: "learn", control: connection.addressed(control.dataset.learn) });
    swallowClick();
    show();
  };

  button.addEventListener("click", () => {
    if (isActive()) leave();
    else {
      isChoosing = true;
      show();
    }
  });
  byId("learn-cancel").addEventListener("click", leave);
  for (const type of ["pointerdown", "mousedown", "keydown", "wheel"]) {
    document.addEventListener(type, choose, { capture: true, passive: false });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isActive()) leave();
  });
  store.onDraw(show);
}

/** The click that ends the touch of a choice means nothing more. */
function swallowClick() {
  const swallow = (event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  document.addEventListener("click", swallow, { capture: true, once: true });
  setTimeout(() => document.removeEventListener("click", swallow, { capture: true }), 500);
}

function nameOf(control) {
  return control.replaceAll("_", " ").replace(/ (lufs|db)$/, "");
}
