// A canvas as sharp as the screen, drawn on only while it can be seen.

/** A colour of the style sheet. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export class Surface {
  #canvas;
  #context;
  #isVisible = true;
  #width = 0;
  #height = 0;

  constructor(canvas, store) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    new ResizeObserver(([entry]) => {
      ({ width: this.#width, height: this.#height } = entry.contentRect);
      store.invalidate();
    }).observe(canvas);
    new IntersectionObserver(([entry]) => {
      this.#isVisible = entry.isIntersecting;
      if (this.#isVisible) store.invalidate();
    }).observe(canvas);
  }

  /** An empty canvas in CSS pixels: {ctx, width, height}; null while nobody sees it. */
  begin() {
    const [width, height] = [this.#width, this.#height];
    if (!this.#isVisible || width < 1 || height < 1) return null;
    const scale = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
    if (this.#canvas.width !== wide || this.#canvas.height !== high) {
      [this.#canvas.width, this.#canvas.height] = [wide, high];
    }
    const ctx = this.#context;
    ctx.setTransform(scale, 0, 0, scale, 0, 0);
    ctx.clearRect(0, 0, width, height);
    ctx.font = "12px system-ui, sans-serif";
    ctx.lineJoin = "round";
    return { ctx, width, height };
  }
}

/** A line through points [x, y]; NaN in y lifts the pen. */
export function trace(ctx, points) {
  ctx.beginPath();
  let isDown = false;
  for (const [x, y] of points) {
    if (Number.isNaN(y)) isDown = false;
    else if (isDown) ctx.lineTo(x, y);
    else {
      ctx.moveTo(x, y);
      isDown = true;
    }
  }
}

/** Fill between points [x, y] and a level. */
export function fillTo(ctx, points, base) {
  if (points.length < 2) return;
  trace(ctx, points);
  ctx.lineTo(points.at(-1)[0], base);
  ctx.lineTo(points[0][0], base);
  ctx.closePath();
  ctx.fill();
}
