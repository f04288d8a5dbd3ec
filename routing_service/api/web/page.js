// The page: reads the location, asks the API and says the answer in words.

import { RoadMap } from "/web/map.js";

const byId = (id) => document.getElementById(id);
const DECIMAL = String.raw`[+-]?\d{1,3}(?:\.\d+)?`;
const PAIR = new RegExp(String.raw`^(${DECIMAL})\s*[,;\s]\s*(${DECIMAL})$`);
const METRES = /^(\d{4,7}(?:\.\d+)?)\s*[,;\s]\s*(\d{4,7}(?:\.\d+)?)$/;
const GRID = /^[A-HJ-Z]{2}\s*\d[\d\s]*$/i;

// Flags that the page says elsewhere, with more detail; the others are said in the reply's words.
const SAID_ELSEWHERE = [
  "surrogate_network", "near_tie", "no_eligible_unit", "other_unit_nearest_within_accuracy",
];
const WARNINGS = [
  "not_nearest", "poor_snap", "heading_ignored", "unit_unreachable", "no_route", "stale_state",
  "closure_not_placed", "divert_exceeds_guard", "policy_differs",
];

const STATUS = { open: "", divert: "on divert", closed: "closed" };

let latest = 0; // number of the newest question: answers to older ones are dropped
const map = new RoadMap(byId("map"), picked, drawScale);
let decision = null;

// --- asking ------------------------------------------------------------------------------
export function fieldsFrom(text) {
  const wanted = text.trim();
  let match = METRES.exec(wanted);
  if (match) return { easting: Number(match[1]), northing: Number(match[2]) };
  match = PAIR.exec(wanted);
  if (match) return { lat: Number(match[1]), lon: Number(match[2]) };
  return GRID.test(wanted) ? { grid_ref: wanted } : { postcode: wanted };
}

// An answer that is no answer; its message is for the reader.
class Refusal extends Error {}

async function ask(path, options = {}) {
  const key = sessionStorage.getItem("key"); // kept until this tab is closed
  const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
  let reply, body;
  try {
    reply = await fetch(path, { ...options, headers });
    body = await reply.json();
  } catch {
    throw new Refusal("The service does not answer. Check that it runs.");
  }
  if (reply.status === 401) {
    byId("key-form").hidden = false;
    throw new Refusal("This service needs a key. Enter yours above.");
  }
  if (!reply.ok) throw new Refusal(body.detail ?? body.title);
  return body;
}

// Say a refusal; anything else is a fault of this page, for its console.
function refuseOrThrow(error) {
  refuse(error instanceof Refusal ? error.message : "This page has a fault. Reload it, or ask the API.");
  if (!(error instanceof Refusal)) throw error;
}

async function decide(fields) {
  const number = ++latest;
  const accuracy = byId("accuracy").valueAsNumber;
  if (accuracy > 0) fields.accuracy_m = accuracy;
  try {
    const answer = await ask("/v1/conveyance", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(fields),
    });
    if (number === latest) await show(answer);
  } catch (error) {
    if (number === latest) refuseOrThrow(error);
  }
}

function picked(lat, lon) {
  byId("place").value = `${lat.toFixed(5)}, ${lon.toFixed(5)}`;
  decide({ lat: Number(lat.toFixed(5)), lon: Number(lon.toFixed(5)) });
}

// --- answering ---------------------------------------------------------------------------
function refuse(message) {
  decision = null;
  byId("answer").hidden = true;
  byId("message").hidden = false;
  byId("message").textContent = message;
  map.setRoute(null, null);
  map.setIncident(null);
}

async function show(answer) {
  decision = answer;
  byId("message").hidden = true;
  byId("answer").hidden = false;
  byId("path").hidden = true;
  sayVerdict(answer);
  fillRanking(answer);
  fillRecord(answer);
  map.setIncident(answer.incident, answer.disc?.accuracy_m);
  map.setRoute(null, null);
  const first = answer.destination?.ods_code ?? answer.nearest_ods_code;
  if (first) await showRoute(first);
}

function sayVerdict({ destination, ranking, margin_minutes: margin, near_tie: tie, ...rest }) {
  const first = ranking.find((row) => row.ods_code === destination?.ods_code);
  const next = ranking.find((row) => row !== first && row.eligible && row.minutes !== null);
  byId("lead").textContent = destination ? "Nearest eligible hyper-acute stroke unit" : "No eligible unit";
  byId("name").textContent = destination?.name ?? "No unit can take this incident";
  const figures = first ? [strong(`${first.minutes.toFixed(1)} min`), ` · ${first.km.toFixed(1)} km`] : [];
  if (next && margin !== null) figures.push(` · ${margin.toFixed(1)} min before ${next.name}`);
  byId("figures").replaceChildren(...figures);
  const notes = [];
  if (tie && next) notes.push(note(`Near tie with ${next.name}: ${margin.toFixed(1)} min apart, too close to call by times alone.`, true));
  notes.push(...spreadNotes(first), ...discNotes(rest.disc, ranking), ...explanationNotes(rest.explanation));
  byId("notes").replaceChildren(...notes);
}

