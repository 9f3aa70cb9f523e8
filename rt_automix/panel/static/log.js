// What happened, newest first, and for a moment over the page.

import { byId, element } from "./dom.js";

const MOST = 50;
const MOST_TOASTS = 3;
const TOAST_MS = 6000;

export function mountLog() {
  const [list, toasts] = [byId("log"), byId("toasts")];
  return {
    say(text, kind = "info") {
      const at = new Date().toLocaleTimeString([], { hour12: false });
      list.prepend(element("li", { className: kind }, element("time", { textContent: at }), ` ${text}`));
      while (list.children.length > MOST) list.lastChild.remove();
      const toast = element("p", { className: kind, textContent: text });
      toasts.append(toast);
      if (toasts.children.length > MOST_TOASTS) toasts.firstChild.remove();
      setTimeout(() => toast.remove(), TOAST_MS);
    },
  };
}
