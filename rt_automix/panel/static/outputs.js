// Which of several outputs the page shows and steers; where there is only one, there is no choice to make.

import { byId, element } from "./dom.js";

export function mountOutputs(store, connection) {
  const select = byId("output");
  let shown = "";
  select.addEventListener("change", () => {
    store.output = select.value;
    connection.output = select.value;
    store.push(store.told);
  });
  store.onDraw(({ session }) => {
    const names = (session?.outputs ?? []).map(({ name }) => name);
    select.hidden = names.length < 2;
    const key = JSON.stringify(names);
    if (key === shown) return;
    shown = key;
    select.replaceChildren(...names.map((name) => element("option", { value: name, textContent: name })));
    if (names.includes(store.output)) select.value = store.output;
  });
}
