// The map: main roads, units, the incident and one route, drawn as SVG. Knows nothing of the API.
//
// Roads are drawn once in world coordinates and moved by one transform; what must keep its size
// on the screen (labels, markers) is placed anew at each change of view.

const SVG = "http://www.w3.org/2000/svg";
const CLASSES = ["secondary", "primary", "trunk", "motorway"];
const EARTH_M = 40_075_016;
const WORLD = 1_000_000; // world units around the equator: enough digits after one decimal

const x = (lon) => ((lon + 180) / 360) * WORLD;
const y = (lat) => {
  const angle = (lat * Math.PI) / 180;
  return (0.5 - Math.log(Math.tan(Math.PI / 4 + angle / 2)) / (2 * Math.PI)) * WORLD;
};
const lonOf = (wx) => (wx / WORLD) * 360 - 180;
const latOf = (wy) => (Math.atan(Math.sinh((0.5 - wy / WORLD) * 2 * Math.PI)) * 180) / Math.PI;

function make(name, attributes = {}, parent = null) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent?.append(element);
  return element;
}

// Points of a line where its number may stand: one each few kilometres, at least one.
function labelPlaces(points) {
  const step = 60; // world units: 2.4 km at the equator, 1.4 km at 53 degrees
  const places = [];
  let along = step / 2;
  let before = null;
  for (const [lon, lat] of points) {
    const here = [x(lon), y(lat)];
    if (before) along += Math.hypot(here[0] - before[0], here[1] - before[1]);
    if (along >= step) {
      places.push(here);
      along = 0;
    }
    before = here;
  }
  if (places.length) return places;
  const [lon, lat] = points[points.length >> 1];
  return [[x(lon), y(lat)]];
}

export class RoadMap {
  // `onPick(lat, lon)` is called for a click, or Enter, on the map.
  constructor(svg, onPick, onScale) {
    this.svg = svg;
    this.onPick = onPick;
    this.onScale = onScale;
    this.scale = 1;
    this.left = 0;
    this.top = 0;
    this.units = [];
    this.shields = [];
    this.incident = null;
    this.chosen = null;
    this.fitted = null; // the box in view, until the reader moves the map
    this.size = null;
    this.world = make("g", {}, svg);
    this.roads = make("g", { class: "roads" }, this.world);
    this.closed = make("g", { class: "closures" }, this.world);
    this.route = make("g", { class: "route" }, this.world);
    this.marks = make("g", {}, svg);
    this.crosshair = make("path", { class: "crosshair" }, svg);
    this.listen();
    new ResizeObserver(() => this.resized()).observe(svg);
  }

  // --- what is shown ---------------------------------------------------------------------
  setRegion([west, south, east, north]) {
    this.region = [x(west), y(north), x(east), y(south)];
    // Path data is written from this corner, so that coordinates stay short.
    this.origin = [this.region[0], this.region[1]];
    this.whole();
  }

  setRoads(collection) {
    const data = Object.fromEntries(CLASSES.map((name) => [name, []]));
    const spots = new Map();
    for (const { properties, geometry } of collection.features) {
      const name = properties.class.replace("_link", "");
      const points = geometry.coordinates;
      (data[name] ?? data.secondary).push(this.pathOf(points));
      if (!properties.ref || !CLASSES.includes(name)) continue;
      const ref = properties.ref.split(";")[0];
      if (!spots.has(ref)) spots.set(ref, { ref, name, places: [] });
      spots.get(ref).places.push(...labelPlaces(points));
    }
    this.roads.replaceChildren(
      ...CLASSES.map((name) => make("path", { class: name, d: data[name].join("") })),
    );
    this.frame(collection.features.flatMap((feature) => feature.geometry.coordinates));
    this.shields = [...spots.values()].sort(
      (a, b) => CLASSES.indexOf(b.name) - CLASSES.indexOf(a.name) || b.places.length - a.places.length,
    );
    this.whole();
  }

  setUnits(units) {
    this.units = units;
    this.draw();
  }

  // GeoJSON features with `in_force` and `shuts`; the reason is told on hovering.
  setClosures(features) {
    this.closed.replaceChildren(...features.map(({ properties, geometry }) => {
      const state = `${properties.shuts ? "shut" : "slow"} ${properties.in_force ? "" : "to-come"}`;
      const group = make("g", { class: state });
      const data = geometry.coordinates.map((points) => this.pathOf(points)).join("");
      for (const name of ["casing", "line"]) make("path", { class: name, d: data }, group);
      make("title", {}, group).textContent = `${properties.roads.join(", ")}: ${properties.reason}`;
      return group;
    }));
  }

