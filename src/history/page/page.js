"use strict";
// Names and reasons are hostile: they get into the page as text only, by textContent.

const films = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const STEP = 200; // rows that are shown before somebody asks for all

// ---- Words ----------------------------------------------------------------------------------------------------------

function bytes(value) {
  let rest = Math.abs(value), unit = "B";
  for (const next of ["kB", "MB", "GB", "TB"]) {
    if (rest < 999.5) break;
    rest /= 1000;
    unit = next;
  }
  const shown = unit === "B" || rest >= 99.95 ? rest.toFixed(0) : rest.toFixed(1);
  return `${value < 0 ? "−" : ""}${shown} ${unit}`;
}
const percent = (value) => `${value < 0 ? "−" : ""}${Math.abs(value).toFixed(1)} %`;
const count = (number, one) => `${number} ${one}${number === 1 ? "" : "s"}`;
const day = (time) => new Date(time).toISOString().slice(0, 10);
const moment = (time) => new Date(time).toISOString().slice(0, 16).replace("T", " ");

const least = (values) => values.reduce((one, other) => Math.min(one, other), Infinity);
const most = (values) => values.reduce((one, other) => Math.max(one, other), -Infinity);

// ---- What a film is -------------------------------------------------------------------------------------------------

for (const film of films) {
  const cut = film.source.lastIndexOf("/") + 1;
  film.dir = film.source.slice(0, cut);
  film.name = film.source.slice(cut);
  film.time = Date.parse(film.finished);
  film.encoded = film.status === "Success" && film.before !== null && film.after !== null;
  film.saved = film.encoded ? film.before - film.after : null;
  film.share = film.encoded && film.before > 0 ? (100 * film.saved) / film.before : null;
  film.words = [film.source, film.output, film.status, film.host, film.encoder, film.codec, film.resolution, film.hdr,
    film.class, film.reason].filter((text) => text !== null).join("\n").toLowerCase();
}

// What the list can be sorted by: its word in the address, its heading, and a film's value.
const ORDERS = [
  ["name", "Film", (film) => film.name.toLowerCase()],
  ["status", "Status", (film) => film.status],
  ["kind", "Source", (film) => `${film.resolution} ${film.codec}`],
  ["before", "Before", (film) => film.before],
  ["after", "After", (film) => film.encoded ? film.after : null],
  ["saved", "Saved", (film) => film.saved],
  ["percent", "Saved %", (film) => film.share],
  ["fps", "fps", (film) => film.fps],
  ["finished", "Finished", (film) => film.time],
];
const STATES = ["Success", "Skipped", "Waiting", "Missed", "Refused", "Failed"];
const isText = (order) => ["name", "status", "kind"].includes(order);

// ---- The view, which the address keeps ------------------------------------------------------------------------------

const view = {};

function readAddress() {
  const said = new URLSearchParams(location.hash.slice(1));
  const sort = said.get("sort");
  view.sort = ORDERS.some(([order]) => order === sort) ? sort : "finished";
  view.up = said.has("dir") ? said.get("dir") === "asc" : isText(view.sort);
  view.filter = said.get("filter") ?? "";
  view.status = STATES.includes(said.get("status")) ? said.get("status") : "";
  view.all = said.get("all") === "1";
}

function keepAddress() {
  const says = new URLSearchParams();
  if (view.sort !== "finished") says.set("sort", view.sort);
  if (view.up !== isText(view.sort)) says.set("dir", view.up ? "asc" : "desc");
  if (view.filter !== "") says.set("filter", view.filter);
  if (view.status !== "") says.set("status", view.status);
  if (view.all) says.set("all", "1");
  try {
    history.replaceState(null, "", `#${says}`);
  } catch {
    // Some browsers take only so many changes in a while: the view is as it was asked for all the same.
  }
}

function chosen() {
  const words = view.filter.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const of = ORDERS.find(([order]) => order === view.sort)[2];
  const fits = (film) => (view.status === "" || film.status === view.status)
    && words.every((word) => film.words.includes(word));
  // What has no value comes last, whichever way it is sorted.
  const compare = (one, other) => {
    const [a, b] = [of(one), of(other)];
    if (a === null || b === null) return (a === null) - (b === null);
    const order = a < b ? -1 : a > b ? 1 : 0;
    return view.up ? order : -order;
  };
  return films.filter(fits).sort(compare);
}

