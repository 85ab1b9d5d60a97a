// When keys go down and up in a field, and of what kind each was: all that anything else here ever learns of them.
// Which key it was is looked at in this file alone, once, as it goes down.

export const LEAST_KEYS = 10;

// A release can be lost (a locked screen); the next one of that key would end a hold of minutes.
const LONGEST_HOLD_MS = 10_000;
// These work the page, and are no typing.
const COMMANDS = new Set(["Tab", "Enter", "Escape"]);

/** "letter", "digit", "space", "correction" or "other". */
function kindOf(event) {
  if (event.isComposing) return "other"; // an input method's key says nothing of what will stand there
  if (event.key === "Backspace" || event.key === "Delete") return "correction";
  if ((event.ctrlKey || event.metaKey) && !event.getModifierState("AltGraph")) return "other"; // a shortcut
  if (event.key === " ") return "space";
  if (/^\p{Nd}$/u.test(event.key)) return "digit";
  if (/^\p{L}$/u.test(event.key)) return "letter";
  return "other";
}

const tenth = (ms) => Math.round(ms * 10) / 10;

/**
 * Records what is typed in a field until it is taken.
 *
 * `onChange(nKeys)` is called after each key; `onEnter` and `onEscape` when those were let go; `onBlind` when the keyboard
 * does not say what kind its keys are, as those on screens of phones do not.
 */
export function makeRecorder(field, { onChange, onEnter, onEscape, onBlind }) {
  let presses = [];
  // A physical key to its press, only while it is down: how a release finds its press.
  const held = new Map();
  let command = "";

  field.addEventListener("keydown", (event) => {
    if (event.repeat) return;
    if (COMMANDS.has(event.key) && !event.isComposing) {
      command = event.key;
      return;
    }
    if (event.key === "Unidentified") onBlind();
    const press = { down: event.timeStamp, up: null, kind: kindOf(event) };
    held.set(event.code, press);
    presses.push(press);
    onChange(presses.length);
  });

  // On the window: a key may come up after the focus moved.
  window.addEventListener("keyup", (event) => {
    const press = held.get(event.code);
    if (press) {
      press.up = event.timeStamp;
      held.delete(event.code);
    }
    // As the command comes up, not down: the last key of the sentence is often still held then.
    if (command && event.key === command) {
      command = "";
      (event.key === "Enter" ? onEnter : event.key === "Escape" ? onEscape : () => {})();
    }
  });

  // Another window came to the front, and was told of releases in place of this one: no time is made up for them.
  window.addEventListener("blur", () => {
    held.clear();
    command = "";
  });

  // Words that were not typed have no rhythm.
  for (const name of ["paste", "drop"]) field.addEventListener(name, (event) => event.preventDefault());

  function clear() {
    presses = [];
    held.clear();
    command = "";
    field.value = ""; // written, and nowhere read
    onChange(0);
  }

  /** The session as it is sent, times in ms from its first press; empties the field. */
  function take() {
    // Without those whose release was never told.
    const whole = presses.filter((press) => press.up !== null && press.up - press.down <= LONGEST_HOLD_MS);
    const first = whole.length ? whole[0].down : 0;
    clear();
    return {
      presses_ms: whole.map((press) => tenth(press.down - first)),
      releases_ms: whole.map((press) => tenth(press.up - first)),
      classes: whole.map((press) => press.kind),
      corrections: whole.filter((press) => press.kind === "correction").length,
      local_hour: new Date().getHours(),
    };
  }

  return { take, clear };
}
