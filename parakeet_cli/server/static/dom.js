// Elements are made here and nowhere else, so that no text can ever become markup.

/** An element of that name. `properties`: class, text, on: {event: listener}; all others are attributes. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [property, value] of Object.entries(properties)) set(made, property, value);
  made.append(...children);
  return made;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Set a text only where it changes: a live region would be read out again, and a selection be lost. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

function set(target, property, value) {
  if (value === false || value === null || value === undefined) return;
  if (property === "text") target.textContent = value;
  else if (property === "class") target.className = value;
  else if (property === "on") for (const [event, listener] of Object.entries(value)) target.addEventListener(event, listener);
  else target.setAttribute(property, value === true ? "" : value);
}