// Said only where a calibration tells how wrong a time may be.
function spreadNotes(first) {
  if (!first || first.p_nearest === null) return [];
  const band = `${first.p10_minutes.toFixed(1)} to ${first.p90_minutes.toFixed(1)} min`;
  return [note(`Nearest of all units with probability ${chance(first.p_nearest)}; 10 to 90 % band ${band}.`)];
}

// Two decimals, and never a certainty.
const chance = (p) => (p > 0.99 ? "over 0.99" : p < 0.01 ? "under 0.01" : p.toFixed(2));

function discNotes(disc, ranking) {
  if (!disc) return [];
  const name = (code) => ranking.find((row) => row.ods_code === code)?.name ?? code;
  const shares = Object.entries(disc.shares).map(([code, share]) => `${name(code)} in ${Math.round(share * 100)} %`);
  const within = Math.round(disc.accuracy_m);
  const text = disc.other_nearest
    ? `Within ${within} m another unit may be nearest: ${shares.join(", ")} of the area.`
    : `The same unit is nearest everywhere within ${within} m.`;
  return [note(text, disc.other_nearest)];
}

function explanationNotes(explanation) {
  return Object.entries(explanation)
    .filter(([code]) => !SAID_ELSEWHERE.includes(code))
    .map(([code, sentence]) => note(sentence, WARNINGS.includes(code)));
}

function note(text, warn = false) {
  const item = document.createElement("li");
  item.textContent = text;
  item.classList.toggle("warn", warn);
  return item;
}

function strong(text) {
  const element = document.createElement("b");
  element.textContent = text;
  return element;
}

function fillRanking({ ranking, destination }) {
  const best = destination?.minutes ?? Math.min(...ranking.map((row) => row.minutes ?? Infinity));
  const worst = Math.max(...ranking.map((row) => row.minutes ?? 0), 1);
  byId("ranking").replaceChildren(...ranking.map((row) => {
    const line = document.createElement("tr");
    line.dataset.unit = row.ods_code;
    line.classList.toggle("out", !row.eligible);
    line.style.setProperty("--share", `${((row.minutes ?? 0) / worst) * 100}%`);
    const late = row.minutes === null ? "" : row.minutes - best;
    line.append(
      cell(row.rank, "rank"), nameCell(row), cell(row.minutes?.toFixed(1) ?? "no route", "number"),
      cell(late === "" || row.ods_code === destination?.ods_code ? "" : signed(late), "number"),
      cell(row.km?.toFixed(1) ?? "", "number"),
    );
    line.addEventListener("click", () => showRoute(row.ods_code));
    return line;
  }));
}

const signed = (minutes) => (minutes < 0 ? "−" : "+") + Math.abs(minutes).toFixed(1);

function cell(text, name) {
  const element = document.createElement("td");
  element.className = name;
  element.textContent = text;
  return element;
}

function nameCell(row) {
  const element = cell("", "");
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = row.name;
  const small = document.createElement("small");
  const nearest = row.p_nearest === null ? "" : `nearest with probability ${chance(row.p_nearest)}`;
  small.textContent = [row.ods_code, STATUS[row.status], nearest].filter(Boolean).join(", ");
  element.append(button, small);
  return element;
}

function fillRecord(answer) {
  const { snap } = answer.incident;
  const calibration = answer.calibration === "uncalibrated" ? "not calibrated" : answer.calibration;
  const rows = {
    Decision: answer.decision_id,
    Computed: answer.computed_at.replace("T", " ").replace("Z", " UTC"),
    Road: `${snap.road || "unnamed"}, ${Math.round(snap.distance_m)} m from the incident (${snap.quality} match)`,
    Speeds: `${answer.profile.replaceAll("_", " ")}, ${calibration}`,
    Network: `${answer.network}, graph ${answer.graph_id}`,
    State: `version ${answer.state_version}`,
  };
  byId("record").replaceChildren(...Object.entries(rows).flatMap(([term, text]) => {
    const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
    dt.textContent = term;
    dd.textContent = text;
    return [dt, dd];
  }));
}

