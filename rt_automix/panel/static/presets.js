// Settings under a name: save, recall, delete, export, import.

import { byId, element } from "./dom.js";

const SURE_MS = 3000;

export function mountPresets(store, connection, log) {
  const [list, none, name] = [byId("preset-list"), byId("preset-none"), byId("preset-name")];
  const act = (what, preset) => connection.send({ type: "preset", do: what, name: preset });
  let shown = "";

  store.onDraw(({ presets }) => {
    const key = JSON.stringify(presets);
    if (key === shown) return;
    shown = key;
    none.hidden = presets.length > 0;
    list.replaceChildren(...presets.map((preset) => entry(preset, act)));
  });
  byId("preset-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const wanted = name.value.trim();
    if (wanted === "") return;
    act("save", wanted);
    name.value = "";
  });

  const chooser = byId("preset-file");
  byId("preset-import").addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", async () => {
    const [file] = chooser.files;
    if (file) await importFile(file, log);
    chooser.value = "";
  });
}

async function importFile(file, log) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch("api/v1/presets/import", { method: "POST", headers, body: file });
  const said = await answer.json().catch(() => ({}));
  log.say(answer.ok ? `Presets of ${file.name} are here.` : (said.error ?? `${file.name} was refused.`), answer.ok ? "info" : "warning");
}

function entry(preset, act) {
  const recall = element("button", { className: "button recall", textContent: preset });
  recall.setAttribute("aria-label", `Recall ${preset}`);
  recall.dataset.learn = `preset/${preset}`;
  recall.addEventListener("click", () => act("recall", preset));
  const remove = element("button", { className: "button remove", textContent: "×" });
  remove.setAttribute("aria-label", `Delete ${preset}`);
  let isSure = false;
  remove.addEventListener("click", () => {
    if (isSure) {
      act("delete", preset);
      return;
    }
    isSure = true;
    remove.textContent = "Delete?";
    setTimeout(() => {
      isSure = false;
      remove.textContent = "×";
    }, SURE_MS);
  });
  return element("li", {}, recall, remove);
}
