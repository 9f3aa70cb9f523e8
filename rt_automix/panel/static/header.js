// How the session is, in words; the recording; and whether what is shown is true at all.

import { byId, setAttribute, setPressed, setText } from "./dom.js";
import { baseName, clock, fixed } from "./format.js";

export function mountHeader(store, connection) {
  const [record, word, takeNote] = [byId("record"), byId("record-word"), byId("take")];
  const take = () => store.state?.takes.findLast((one) => one.state === "recording" && one.side === "out");
  record.addEventListener("click", () => connection.send({ type: "record", on: take() === undefined }));

  store.onDraw(({ state, text, session, takes }) => {
    showBadge(store, state);
    const words = (state === "playing" && session?.missed) || text;
    setText(byId("session-text"), words || "One moment: no sound yet.");
    setAttribute(byId("session-text"), "title", words);
    document.body.classList.toggle("silent", state !== "playing");
    if (session?.meters) setText(byId("latency"), `${fixed(session.latency_ms, 2)} ms`);
    const running = take();
    const newest = running ?? takes.find((one) => one.side === "out") ?? takes[0];
    setPressed(record, running !== undefined);
    setText(word, running ? `Stop ${clock(running.seconds)}` : "Record");
    setText(takeNote, newest ? takeWords(newest) : "");
    takeNote.classList.toggle("bad", newest?.state === "failed");
  });
}

/** The state in a word, unless nobody knows it. */
function showBadge(store, state) {
  const word = !store.isConnected ? "no connection" : store.silence_s > 0 ? "no answer" : state;
  setText(byId("session-state"), word);
  setAttribute(byId("session-state"), "data-state", word);
}

function takeWords({ state, path, megabytes, reason, dropped_seconds }) {
  const name = baseName(path);
  if (state === "failed") return `Recording failed: ${name}: ${reason}`;
  const lost = dropped_seconds ? `, ${fixed(dropped_seconds)} s lost` : "";
  return `${state === "recording" ? "To" : "Kept"} ${name}, ${fixed(megabytes)} MB${lost}`;
}

/** Say it plainly when nothing is heard from the server, and grey out what may be old. */
export class Banner {
  #store;
  #reason = "";

  constructor(store) {
    this.#store = store;
  }

  /** The connection ended, or could not begin. */
  lost(reason) {
    this.#reason = reason;
    this.show();
  }

  show() {
    const silence_s = this.#store.silence_s;
    const isOld = !this.#store.isConnected || silence_s > 0;
    const seconds = Number.isFinite(silence_s) && silence_s > 0 ? ` Nothing heard for ${fixed(silence_s, 0)} s.` : "";
    const words = this.#store.isConnected
      ? `The session does not answer.${seconds}`
      : this.#reason || `No connection to rt_automix. Trying again…${seconds}`;
    document.body.classList.toggle("stale", isOld);
    showBadge(this.#store, this.#store.state?.state ?? "starting");
    byId("banner").hidden = !isOld;
    if (isOld) setText(byId("banner"), words);
  }
}
