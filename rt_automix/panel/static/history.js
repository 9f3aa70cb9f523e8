// What was, for the graphs: a few numbers with their time, the oldest forgotten.

export class History {
  #span_ms;
  #every_ms;
  #entries = [];

  constructor(span_s, every_ms) {
    [this.#span_ms, this.#every_ms] = [span_s * 1000, every_ms];
  }

  /** Keep the values unless others came just before. */
  add(...values) {
    const now = performance.now();
    const newest = this.#entries.at(-1);
    if (newest && now - newest.at < this.#every_ms) return;
    // A gap, such as a lost connection, is not bridged by a line.
    if (newest && now - newest.at > 5 * this.#every_ms + 1000) {
      this.#entries.push({ at: newest.at + 1, values: values.map(() => NaN) });
    }
    this.#entries.push({ at: now, values });
    const first = this.#entries.findIndex((entry) => now - entry.at <= this.#span_ms);
    this.#entries.splice(0, Math.max(first - 1, 0));
  }

  /** Take in what was before there was anything here: rows of values, each so many seconds ago. */
  remember(ago_s, rows) {
    const now = performance.now();
    const before = this.#entries[0]?.at ?? Infinity;
    const old = ago_s.map((seconds, index) => ({ at: now - 1000 * seconds, values: rows[index] }));
    this.#entries.unshift(...old.filter(({ at }) => at < before && now - at <= this.#span_ms));
  }

  /** Points [share of the span from the left, value] of one of the series; now is the right edge. */
  points(series) {
    const now = performance.now();
    return this.#entries.map(({ at, values }) => [1 - (now - at) / this.#span_ms, values[series]]);
  }
}
