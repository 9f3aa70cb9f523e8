// The newest state, and who wants to know: collectors at once, drawers once a frame and only when there is something new.

const OLD_MS = 1500;

export class Store {
  about = null;
  state = null;
  /** The state document as it was told; in `state` the output that was chosen stands in the main one's place. */
  told = null;
  output = "";
  isConnected = false;
  #describers = [];
  #collectors = [];
  #drawers = [];
  #rememberers = [];
  #frame = 0;
  #heardAt = -Infinity;

  /** Called with what the server says of itself, at each connection. */
  onAbout(describer) {
    this.#describers.push(describer);
  }

  /** Called with every state document as it comes. */
  onState(collector) {
    this.#collectors.push(collector);
  }

  /** Called with what was before this page came. */
  onPast(rememberer) {
    this.#rememberers.push(rememberer);
  }

  remember(past) {
    for (const remember of this.#rememberers) remember(past);
  }

  /** Called with the newest state before the next frame, if anything changed. */
  onDraw(drawer) {
    this.#drawers.push(drawer);
  }

  get session() {
    return this.state?.session ?? null;
  }

  /** For how long nothing was heard, if that is worth telling; else 0. */
  get silence_s() {
    const age_ms = performance.now() - this.#heardAt;
    return age_ms > OLD_MS ? age_ms / 1000 : 0;
  }

  describe(about) {
    this.about = about;
    for (const describe of this.#describers) describe(about);
    this.invalidate();
  }

  push(told) {
    if (told !== this.told) this.#heardAt = performance.now();
    this.told = told;
    const chosen = told?.session?.outputs?.find(({ name }) => name === this.output);
    this.state = chosen ? { ...told, session: { ...told.session, ...chosen } } : told;
    for (const collect of this.#collectors) collect(this.state);
    this.invalidate();
  }

  /** Have everything drawn before the next frame. */
  invalidate() {
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#frame = 0;
    if (this.state !== null) for (const draw of this.#drawers) draw(this.state);
  }
}
