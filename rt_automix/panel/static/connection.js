// The one stream between page and server: comes back by itself, and never sends more than the server wants to hear.

const VERSION = 1;
const SET_EVERY_MS = 20;
const RETRY_MS = [250, 500, 1000, 2000];

export class Connection {
  #handlers;
  #socket = null;
  #tries = 0;
  #sentAt = new Map();
  #waiting = new Map();

  /**
   * @param {{about, message, opened, closed}} handlers functions: of what the server says of itself, of each of its
   *   messages, and of the connection's beginning and end (with a reason, where there is one)
   */
  constructor(handlers) {
    this.#handlers = handlers;
  }

  /** Connect, and again whenever the connection is lost. */
  async open() {
    try {
      const answer = await fetch("api/v1/about");
      if (answer.status === 401 || answer.status === 403) {
        this.#again("This page has no key to the panel any more. Open the link that the terminal shows once more.");
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
    socket.onopen = () => {
      this.#tries = 0;
      this.#socket = socket;
      this.#handlers.opened();
    };
    socket.onmessage = (event) => this.#handlers.message(JSON.parse(event.data));
    socket.onclose = (event) => this.#again(event.reason);
  }

  #again(reason = "") {
    this.#socket = null;
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
    this.#handlers.closed(reason);
    setTimeout(() => this.open(), RETRY_MS[Math.min(this.#tries++, RETRY_MS.length - 1)]);
  }

  /** Send a message now; what is said while there is no connection is lost. */
  send(message) {
    this.#socket?.send(JSON.stringify({ v: VERSION, ...message }));
  }

  /** Set a control: the newest value at most fifty times a second, the last one always. */
  set(control, value) {
    clearTimeout(this.#waiting.get(control));
    this.#waiting.delete(control);
    const due_ms = (this.#sentAt.get(control) ?? -Infinity) + SET_EVERY_MS - performance.now();
    if (due_ms > 0) {
      this.#waiting.set(control, setTimeout(() => this.set(control, value), due_ms));
      return;
    }
    this.#sentAt.set(control, performance.now());
    this.send({ type: "set", control, value });
  }
}
