// The page's elements, changed only where they differ: twenty documents a second must cost little.

export function byId(id) {
  return document.getElementById(id);
}

/** A new element with properties and children. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export function setAttribute(target, name, value) {
  if (target.getAttribute(name) !== String(value)) target.setAttribute(name, value);
}

/** A custom property that the style sheet positions something by. */
export function setPlace(target, name, share) {
  const text = share.toFixed(4);
  if (target.style.getPropertyValue(name) !== text) target.style.setProperty(name, text);
}

export function setPressed(button, isPressed) {
  setAttribute(button, "aria-pressed", Boolean(isPressed));
}