// ---- Making elements ------------------------------------------------------------------------------------------------

function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  Object.assign(element, properties);
  element.append(...children);
  return element;
}

function draw(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const [LEFT, RIGHT, TOP, BOTTOM] = [64, 14, 22, 28];
const word = (text, x, y, anchor) => draw("text", { x, y, "text-anchor": anchor }, text);

// A drawing as wide as its place: text keeps its size on a phone.
function canvas(place, label, most = 320) {
  const wide = Math.max(280, place.clientWidth || 600), high = Math.round(Math.min(most, wide * 0.66));
  const svg = draw("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": label });
  place.replaceChildren(svg);
  return [svg, wide, high];
}

function blank(place, text) {
  const [svg, wide, high] = canvas(place, text, 120);
  svg.append(word(text, wide / 2, high / 2, "middle"));
}

// ---- Space saved, over time -----------------------------------------------------------------------------------------

// Round numbers from `low` to `high`, about four.
function rounded(low, high) {
  const rough = (high - low || 1) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((times) => times * power >= rough);
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step / 1e6; tick += step) ticks.push(tick);
  return ticks;
}

function drawSaved(place, encoded) {
  if (encoded.length === 0) return blank(place, "no film is encoded here");
  const DAY = 86400e3;
  const inOrder = [...encoded].sort((one, other) => one.time - other.time);
  let [from, to] = [inOrder[0].time, inOrder[inOrder.length - 1].time];
  if (to - from < DAY) [from, to] = [from - DAY / 2, to + DAY / 2];
  let sum = 0;
  const steps = inOrder.map((film) => [film.time, (sum += film.saved)]);
  const sums = [0, ...steps.map(([, value]) => value)];
  const [low, high] = [least(sums), most(sums)];
  const [svg, wide, deep] = canvas(place, `${bytes(sum)} saved by ${count(encoded.length, "film")}`);
  const x = (time) => LEFT + ((time - from) / (to - from)) * (wide - LEFT - RIGHT);
  const y = (value) => deep - BOTTOM - ((value - low) / (high - low || 1)) * (deep - TOP - BOTTOM);
  for (const tick of rounded(low, high)) {
    svg.append(draw("line", { class: "axis", x1: LEFT, x2: wide - RIGHT, y1: y(tick), y2: y(tick) }),
      word(bytes(tick), LEFT - 8, y(tick) + 4, "end"));
  }
  const days = [[from, "start"], [(from + to) / 2, "middle"], [to, "end"]];
  const shown = to - from <= 3 * DAY ? (time) => moment(time).slice(5) : day;
  svg.append(...days.map(([time, anchor]) => word(shown(time), x(time), deep - 8, anchor)));
  let path = `M${x(from).toFixed(1)} ${y(0).toFixed(1)}`;
  for (const [time, value] of steps) path += `H${x(time).toFixed(1)}V${y(value).toFixed(1)}`;
  path += `H${x(to).toFixed(1)}`;
  svg.append(draw("path", { class: "area", d: `${path}V${y(0).toFixed(1)}Z` }), draw("path", { class: "curve", d: path }),
    draw("circle", { class: "end", cx: x(to), cy: y(sum), r: 4 }), word(bytes(sum), x(to), y(sum) - 9, "end"));
}

// ---- Sizes before and after -----------------------------------------------------------------------------------------

const COLOURS = 6;

// The most frequent codecs have a colour of their own, all others share the last.
function colours(encoded) {
  const numbers = new Map();
  for (const film of encoded) numbers.set(film.codec, (numbers.get(film.codec) ?? 0) + 1);
  const ordered = [...numbers].sort((one, other) => other[1] - one[1]).map(([codec]) => codec);
  return ordered.length <= COLOURS ? ordered : [...ordered.slice(0, COLOURS - 1), "others"];
}

