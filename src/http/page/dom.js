// Makes elements from data. Data from outside, such as the names of queries, becomes text and never markup.

/// Makes an element. Children are elements, texts and numbers; null is left out.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined) made.append(child instanceof Node ? child : String(child));
  }
  return made;
}

/// Changes `old` so that it equals `wanted`. Does not touch parts that are equal, so that the focus and a selection
/// stay.
function change(old, wanted) {
  if (old.isEqualNode(wanted)) return;
  if (old.nodeName !== wanted.nodeName || old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeType === Node.TEXT_NODE && wanted.nodeType === Node.TEXT_NODE) old.data = wanted.data;
    else old.replaceWith(wanted);
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!wanted.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  show(old, ...wanted.childNodes);
}

/// Replaces the content of `parent` by `children`.
export function show(parent, ...children) {
  const wanted = children.flat(Infinity).map((child) => (child instanceof Node ? child : new Text(child)));
  wanted.forEach((child, at) => {
    const old = parent.childNodes[at];
    if (old) change(old, child);
    else parent.append(child);
  });
  while (parent.childNodes.length > wanted.length) parent.lastChild.remove();
}

/// Makes a table. `columns` are {title, cell(row) -> content, number?, wide?, row_header?}. `caption` is for screen
/// readers. On a narrow screen each row becomes a list of its cells, named by data-title (tables.css).
export function table(caption, columns, rows) {
  const head = columns.map((column) => element("th", { scope: "col", class: column.number ? "number" : null }, column.title));
  const body = rows.map((row) => {
    const cells = columns.map((column) => {
      const attributes = { "data-title": column.title, class: column.number ? "number" : column.wide ? "wide" : null };
      if (column.row_header) attributes.scope = "row";
      return element(column.row_header ? "th" : "td", attributes, element("div", {}, column.cell(row)));
    });
    return element("tr", {}, cells);
  });
  return element("table", {}, element("caption", { class: "hidden" }, caption), element("thead", {}, element("tr", {}, head)),
    element("tbody", {}, body));
}

/// Makes a list of names and values. `facts` are [name, content].
export function list_of_facts(facts) {
  return element("dl", { class: "facts" }, facts.map(([name, ...content]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, content))));
}

/// Makes a coloured word. `level` is ok, notice, warning, critical or none.
export function badge(level, text) {
  return element("span", { class: `badge ${level}` }, text);
}

/// Makes the second line of a cell, in a less prominent style.
export function second_line(...content) {
  return element("span", { class: "second" }, content);
}

export function quiet(...content) {
  return element("p", { class: "quiet" }, content);
}