  setIncident(incident, accuracyM = null) {
    this.incident = incident && { ...incident, accuracyM };
    this.draw();
  }

  setRoute(line, chosen) {
    this.chosen = chosen;
    const data = line ? this.pathOf(line.coordinates) : "";
    this.route.replaceChildren(
      ...(line ? ["casing", "line"].map((name) => make("path", { class: name, d: data })) : []),
    );
    this.draw();
  }

  // --- where we look ---------------------------------------------------------------------
  // The main roads are what there is to see; local roads may lie far beyond them.
  frame(places) {
    if (!places.length) return;
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (const [lon, lat] of places) {
      box[0] = Math.min(box[0], x(lon));
      box[1] = Math.min(box[1], y(lat));
      box[2] = Math.max(box[2], x(lon));
      box[3] = Math.max(box[3], y(lat));
    }
    this.region = box;
  }

  whole() {
    if (this.region) this.fit(this.region);
  }

  // Bring positions into view with a margin, but no closer than a few kilometres.
  show(places) {
    const xs = places.map(([lon]) => x(lon));
    const ys = places.map(([, lat]) => y(lat));
    this.fit([Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)], 70);
  }

  fit([x0, y0, x1, y1], margin = 24) {
    this.fitted = [[x0, y0, x1, y1], margin];
    const { clientWidth: width, clientHeight: height } = this.svg;
    if (!width || !height) return;
    this.size = [width, height];
    const room = [Math.max(width - 2 * margin, 80), Math.max(height - 2 * margin, 80)];
    this.scale = Math.min(room[0] / Math.max(x1 - x0, 60), room[1] / Math.max(y1 - y0, 60));
    this.left = width / 2 - ((x0 + x1) / 2) * this.scale;
    this.top = height / 2 - ((y0 + y1) / 2) * this.scale;
    this.draw();
  }

  zoom(factor, sx = this.svg.clientWidth / 2, sy = this.svg.clientHeight / 2) {
    this.fitted = null;
    const scale = Math.min(Math.max(this.scale * factor, 0.02), 40);
    this.left = sx - ((sx - this.left) / this.scale) * scale;
    this.top = sy - ((sy - this.top) / this.scale) * scale;
    this.scale = scale;
    this.draw();
  }

  pan(dx, dy) {
    this.fitted = null;
    this.left += dx;
    this.top += dy;
    this.draw();
  }

  // What was brought into view stays in view; where the reader went on from there, the centre does.
  resized() {
    const { clientWidth: width, clientHeight: height } = this.svg;
    if (this.fitted) this.fit(...this.fitted);
    else if (this.size) this.pan((width - this.size[0]) / 2, (height - this.size[1]) / 2);
    this.size = [width, height];
  }

  // --- drawing ---------------------------------------------------------------------------
  pathOf(points) {
    const [ox, oy] = this.origin;
    return "M" + points.map(([lon, lat]) => `${(x(lon) - ox).toFixed(1)} ${(y(lat) - oy).toFixed(1)}`).join("L");
  }

  place(lon, lat) {
    return [x(lon) * this.scale + this.left, y(lat) * this.scale + this.top];
  }

  draw() {
    if (this.pending || !this.origin) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = null;
      this.drawNow();
    });
  }

  drawNow() {
    const [ox, oy] = this.origin;
    const shift = [ox * this.scale + this.left, oy * this.scale + this.top];
    this.world.setAttribute("transform", `translate(${shift}) scale(${this.scale})`);
    const taken = [];
    const units = this.units.map((unit) => this.drawUnit(unit, taken));
    const incident = this.incident ? [this.drawIncident(taken)] : [];
    const shields = this.shields.flatMap((shield) => this.drawShield(shield, taken));
    this.marks.replaceChildren(...shields, ...units, ...incident);
    const [cx, cy] = [this.svg.clientWidth / 2, this.svg.clientHeight / 2];
    this.crosshair.setAttribute("d", `M${cx - 12} ${cy}h24M${cx} ${cy - 12}v24`);
    this.onScale(this.metresPerPixel());
  }

  metresPerPixel() {
    const middle = latOf((this.svg.clientHeight / 2 - this.top) / this.scale);
    return (EARTH_M * Math.cos((middle * Math.PI) / 180)) / WORLD / this.scale;
  }

  drawUnit(unit, taken) {
    const [sx, sy] = this.place(unit.lon, unit.lat);
    const state = `${unit.ods_code === this.chosen ? "chosen" : ""} ${unit.status === "open" ? "" : "closed"}`;
    const group = make("g", { class: `unit ${state}`, transform: `translate(${sx} ${sy})` });
    make("rect", { x: -10, y: -10, width: 20, height: 20, rx: 5 }, group);
    make("path", { d: "M-4-5V5M4-5V5M-4 0H4" }, group);
    // The name goes to the side that has room.
    const width = unit.name.length * 7;
    const rightward = sx + 16 + width < this.svg.clientWidth;
    const label = make("text", { x: rightward ? 16 : -16, y: 4.5 }, group);
    if (!rightward) label.setAttribute("text-anchor", "end");
    label.textContent = unit.name + (unit.status === "open" ? "" : ` (${unit.status})`);
    taken.push(rightward ? [sx - 14, sy - 14, sx + 20 + width, sy + 14] : [sx - 20 - width, sy - 14, sx + 14, sy + 14]);
    return group;
  }

  drawIncident(taken) {
    const { lat, lon, snap, accuracyM } = this.incident;
    const [sx, sy] = this.place(lon, lat);
    const group = make("g", { class: "incident" });
    const radius = (accuracyM ?? 0) / this.metresPerPixel();
    if (radius > 4) make("circle", { class: "disc", cx: sx, cy: sy, r: radius }, group);
    if (snap) {
      const [rx, ry] = this.place(snap.lon, snap.lat);
      make("line", { class: "to-road", x1: sx, y1: sy, x2: rx, y2: ry }, group);
    }
    make("circle", { class: "ring", cx: sx, cy: sy, r: 11 }, group);
    make("circle", { class: "dot", cx: sx, cy: sy, r: 8 }, group);
    taken.push([sx - 14, sy - 14, sx + 14, sy + 14]);
    return group;
  }

  // Road numbers where there is room; the same number again only a good way off.
  drawShield({ ref, name, places }, taken) {
    const half = ref.length * 3.4 + 5;
    const mine = [];
    const out = [];
    for (const [wx, wy] of places) {
      const [sx, sy] = [wx * this.scale + this.left, wy * this.scale + this.top];
      if (sx < half || sy < 12 || sx > this.svg.clientWidth - half || sy > this.svg.clientHeight - 50) continue;
      if (mine.some(([ax, ay]) => Math.hypot(ax - sx, ay - sy) < 260)) continue;
      const air = name === "motorway" ? 4 : 14;
      const box = [sx - half - air, sy - 10 - air, sx + half + air, sy + 10 + air];
      if (taken.some((b) => box[0] < b[2] && b[0] < box[2] && box[1] < b[3] && b[1] < box[3])) continue;
      taken.push(box);
      mine.push([sx, sy]);
      const group = make("g", { class: `shield ${name}`, transform: `translate(${sx} ${sy})` });
      make("rect", { x: -half, y: -8, width: 2 * half, height: 16, rx: 4 }, group);
      make("text", { y: 3.8 }, group).textContent = ref;
      out.push(group);
    }
    return out;
  }

  // --- hands -----------------------------------------------------------------------------
  pick(sx, sy) {
    this.onPick(latOf((sy - this.top) / this.scale), lonOf((sx - this.left) / this.scale));
  }

  listen() {
    const svg = this.svg;
    const down = new Map(); // pointers on the map, by id
    let moved = 0;
    svg.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      if (!down.size) moved = 0;
      down.set(event.pointerId, [event.offsetX, event.offsetY]);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", (event) => {
      const before = down.get(event.pointerId);
      if (!before) return;
      const now = [event.offsetX, event.offsetY];
      moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
      if (moved < 5) return;
      svg.classList.add("dragging");
      const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const span = (a) => Math.max(Math.hypot(a[0] - other[0], a[1] - other[1]), 1);
        this.zoom(span(now) / span(before), other[0], other[1]);
      } else this.pan(now[0] - before[0], now[1] - before[1]);
      down.set(event.pointerId, now);
    });
    const up = (event) => {
      if (!down.delete(event.pointerId)) return;
      svg.classList.remove("dragging");
      if (event.type === "pointerup" && moved < 5) this.pick(event.offsetX, event.offsetY);
    };
    svg.addEventListener("pointerup", up);
    svg.addEventListener("pointercancel", up);
    svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * 0.0015), event.offsetX, event.offsetY);
    }, { passive: false });
    const keys = {
      ArrowLeft: () => this.pan(60, 0), ArrowRight: () => this.pan(-60, 0),
      ArrowUp: () => this.pan(0, 60), ArrowDown: () => this.pan(0, -60),
      "+": () => this.zoom(1.4), "=": () => this.zoom(1.4), "-": () => this.zoom(1 / 1.4),
      0: () => this.whole(),
      Enter: () => this.pick(svg.clientWidth / 2, svg.clientHeight / 2),
    };
    svg.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    });
  }
}