function drawSizes(place, encoded, codecs) {
  const dots = encoded.filter((film) => film.before > 0 && film.after > 0);
  if (dots.length === 0) return blank(place, "no film is encoded here");
  const log = (value) => Math.log10(value);
  const all = dots.flatMap((film) => [film.before, film.after]).map(log);
  const [low, high] = [least(all) - 0.15, most(all) + 0.15];
  const [svg, wide, deep] = canvas(place, `sizes of ${count(dots.length, "film")} before and after`);
  const x = (value) => LEFT + ((log(value) - low) / (high - low)) * (wide - LEFT - RIGHT);
  const y = (value) => deep - BOTTOM - ((log(value) - low) / (high - low)) * (deep - TOP - BOTTOM);
  const ticks = [];
  const powers = (high - low) * (600 / wide);
  const times = powers > 2.5 ? [1] : powers > 1.4 ? [1, 3] : powers > 0.7 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 6, 8];
  for (let power = Math.floor(low); power <= high; power++) ticks.push(...times.map((time) => time * 10 ** power));
  for (const tick of ticks.filter((tick) => log(tick) >= low && log(tick) <= high)) {
    svg.append(draw("line", { class: "axis", x1: LEFT, x2: wide - RIGHT, y1: y(tick), y2: y(tick) }),
      draw("line", { class: "axis", x1: x(tick), x2: x(tick), y1: TOP, y2: deep - BOTTOM }),
      word(bytes(tick), LEFT - 8, y(tick) + 4, "end"), word(bytes(tick), x(tick), deep - 8, "middle"));
  }
  svg.append(word("after", LEFT - 8, TOP - 8, "end"), word("before", wide - RIGHT, deep - BOTTOM - 6, "end"));
  svg.append(draw("line", { class: "even", x1: x(10 ** low), y1: y(10 ** low), x2: x(10 ** high), y2: y(10 ** high) }));
  const [radius, kind] = dots.length > 500 ? [2.5, "dot many"] : dots.length > 50 ? [4, "dot"] : [5.5, "dot"];
  for (const film of dots) {
    const at = codecs.indexOf(film.codec);
    const colour = at < 0 ? codecs.length - 1 : at;
    const says = `${film.name}: ${bytes(film.before)}, then ${bytes(film.after)}`;
    svg.append(draw("circle", { class: `${kind} c${colour}`, cx: x(film.before).toFixed(1), cy: y(film.after).toFixed(1), r: radius },
      draw("title", {}, says)));
  }
}

function legend(codecs) {
  const mark = (colour) => draw("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" },
    draw("circle", { class: `c${colour}`, cx: 5, cy: 5, r: 5 }));
  return codecs.map((codec, colour) => make("li", {}, mark(colour), codec ?? "unknown"));
}

// ---- Sums and the list ----------------------------------------------------------------------------------------------

function tiles(shown, encoded) {
  const sum = (of) => encoded.reduce((all, film) => all + of(film), 0);
  const [before, after] = [sum((film) => film.before), sum((film) => film.after)];
  const number = (...states) => shown.filter((film) => states.includes(film.status)).length;
  const timed = shown.filter((film) => film.fps > 0);
  const tile = (big, small, first) => make("div", { className: first ? "tile first" : "tile" },
    make("b", { textContent: big }), make("span", { textContent: small }));
  const saved = before > 0 ? `saved, ${percent((100 * (before - after)) / before)}` : "saved";
  const all = [
    tile(bytes(before - after), saved, true),
    tile(encoded.length, `of ${count(shown.length, "film")} encoded`),
    tile(bytes(after), `now, ${bytes(before)} before`),
    tile(number("Skipped"), "skipped"),
    tile(number("Failed", "Refused", "Missed"), "failed, refused or missed"),
  ];
  if (number("Waiting") > 0) all.push(tile(number("Waiting"), "waiting for approval"));
  if (timed.length > 0) {
    const middle = timed.map((film) => film.fps).sort((one, other) => one - other)[timed.length >> 1];
    all.push(tile(middle.toFixed(1), "frames a second, median"));
  }
  return all;
}

function cell(label, text, className = "number") {
  const cell = make("td", { className, textContent: text });
  if (text !== "") cell.dataset.label = label;
  return cell;
}

