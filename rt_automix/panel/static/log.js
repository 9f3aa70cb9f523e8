// What happened, newest first, and for a moment over the page.

import { byId, element } from "./dom.js";

const MOST = 50;
const MOST_TOASTS = 3;
const TOAST_MS = 6000;

export function mountLog() {
  const [list, toasts] = [byId("log"), byId("toasts")];
  const entry = (text, kind, ago_s = 0) => {
    const at = new Date(Date.now() - 1000 * ago_s).toLocaleTimeString([], { hour12: false });
    return element("li", { className: kind }, element("time", { textContent: at }), ` ${text}`);
  };
  return {
    /** What happened before this page came; what it has is among that. */
    remember(events) {
      list.replaceChildren(...events.map(({ text, level, ago_s }) => entry(text, level, ago_s)).reverse());
    },
    /** What was done is only listed: who did it knows. */
    say(text, kind = "info") {
      list.prepend(entry(text, kind));
      while (list.children.length > MOST) list.lastChild.remove();
      if (kind === "done") return;
      const toast = element("p", { className: kind, textContent: text });
      toasts.append(toast);
      if (toasts.children.length > MOST_TOASTS) toasts.firstChild.remove();
      setTimeout(() => toast.remove(), TOAST_MS);
    },
  };
}
