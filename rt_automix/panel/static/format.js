// Numbers as people read them, with a true minus sign.

const SILENT_DB = -99;

/** A number with so many decimals; a plus sign where asked for, never "-0". */
export function fixed(value, decimals = 1, signed = false) {
  if (!Number.isFinite(value)) return "–";
  const text = Math.abs(value).toFixed(decimals);
  const isZero = Number(text) === 0;
  if (value < 0 && !isZero) return `−${text}`;
  return signed && !isZero ? `+${text}` : text;
}

/** A level in dB, or that there is none. */
export function level(value_db, decimals = 1) {
  return value_db > SILENT_DB ? fixed(value_db, decimals) : "−∞";
}

/** A parameter's value with its unit. */
export function quantity(value, unit, signed = false) {
  const isDb = unit === "dB";
  const text = fixed(value, isDb ? 1 : 2, signed || isDb);
  return isDb ? `${text} dB` : unit === "x" ? `${text}×` : text;
}

/** Seconds as minutes and seconds, hours where there are some. */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, "0"));
  return whole >= 3600 ? [Math.floor(whole / 3600), ...parts].join(":") : parts.join(":");
}

/** The last part of a path. */
export function baseName(path) {
  return path.split(/[\\/]/).pop();
}

export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
