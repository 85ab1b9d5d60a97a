// A rhythm as a picture: how long keys of each kind were held, and the time from each key to the next along the sentence.
// Dots are this time; bands are the middle half of the person's earlier typing, as the profile's quartiles say.

const SVG = "http://www.w3.org/2000/svg";
const KINDS = [
  ["letter", "letters"],
  ["digit", "digits"],
  ["space", "spaces"],
  ["correction", "corrections"],
  ["other", "others"],
];
const LEFT = 88;
const RIGHT = 14;
const ROW = 44;
const GAPS_HIGH = 220;
const LEAST_MS = 20;
const TICKS_MS = [20, 50, 100, 200, 500, 1000, 2000, 4000];

function add(parent, name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

function quantile(sorted, share) {
  const at = (sorted.length - 1) * share;
  const low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

const ascending = (numbers) => [...numbers].sort((a, b) => a - b);

function sheet(into, height, label) {
  const width = Math.max(280, into.clientWidth);
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }))
    svg.setAttribute(key, value);
  into.replaceChildren(svg);
  return [svg, width];
}

/** Draws how long keys were held, a row for each kind. `profile` may be null. */
export function drawHolds(into, session, profile) {
  const rows = KINDS.map(([kind, label]) => ({
    label,
    held: ascending(session.presses_ms.flatMap((down, i) => (session.classes[i] === kind ? [session.releases_ms[i] - down] : []))),
    usual: profile?.holds.find((one) => one.class === kind && one.n > 0),
  })).filter((row) => row.held.length || row.usual);
  const reach = rows.flatMap((row) => [...(row.held.length ? [quantile(row.held, 0.95)] : []), ...(row.usual ? [row.usual.high] : [])]);
  const most = Math.min(1000, Math.max(200, Math.ceil((Math.max(...reach) * 1.15) / 50) * 50));
  const told = rows.map(
    (row) =>
      `${row.label} ${row.held.length ? `${Math.round(quantile(row.held, 0.5))} ms this time` : "not this time"}` +
      (row.usual ? `, usually ${Math.round(row.usual.low)} to ${Math.round(row.usual.high)}` : ""),
  );
  const [svg, width] = sheet(into, rows.length * ROW + 30, `How long keys were held: ${told.join("; ")}.`);
  const x = (ms) => LEFT + (Math.min(ms, most) / most) * (width - LEFT - RIGHT);
  const step = [50, 100, 200, 500].find((ms) => x(ms) - x(0) >= 52) ?? most;
  for (let ms = 0; ms <= most; ms += step) {
    add(svg, "line", { class: "grid", x1: x(ms), x2: x(ms), y1: 4, y2: rows.length * ROW });
    const anchor = ms + step > most ? "end" : "middle";
    add(svg, "text", { class: "scale", x: x(ms) + (anchor === "end" ? RIGHT - 2 : 0), y: rows.length * ROW + 18, "text-anchor": anchor }, ms + step > most ? `${ms} ms` : ms);
  }
  rows.forEach((row, place) => {
    const middle = place * ROW + ROW / 2;
    add(svg, "text", { class: "name", x: 0, y: middle + 5 }, row.label);
    if (row.usual) {
      const { low, median, high } = row.usual;
      add(svg, "rect", { class: "usual", x: x(low), width: Math.max(2, x(high) - x(low)), y: middle - 15, height: 30, rx: 4 });
      add(svg, "line", { class: "middle", x1: x(median), x2: x(median), y1: middle - 15, y2: middle + 15 });
    }
    // Side by side where many are alike: up and down in turn.
    row.held.forEach((ms, i) => add(svg, "circle", { class: "dot", cx: x(ms), cy: middle + ((i % 5) - 2) * 5, r: 3.2 }));
  });
}

/** Draws the time from each key to the next, in order. Words are set apart; what they were nobody knows. */
export function drawGaps(into, session, profile) {
  const usual = new Map((profile?.gaps ?? []).filter((one) => one.n > 0).map((one) => [`${one.from} ${one.to}`, one]));
  const gaps = session.presses_ms.slice(1).map((down, i) => ({
    ms: down - session.presses_ms[i],
    usual: usual.get(`${session.classes[i]} ${session.classes[i + 1]}`),
    isSpace: session.classes[i + 1] === "space",
  }));
  const known = gaps.filter((gap) => gap.usual);
  const n_inside = known.filter((gap) => gap.ms >= gap.usual.low && gap.ms <= gap.usual.high).length;
  const middle = Math.round(quantile(ascending(gaps.map((gap) => gap.ms)), 0.5));
  const label = `Time from key to key, ${gaps.length} of them: ${middle} ms in the middle` +
    (known.length ? `; ${n_inside} of ${known.length} inside your usual middle half.` : ".");
  const [svg, width] = sheet(into, GAPS_HIGH + 26, label);
  const left = 56;
  const step = (width - left - RIGHT) / gaps.length;
  const x = (place) => left + (place + 0.5) * step;
  const longest = Math.max(...gaps.map((gap) => gap.ms));
  const most = TICKS_MS.find((ms) => ms >= Math.max(500, longest)) ?? TICKS_MS.at(-1);
  const share = (ms) => Math.log(Math.min(most, Math.max(LEAST_MS, ms)) / LEAST_MS) / Math.log(most / LEAST_MS);
  const y = (ms) => GAPS_HIGH - 6 - share(ms) * (GAPS_HIGH - 16);
  for (const ms of TICKS_MS.filter((one) => one <= most)) {
    add(svg, "line", { class: "grid", x1: left, x2: width - RIGHT, y1: y(ms), y2: y(ms) });
    add(svg, "text", { class: "scale", x: left - 6, y: y(ms) + 4, "text-anchor": "end" }, ms < 1000 ? `${ms} ms` : `${ms / 1000} s`);
  }
  gaps.forEach((gap, place) => {
    if (gap.isSpace) add(svg, "line", { class: "word", x1: x(place), x2: x(place), y1: 4, y2: GAPS_HIGH });
    if (!gap.usual) return;
    const { low, median, high } = gap.usual;
    add(svg, "rect", { class: "usual", x: x(place) - step / 2, width: step + 0.4, y: y(high), height: Math.max(2, y(low) - y(high)) });
    add(svg, "line", { class: "middle", x1: x(place) - step / 2, x2: x(place) + step / 2, y1: y(median), y2: y(median) });
  });
  add(svg, "polyline", { class: "beat", points: gaps.map((gap, place) => `${x(place)},${y(gap.ms)}`).join(" ") });
  gaps.forEach((gap, place) => add(svg, "circle", { class: "dot", cx: x(place), cy: y(gap.ms), r: Math.min(3.2, step / 2.2) }));
  add(svg, "text", { class: "scale", x: left, y: GAPS_HIGH + 18 }, "first key");
  add(svg, "text", { class: "scale", x: width - RIGHT, y: GAPS_HIGH + 18, "text-anchor": "end" }, "last key");
  return { n_inside, n_known: known.length };
}
