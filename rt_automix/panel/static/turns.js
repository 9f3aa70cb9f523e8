// Taking back, doing again, and two settings side by side.

import { byId, setAttribute, setPressed } from "./dom.js";

export function mountTurns(store, connection) {
  const [undo, redo, copy] = ["undo", "redo", "slot-copy"].map(byId);
  const slots = { A: byId("slot-a"), B: byId("slot-b") };
  undo.addEventListener("click", () => connection.send({ type: "history", do: "undo" }));
  redo.addEventListener("click", () => connection.send({ type: "history", do: "redo" }));
  copy.addEventListener("click", () => connection.send({ type: "settings", do: "copy" }));
  for (const [name, button] of Object.entries(slots)) {
    button.addEventListener("click", () => {
      if (store.state?.changes.slot !== name) connection.send({ type: "settings", do: "swap" });
    });
  }
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || event.target.matches("input")) return;
    event.preventDefault();
    (event.shiftKey ? redo : undo).click();
  });
  store.onDraw(({ changes }) => {
    [undo.disabled, redo.disabled] = [changes.undo === null, changes.redo === null];
    setAttribute(undo, "title", changes.undo ? `Take back: ${changes.undo}` : "Nothing to take back");
    setAttribute(redo, "title", changes.redo ? `Do again: ${changes.redo}` : "Nothing to do again");
    for (const [name, button] of Object.entries(slots)) setPressed(button, changes.slot === name);
  });
}
