// Which of several outputs the page shows and steers, and whether that is heard on the phones; where there is only one,
// there is no choice to make.

import { byId, element, setAttribute, setPressed } from "./dom.js";

export function mountOutputs(store, connection) {
  const [select, phones] = ["output", "phones"].map(byId);
  let shown = "";
  const names = () => (store.session?.outputs ?? []).map(({ name }) => name);
  const heard = () => store.session?.phones ?? null;
  select.addEventListener("change", () => {
    store.output = select.value;
    connection.output = select.value;
    store.push(store.told);
  });
  phones.addEventListener("click", () => {
    // Off is back to the main one: something is always heard.
    const value = heard() === select.value ? names()[0] : select.value;
    connection.send({ type: "set", control: "phones", value });
  });
  store.onDraw(() => {
    const there = names();
    select.hidden = there.length < 2;
    phones.hidden = select.hidden || heard() === null;
    const key = JSON.stringify(there);
    if (key !== shown) {
      shown = key;
      select.replaceChildren(...there.map((name) => element("option", { value: name, textContent: name })));
      if (there.includes(store.output)) select.value = store.output;
    }
    const isOther = there.length > 1 && select.value !== there[0];
    for (const part of document.querySelectorAll("[data-of-main]")) {
      part.inert = isOther;
      setAttribute(part, "title", isOther ? `Of ${there[0]}: choose that output first` : "");
    }
    setPressed(phones, heard() === select.value);
    setAttribute(phones, "title", `Hear this output on the phones; now ${heard()}`);
  });
}
