// The documentation: openapi.json as a page, without anything from outside.

const description = await (await fetch("/openapi.json")).json();
const shapes = description.components.schemas;

function element(name, text = "", attributes = {}, ...children) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function resolve(schema) {
  return schema?.$ref ? shapes[schema.$ref.split("/").pop()] : schema;
}

// A type in words: "number or null", "list of RankedOut", "open | divert | closed".
function typeOf(schema) {
  if (!schema) return "any";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.const !== undefined) return String(schema.const);
  if (schema.type === "array") return schema.prefixItems ? `list of ${schema.prefixItems.length} ${typeOf(schema.prefixItems[0])}s` : `list of ${typeOf(schema.items)}`;
  return schema.type ?? "any";
}

function table(heads, rows) {
  const head = element("tr", "", {}, ...heads.map((text) => element("th", text, { scope: "col" })));
  return element("table", "", {}, element("thead", "", {}, head), element("tbody", "", {}, ...rows));
}

const row = (cells, attributes = {}) =>
  element("tr", "", attributes, ...cells.map((cell) => (cell instanceof Node ? element("td", "", {}, cell) : element("td", cell))));

const code = (text) => element("code", text);

// Text in which `words` are code.
function prose(text) {
  return element("span", "", {}, ...text.split("`").map((part, i) => (i % 2 ? code(part) : part)));
}

// All shapes that one shape is made of, itself first.
function shapesUnder(name, seen = []) {
  if (seen.includes(name)) return seen;
  seen.push(name);
  for (const [, inner] of JSON.stringify(shapes[name]).matchAll(/schemas\/(\w+)"/g)) shapesUnder(inner, seen);
  return seen;
}

function shapeTables(schema) {
  const name = schema?.$ref?.split("/").pop();
  if (!name) return [];
  const examples = (shapes[name].examples ?? []).map((example) =>
    element("pre", JSON.stringify(example, null, 2)));
  return [...examples, ...shapesUnder(name).flatMap((inner) => [
    element("h3", inner),
    table(["Field", "Type", ""], Object.entries(shapes[inner].properties ?? {}).map(([field, part]) =>
      row([code(field), typeOf(part), prose(part.description ?? resolve(part)?.description ?? "")]))),
  ])];
}

function curl(path, method, operation) {
  const origin = location.origin;
  const body = operation.requestBody?.content["application/json"].examples;
  if (body) {
    return Object.values(body).map(({ value }) =>
      `curl '${origin}${path}' -H 'Content-Type: application/json' -d '${JSON.stringify(value)}'`).join("\n");
  }
  const given = (operation.parameters ?? []).filter((p) => p.schema.examples);
  const query = given.map((p) => `${p.name}=${p.schema.examples[0]}`).join("&");
  return `curl '${origin}${path}${query ? `?${query}` : ""}'`;
}

function section(path, method, operation) {
  const title = element("h2", "", {}, element("span", method.toUpperCase(), { class: "method" }), code(path));
  const made = element("section", "", { id: operation.operationId }, title, element("p", operation.description ?? ""));
  made.append(element("pre", curl(path, method, operation)));
  if (operation.parameters) {
    made.append(element("h3", "Parameters"), table(["Name", "Type", ""], operation.parameters.map((p) =>
      row([code(p.name), typeOf(p.schema) + (p.required ? ", required" : ""), prose(p.description ?? "")]))));
  }
  const body = operation.requestBody?.content["application/json"].schema;
  if (body) made.append(element("details", "", {}, element("summary", "Body"), ...shapeTables(body)));
  const replies = Object.entries(operation.responses);
  const [good, reply] = replies.find(([status]) => status.startsWith("2"));
  const success = Object.values(reply.content)[0].schema;
  made.append(element("details", "", {}, element("summary", "Reply"), ...shapeTables(success)));
  const refusals = replies.filter(([status]) => status !== good);
  made.append(element("p", `Problems: ${refusals.map(([status]) => status).join(", ")}`, { class: "purpose" }));
  return made;
}

function problems() {
  const rows = description["x-problems"].map((p) =>
    row([String(p.status), code(p.code), `${p.title}. ${p.meaning}`], { id: p.code }));
  return element("section", "", {}, element("h2", "Problems"),
    element("p", "Every error is application/problem+json with these members and, where it helps, further facts: type, title, status, detail, code."),
    table(["Status", "Code", "Meaning"], rows));
}

document.getElementById("version").textContent = `Version ${description.info.version}`;
document.getElementById("description").textContent = description.info.description;
const article = document.getElementById("routes");
for (const [path, methods] of Object.entries(description.paths)) {
  for (const [method, operation] of Object.entries(methods)) article.append(section(path, method, operation));
}
article.append(problems());
if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