function row(film) {
  const name = make("td", { className: "name" }, make("bdi", { textContent: film.name }));
  if (film.dir !== "") name.append(make("small", {}, make("bdi", { textContent: film.dir })));
  if (film.reason !== null) name.append(make("small", { className: "why", textContent: film.reason }));
  const settings = [film.crf !== null ? `crf ${film.crf}` : "", film.preset !== null ? `preset ${film.preset}` : ""];
  const source = [film.resolution, film.codec, film.hdr === "SDR" ? null : film.hdr].filter(Boolean).join(" ");
  const under = film.encoded ? [film.class, ...settings].filter(Boolean).join(", ") : film.class ?? "";
  const kind = make("td", { className: "kind" }, source);
  if (under !== "") kind.append(make("small", { textContent: under }));
  const saved = film.saved === null ? "" : bytes(film.saved), share = film.share === null ? "" : percent(film.share);
  const tone = film.saved < 0 ? "number grown" : "number";
  return make("tr", {},
    name,
    make("td", {}, make("span", { className: `state ${film.status}`, textContent: film.status })),
    kind,
    cell("Before", film.before === null ? "" : bytes(film.before)),
    cell("After", film.encoded ? bytes(film.after) : ""),
    cell("Saved", saved, tone),
    cell("Saved %", share, tone),
    cell("fps", film.fps === null ? "" : film.fps.toFixed(1)),
    cell("Finished (UTC)", moment(film.time)));
}

function drawCharts(encoded) {
  const codecs = colours(encoded);
  drawSaved(byId("saved"), encoded);
  drawSizes(byId("sizes"), encoded, codecs);
  byId("legend").replaceChildren(...legend(codecs));
}

function show() {
  const shown = chosen(), encoded = shown.filter((film) => film.encoded);
  byId("tiles").replaceChildren(...tiles(shown, encoded));
  drawCharts(encoded);
  const listed = view.all ? shown : shown.slice(0, STEP);
  byId("rows").replaceChildren(...listed.map(row));
  byId("more").hidden = listed.length === shown.length;
  byId("more").textContent = `Show all ${shown.length} films`;
  byId("empty").hidden = shown.length > 0;
  byId("empty").textContent = films.length === 0 ? "There is no film in this history yet." : "No film is like that.";
  document.querySelector("table").hidden = shown.length === 0;
  for (const head of byId("heads").children) {
    if (head.dataset.order === view.sort) head.setAttribute("aria-sort", view.up ? "ascending" : "descending");
    else head.removeAttribute("aria-sort");
    const arrow = head.dataset.order !== view.sort ? "" : view.up ? " ↑" : " ↓";
    head.firstChild.textContent = head.dataset.title + arrow;
  }
  byId("dir").textContent = view.up ? "↑ ascending" : "↓ descending";
  byId("sort").value = view.sort;
  byId("status").value = view.status;
  if (byId("filter").value !== view.filter) byId("filter").value = view.filter;
}

function change(to) {
  Object.assign(view, to);
  keepAddress();
  show();
}

function sortBy(order) {
  change({ sort: order, up: order === view.sort ? !view.up : isText(order) });
}

// ---- The beginning --------------------------------------------------------------------------------------------------

function head([order, title]) {
  const number = !["name", "status", "kind"].includes(order);
  const button = make("button", { type: "button", onclick: () => sortBy(order) });
  const head = make("th", { className: number ? "number" : "", scope: "col" }, button);
  Object.assign(head.dataset, { order, title });
  return head;
}

function begin() {
  byId("heads").append(...ORDERS.map(head));
  byId("sort").append(...ORDERS.map(([value, textContent]) => make("option", { value, textContent })));
  byId("status").append(make("option", { value: "", textContent: "all" }),
    ...STATES.map((state) => make("option", { value: state, textContent: state })));
  byId("sort").onchange = (event) => change({ sort: event.target.value, up: isText(event.target.value) });
  byId("status").onchange = (event) => change({ status: event.target.value });
  byId("filter").oninput = (event) => change({ filter: event.target.value });
  byId("dir").onclick = () => change({ up: !view.up });
  byId("more").onclick = () => change({ all: true });
  byId("choice").onsubmit = (event) => event.preventDefault();
  const times = films.map((film) => film.time);
  const days = films.length === 0 ? [] : [...new Set([day(least(times)), day(most(times))])];
  byId("covered").textContent = [count(films.length, "film"), days.join(" to ")].filter(Boolean).join(", ");
  const follow = () => {
    readAddress();
    show();
  };
  window.onhashchange = follow;
  window.onresize = () => drawCharts(chosen().filter((film) => film.encoded));
  follow();
}

begin();
