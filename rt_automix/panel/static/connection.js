// The one stream between page and server: comes back by itself, and never sends more than the server wants to hear.

const VERSION = 1;
const SET_EVERY_MS = 20;
const RETRY_MS = [250, 500, 1000, 2000];
// The server says something each second: who hears nothing for so long has lost it, whatever the network believes.
const SILENT_MS = 3000;
const WATCH_MS = 250;
const KEYLESS = "This page has no key to the panel any more. Open the link that the terminal shows once more.";

export class Connection {
  #handlers;
  /** Which of several outputs controls are of; "" is the main one. */
  output = "";
  #socket = null;
  #isOpen = false;
  #heardAt = 0;
  #watchedAt = 0;
  #tries = 0;
  #sentAt = new Map();
  #waiting = new Map();

  /**
   * @param {{about, message, opened, closed}} handlers functions: of what the server says of itself, of each of its
   *   messages, and of the connection's beginning and end (with a reason, where there is one)
   */
  constructor(handlers) {
    this.#handlers = handlers;
    setInterval(() => this.#watch(), WATCH_MS);
    document.addEventListener("visibilitychange", () => this.#watch());
  }

  /** Connect, and again whenever the connection is lost. */
  async open() {
    try {
      const answer = await fetched("api/v1/about");
      if (!answer.ok) {
        this.#again(await reasonOf(answer));
        return;
      }
      this.#handlers.about(await answer.json());
    } catch {
      this.#again();
      return;
    }
    const url = new URL("api/v1/ws", document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#heardAt = performance.now();
    const ifCurrent = (act) => (event) => this.#socket === socket && act(event);
    socket.onopen = ifCurrent(() => {
      this.#tries = 0;
      this.#isOpen = true;
      this.#handlers.opened();
    });
    socket.onmessage = ifCurrent((event) => {
      this.#heardAt = performance.now();
      this.#handlers.message(JSON.parse(event.data));
    });
    socket.onclose = ifCurrent((event) => this.#closed(event.reason));
  }

  /** Let go of a socket on which nothing comes any more: it might take minutes to close. */
  #watch() {
    const now = performance.now();
    // A page that was asleep first hears what has come meanwhile.
    if (now - this.#watchedAt > SILENT_MS / 2) this.#heardAt = Math.max(this.#heardAt, now - SILENT_MS / 2);
    this.#watchedAt = now;
    if (this.#socket === null || now - this.#heardAt < SILENT_MS) return;
    this.#socket.close();
    this.#again();
  }

  /** A refused handshake has no words; a request that asks for them has. */
  async #closed(reason) {
    const wasOpen = this.#isOpen;
    this.#socket = null;
    if (!wasOpen) {
      try {
        reason = await reasonOf(await fetched("api/v1/ws", "POST"));
      } catch {
        // Nobody there: no reason either.
      }
    }
    this.#again(reason);
  }

  #again(reason = "") {
    this.#socket = null;
    this.#isOpen = false;
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
    this.#handlers.closed(reason);
    setTimeout(() => this.open(), RETRY_MS[Math.min(this.#tries++, RETRY_MS.length - 1)]);
  }

  /** A control of the output that was chosen; some are for all. */
  addressed(control) {
    return this.output && !/^(panic|phones|record|preset)/.test(control) ? `output/${this.output}/${control}` : control;
  }

  /** Move a control by steps. */
  nudge(control, steps) {
    this.send({ type: "nudge", control: this.addressed(control), steps });
  }

  /** Send a message now; what is said while there is no connection is lost. */
  send(message) {
    if (this.#isOpen) this.#socket?.send(JSON.stringify({ v: VERSION, ...message }));
  }

  /** Set a control: the newest value at most fifty times a second, the last one always. */
  set(control, value) {
    this.#set(this.addressed(control), value);
  }

  #set(control, value) {
    clearTimeout(this.#waiting.get(control));
    this.#waiting.delete(control);
    const due_ms = (this.#sentAt.get(control) ?? -Infinity) + SET_EVERY_MS - performance.now();
    if (due_ms > 0) {
      this.#waiting.set(control, setTimeout(() => this.#set(control, value), due_ms));
      return;
    }
    this.#sentAt.set(control, performance.now());
    this.send({ type: "set", control, value });
  }
}

function fetched(path, method = "GET") {
  return fetch(path, { method, signal: AbortSignal.timeout(SILENT_MS), cache: "no-store" });
}

/** Why a request was refused, in words; none where it was only no handshake. */
async function reasonOf(answer) {
  if (answer.status === 400) return "";
  if (answer.status === 401) return KEYLESS;
  try {
    return (await answer.json()).error;
  } catch {
    return `The way to rt_automix is closed: a proxy answers ${answer.status} ${answer.statusText}.`;
  }
}
