"use strict";
(() => {
  // Every text below comes from clouds, tags and registers: it is set as text, never as markup.
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const table = $("t-exposures");
  const body = table.tBodies[0];
  const form = $("filter");
  const rows = [...body.rows].filter((row) => row.dataset.n !== undefined);
  const KEYS = ["q", "dataset", "country", "channel", "tie", "band"];
  const SIGNS = { product: "×", max: "max of", geomean: "geometric mean of", sum: "sum of", hull: "from lowest to highest of",
    complement: "", widen: "widened", pick: "", fact: "fact", constant: "judgement", row: "inventory", unknown: "not known" };

  function make(tag, className, text) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  }

  // a link only where the scheme is http or https; anything else stays text
  function address(text) {
    let url;
    try { url = new URL(text); } catch { return make("span", "", text); }
    if (!["http:", "https:"].includes(url.protocol) || url.hostname.endsWith(".invalid")) return make("span", "", text);
    const link = make("a", "", text);
    link.href = url.href;
    link.rel = "noopener noreferrer";
    return link;
  }

  const number = (value) => String(Number(value.toPrecision(3)));
  const range = (lo, hi) => (lo === hi ? number(lo) : `${number(lo)}–${number(hi)}`);

  function node(index) {
    const [kind, label, lo, hi, children, weights, source, note] = data.nodes[index];
    const pairs = [];
    for (let i = 0; i < source.length; i += 2) pairs.push([data.texts[source[i]], data.texts[source[i + 1]]]);
    return { kind: data.texts[kind], label: data.texts[label], lo, hi, children, weights, pairs,
      note: note < 0 ? "" : data.texts[note] };
  }

  function sources(item, into) {
    for (const [key, value] of item.pairs) {
      const line = make("div", "src", `${key}: `);
      line.append(key === "url" ? address(value) : make("span", "", value));
      into.append(line);
    }
    if (item.note) into.append(make("div", "src", item.note));
  }

  function head(item, into, weight) {
    into.append(make("span", "v", range(item.lo, item.hi)), " ", make("span", "op", `${SIGNS[item.kind] ?? item.kind} `), item.label);
    if (weight !== undefined) into.append(make("span", "op", ` (weight ${number(weight)})`));
  }

  // branches are built when they are opened
  function tree(index, depth, weight) {
    const item = node(index);
    const line = make("li", item.kind === "unknown" ? "unknown" : "");
    if (!item.children.length) {
      head(item, line, weight);
      sources(item, line);
      return line;
    }
    const branch = make("details");
    const summary = make("summary");
    head(item, summary, weight);
    branch.append(summary);
    const fill = () => {
      if (branch.childElementCount > 1) return;
      sources(item, branch);
      const list = make("ul");
      const weighted = item.weights.length === item.children.length && item.kind !== "complement" && item.kind !== "widen";
      item.children.forEach((child, at) => list.append(tree(child, depth + 1, weighted ? item.weights[at] : undefined)));
      branch.append(list);
    };
    branch.addEventListener("toggle", () => { if (branch.open) fill(); });
    if (depth < 1) { fill(); branch.open = true; }
    line.append(branch);
    return line;
  }

  function computation(title, found, into) {
    const [root, stores, steps] = found;
    into.append(make("h3", "", title));
    const top = node(stores);
    const path = make("ol", "steps");
    path.append(make("li", "", top.label));
    for (const step of steps) {
      const item = node(step);
      const line = make("li");
      line.append(item.label, make("span", "v", ` (strength ${range(item.lo, item.hi)})`));
      sources(item, line);
      path.append(line);
    }
    into.append(path);
    const all = node(root);
    into.append(make("p", "note", `Score ${range(all.lo * 100, all.hi * 100)} = 100 × ${range(all.lo, all.hi)}, computed as:`));
    const list = make("ul", "tree");
    list.append(tree(root, 0));
    into.append(list);
  }

  function toggle(row, button) {
    const next = row.nextElementSibling;
    if (next && next.classList.contains("detail")) {
      next.remove();
      button.setAttribute("aria-expanded", "false");
      return;
    }
    const detail = make("tr", "detail");
    const cell = make("td");
    cell.colSpan = row.cells.length;
    const [seen, full] = data.cells[row.dataset.n];
    const same = seen && full && seen[0] === full[0];
    if (seen) computation(same ? "Path and computation" : "From what was seen", seen, cell);
    else cell.append(make("p", "note", "Nothing that was seen reaches this jurisdiction on this channel; only what was not seen could."));
    if (!same && full) computation("With what was not seen", full, cell);
    detail.append(cell);
    row.after(detail);
    button.setAttribute("aria-expanded", "true");
  }

  for (const row of rows) {
    row.text = row.textContent.toLowerCase();
    if (!data.cells[row.dataset.n]) continue;
    const button = make("button", "open", "how computed");
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => toggle(row, button));
    row.cells[0].append(button);
  }

  function close() {
    for (const detail of body.querySelectorAll("tr.detail")) detail.remove();
    for (const button of body.querySelectorAll("button.open")) button.setAttribute("aria-expanded", "false");
  }

  function apply() {
    const words = form.elements.q.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = KEYS.slice(1).map((key) => [key, form.elements[key].value]).filter(([, value]) => value);
    let shown = 0;
    close();
    for (const row of rows) {
      const fits = words.every((word) => row.text.includes(word)) && wanted.every(([key, value]) =>
        row.dataset[key] === value || (key === "band" && row.dataset.with === value));
      row.hidden = !fits;
      if (fits) shown += 1;
    }
    $("count").textContent = `${shown} of ${rows.length} rows`;
  }

  function read() {
    const text = location.hash.slice(1);
    if (!text.includes("=")) return false;
    const asked = new URLSearchParams(text);
    for (const key of KEYS) {
      const field = form.elements[key];
      field.value = asked.get(key) ?? "";
      if (field.value !== (asked.get(key) ?? "")) field.value = "";
    }
    return true;
  }

  // `open=1` in the address opens the first row that fits, so that one computation can be linked to
  function unfold() {
    if (new URLSearchParams(location.hash.slice(1)).get("open") !== "1") return;
    rows.find((row) => !row.hidden && row.querySelector("button.open"))?.querySelector("button.open").click();
  }

  function write() {
    const asked = new URLSearchParams();
    for (const key of KEYS) if (form.elements[key].value) asked.set(key, form.elements[key].value);
    history.replaceState(null, "", asked.size ? `#${asked}` : location.pathname + location.search);
  }

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { apply(); write(); });
  form.addEventListener("reset", () => setTimeout(() => { apply(); write(); }));
  addEventListener("hashchange", () => { if (read()) { apply(); unfold(); $("exposures").scrollIntoView(); } });
  const asked = read();
  apply();
  if (asked) { unfold(); $("exposures").scrollIntoView(); }

  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = make("button", "", header.textContent);
    button.type = "button";
    header.replaceChildren(button);
    const numeric = header.dataset.sort === "num";
    const key = (row) => (numeric ? Number(row.cells[column].dataset.v) : row.cells[column].textContent);
    button.addEventListener("click", () => {
      const before = header.getAttribute("aria-sort");
      const down = before ? before === "ascending" : numeric;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sign = down ? -1 : 1;
      close();
      rows.sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        const order = numeric ? x - y : x.localeCompare(y);
        return sign * order || Number(a.dataset.n) - Number(b.dataset.n);
      });
      body.append(...rows);
    });
  });

  // paper shows what a screen folds away, except the laws, which would fill it
  addEventListener("beforeprint", () => {
    for (const item of document.querySelectorAll("#gaps details, #axes details, #t-countries details")) item.open = true;
  });
})();
