// What is heard: bypass, freeze, night, panic, and compare, which is held to listen.

import { byId, setPressed, setText } from "./dom.js";

export function mountListening(store, connection) {
  const ids = ["bypass", "freeze", "night", "compare", "compare-keep", "panic"];
  const [bypass, freeze, night, compare, keep, panic] = ids.map(byId);
  const controls = () => store.session?.controls ?? {};
  const isComparing = () => controls().listen === "compare";

  bypass.addEventListener("click", () => connection.set("bypass", controls().listen !== "bypass"));
  freeze.addEventListener("click", () => connection.set("freeze", !controls().freeze));
  night.addEventListener("click", () => connection.set("night", !controls().night));
  panic.addEventListener("click", () => connection.set("panic", !store.session?.panic));
  keep.addEventListener("click", () => connection.set("compare", !isComparing()));
  holdToListen(compare, isComparing, (on) => connection.set("compare", on));

  store.onDraw(() => {
    const { listen, freeze: isFrozen, night: isNight } = controls();
    setPressed(bypass, listen === "bypass");
    setPressed(compare, listen === "compare");
    setPressed(keep, listen === "compare");
    setPressed(freeze, isFrozen);
    setPressed(night, isNight);
    setPressed(panic, store.session?.panic);
    setText(panic, store.session?.panic ? "Take back" : "Panic");
  });
}

/** On while a pointer or the space bar holds the button; Enter switches it over. */
function holdToListen(button, isOn, listen) {
  let isHeld = false;
  const hold = () => {
    if (!isHeld) listen(true);
    isHeld = true;
  };
  const release = () => {
    if (isHeld) listen(false);
    isHeld = false;
  };
  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    button.setPointerCapture(event.pointerId);
    hold();
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) button.addEventListener(end, release);
  document.addEventListener("visibilitychange", release);
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  button.addEventListener("keydown", (event) => {
    if (event.repeat || (event.key !== " " && event.key !== "Enter")) return;
    event.preventDefault();
    if (event.key === " ") hold();
    else listen(!isOn());
  });
  button.addEventListener("keyup", (event) => {
    if (event.key === " ") release();
  });
}
