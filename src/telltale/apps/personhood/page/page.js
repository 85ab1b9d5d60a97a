// Joins the parts of the page: who types, what for, what the server says, and the picture.

import { drawGaps, drawHolds } from "./picture.js";
import { LEAST_KEYS, makeRecorder } from "./recorder.js";
import * as server from "./server.js";

const at = (id) => document.getElementById(id);
const FIVE = [
  ["typing_speed_wpm", "words a minute", (n) => `${n}`],
  ["avg_key_hold_time_ms", "a key is held", (n) => `${n} ms`],
  ["avg_transition_time_ms", "between two releases", (n) => `${n} ms`],
  ["error_rate_percent", "keys are corrections", (n) => `${n} %`],
  ["activity_hour_preference", "hour on your clock", (n) => `${n}:00`],
];

let who = "";
let n_samples = 0;
let n_needed = 3; // as the server says once it was asked
let known = null; // the profile as it can be drawn
let prediction = "";
let shown = null; // the session of the picture, and the profile before it
let retry = null; // what the server would not do without a key

const recorder = makeRecorder(at("field"), {
  onChange: (n) => {
    at("count").textContent = n === 0 ? "No keys yet" : n === 1 ? "1 key" : `${n} keys`;
  },
  onEnter: () => finish(),
  onEscape: () => startOver(),
  onBlind: () => {
    at("blind").hidden = false;
  },
});

const purpose = () => document.querySelector("[name=purpose]:checked").value;

function startOver() {
  recorder.clear();
  at("field").focus();
}

function tellProblem(what, mend) {
  at("problem-what").textContent = /[.!?]$/.test(what) ? what : `${what}.`;
  at("problem-mend").textContent = mend;
  at("problem").hidden = false;
}

/** Does something that asks the server; a refusal is told in its own words, and a missing key asked for. */
async function withServer(work) {
  at("problem").hidden = true;
  at("done").disabled = true;
  try {
    await work();
    at("access").hidden = true;
    retry = null;
  } catch (refusal) {
    if (!(refusal instanceof server.Refusal)) throw refusal;
    tellProblem(refusal.what, refusal.mend);
    if (refusal.status === 401) {
      retry = work;
      at("access").hidden = false;
      at("secret").focus();
    }
  } finally {
    at("done").disabled = false;
  }
}

function showProgress() {
  const is_ready = n_samples >= n_needed;
  const verifies = document.querySelector("[name=purpose][value=verify]");
  verifies.disabled = !is_ready;
  const beads = Array.from({ length: n_needed }, (_, i) => {
    const bead = document.createElement("span");
    if (i < n_samples) bead.className = "full";
    return bead;
  });
  at("beads").replaceChildren(...beads);
  at("progress-text").textContent = is_ready
    ? `Your rhythm is known from ${n_samples} samples. Type once more to see whether it is you.`
    : `${n_samples} of ${n_needed} samples. ${n_needed - n_samples} to go.`;
}

function choose(value) {
  document.querySelector(`[name=purpose][value=${value}]`).checked = true;
}

function count(profile) {
  n_samples = profile?.n_samples ?? 0;
  if (profile?.n_more > 0) n_needed = n_samples + profile.n_more;
  showProgress();
}

async function begin() {
  at("typing").hidden = true;
  known = await server.profile(who);
  count(known);
  at("typing").hidden = false;
  choose(n_samples >= n_needed ? "verify" : "enrol");
  startOver();
}

async function finish() {
  if (at("done").disabled) return;
  const session = recorder.take();
  const n_keys = session.presses_ms.length;
  if (n_keys < LEAST_KEYS) {
    tellProblem(`That was ${n_keys} ${n_keys === 1 ? "key" : "keys"}`, `Type at least ${LEAST_KEYS}: fewer have no rhythm.`);
    at("field").focus();
    return;
  }
  await withServer(() => (purpose() === "verify" ? check(session) : learn(session)));
}

async function learn(session) {
  at("verdict").hidden = true;
  count(await server.enrol(who, session));
  if (n_samples === n_needed) choose("verify");
  show(session, null);
  known = await server.profile(who);
  at("field").focus();
}

async function check(session) {
  at("verdict").hidden = true;
  const answer = await server.verify(who, session);
  prediction = answer.prediction_id;
  at("verdict").className = answer.is_legitimate ? "accepted" : "refused";
  at("verdict-title").textContent = answer.is_legitimate ? "✓ Accepted" : "✕ Not accepted";
  at("verdict-words").textContent = answer.is_legitimate
    ? `This was typed the way ${who} types.`
    : answer.replayed
      ? "These are the very times that were sent before, and nobody types the same twice."
      : `This was not typed the way ${who} types. If it was you, try again, or let the page learn your rhythm from more samples.`;
  at("confidence").value = answer.confidence;
  at("confidence-number").textContent = `${answer.confidence}`;
  at("score").textContent =
    `Score ${answer.score.toPrecision(4)}; accepted from ${answer.threshold.toPrecision(4)} on. ` +
    `Compared with ${answer.n_samples} samples, by version ${answer.model_version}.`;
  at("confirming").hidden = !answer.is_legitimate;
  at("confirm").disabled = false;
  at("verdict").hidden = false;
  show(session, answer.averages);
  at("verdict-title").focus();
}

async function learnThat() {
  at("confirm").disabled = true;
  try {
    count(await server.confirm(prediction));
  } catch (refusal) {
    at("confirm").disabled = false;
    throw refusal;
  }
  at("confirming").hidden = true;
  at("verdict-words").textContent = `Thank you: what you typed has joined your rhythm, which now rests on ${n_samples} samples.`;
  at("verdict-title").focus();
  known = await server.profile(who);
}

function show(session, averages) {
  shown = { session, profile: known };
  at("rhythm").hidden = false;
  at("band-legend").hidden = !known;
  draw();
  at("averages").hidden = !averages;
  if (!averages) return;
  const parts = FIVE.map(([name, label, words]) => {
    const [pair, term, number] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
    term.textContent = label;
    number.textContent = words(averages[name]);
    pair.append(term, number);
    return pair;
  });
  at("averages-list").replaceChildren(...parts);
}

function draw() {
  if (!shown) return;
  drawHolds(at("holds"), shown.session, shown.profile);
  const { n_inside, n_known } = drawGaps(at("gaps"), shown.session, shown.profile);
  at("inside").textContent = n_known ? `${n_inside} of ${n_known} dots lie in their band; when it is you, about half do.` : "";
}

at("who").addEventListener("submit", (event) => {
  event.preventDefault();
  who = at("name").value.trim();
  if (!who) return;
  for (const id of ["verdict", "rhythm", "blind"]) at(id).hidden = true;
  shown = null;
  withServer(begin);
});
at("access").addEventListener("submit", (event) => {
  event.preventDefault();
  server.useKey(at("secret").value);
  at("secret").value = "";
  if (retry) withServer(retry);
});
for (const choice of document.querySelectorAll("[name=words]"))
  choice.addEventListener("change", () => {
    const is_own = choice.value === "own";
    at("sentence").hidden = is_own;
    at("field-label").textContent = is_own ? "Type some words of your own, twenty keys or more, then press Enter" : "Type the sentence, then press Enter";
    recorder.clear();
  });
at("done").addEventListener("click", finish);
at("again").addEventListener("click", startOver);
at("confirm").addEventListener("click", () => withServer(learnThat));
window.addEventListener("resize", draw);