async function showRoute(unit) {
  const shown = decision;
  if (!shown) return;
  const { lat, lon } = shown.incident;
  for (const line of byId("ranking").children) {
    const chosen = line.dataset.unit === unit;
    line.classList.toggle("chosen", chosen);
    line.querySelector("button").setAttribute("aria-pressed", chosen);
  }
  let route = null;
  try {
    route = await ask(`/v1/route?${new URLSearchParams({ lat, lon, unit })}`);
  } catch { /* no route: the table says so, and nothing is drawn */ }
  if (decision !== shown) return;
  map.setRoute(route?.line, unit);
  byId("path").hidden = !route;
  if (!route) return;
  map.show(route.line.coordinates);
  byId("path-title").textContent = `To ${route.unit.name}`;
  byId("steps").replaceChildren(...route.steps.map(stepItem));
  if (route.exemptions.length) byId("steps").append(note(`Uses exemptions: ${route.exemptions.join(", ").replaceAll("_", " ")}.`));
}

function stepItem(step) {
  const item = document.createElement("li");
  for (const text of [step.road || "unnamed roads", `${step.km.toFixed(1)} km`, `${step.minutes.toFixed(1)} min`]) {
    const part = document.createElement("span");
    part.textContent = text;
    item.append(part);
  }
  return item;
}

function drawScale(metresPerPixel) {
  const longest = metresPerPixel * 120;
  const power = 10 ** Math.floor(Math.log10(longest));
  const length = [5, 2, 1].map((n) => n * power).find((m) => m <= longest);
  byId("scale-label").textContent = length >= 1000 ? `${length / 1000} km` : `${length} m`;
  byId("scale-bar").style.width = `${length / metresPerPixel}px`;
}

// --- starting ----------------------------------------------------------------------------
byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("place").value;
  if (text.trim()) decide(fieldsFrom(text));
  else refuse("Write where the incident is, or click on the map.");
});
byId("zoom-in").addEventListener("click", () => map.zoom(1.4));
byId("zoom-out").addEventListener("click", () => map.zoom(1 / 1.4));
byId("whole").addEventListener("click", () => map.whole());

// A location after # is never sent to a server's log; the page reads it and does not write it.
function fromAddress() {
  const text = decodeURIComponent(location.hash.slice(1));
  if (!text) return;
  byId("place").value = text;
  decide(fieldsFrom(text));
}
addEventListener("hashchange", fromAddress);

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("key", byId("key").value.trim());
  byId("key").value = "";
  byId("key-form").hidden = byId("message").hidden = true;
  start();
});

// --- the day -----------------------------------------------------------------------------
// Closures and statuses as they are now; asked for again while the page is looked at.
async function showDay() {
  const [closures, { units }] = await Promise.all([ask("/map/closures.json"), ask("/v1/units")]);
  map.setClosures(closures.features);
  map.setUnits(units);
  const lines = [
    ...units.filter((unit) => unit.status !== "open").map(unitLine),
    ...units.flatMap((unit) => Object.entries(unit.by_capability)
      .filter(([, own]) => own.status !== "open")
      .map(([capability, own]) => unitLine({ ...own, name: `${unit.name}, ${capability} only` }))),
    ...closures.features.map(closureLine),
  ];
  byId("day").hidden = !lines.length;
  byId("day-list").replaceChildren(...lines.map((text) => note(text)));
}

const unitLine = ({ name, status, reason, author, until }) =>
  `${name} ${STATUS[status]}: ${reason}${by(author)}${ends(until)}`;

const closureLine = ({ properties }) =>
  `${properties.roads.join(", ")} ${properties.shuts ? "closed" : "slow"}`
  + `${properties.in_force ? "" : " (to come)"}: ${properties.reason}${by(properties.author)}${ends(properties.expires_at)}`;

const by = (author) => (author ? ` (${author})` : "");
const ends = (moment) => (moment ? `, until ${localTime.format(new Date(moment))}` : "");
const localTime = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

const DAY_MS = 5000;
setInterval(() => {
  if (!document.hidden && !byId("foot").hidden) showDay().catch(() => {});
}, DAY_MS);

async function start() {
  try {
    const state = await ask("/v1/state");
    byId("surrogate").hidden = state.network !== "surrogate";
    byId("attribution").textContent = state.attribution.join(" · ");
    map.setRegion(state.bbox);
    map.setRoads(await ask("/map/main-roads.json"));
    await showDay();
    byId("foot").hidden = false;
    fromAddress();
  } catch (error) {
    refuseOrThrow(error);
  }
}
start();
