
(() => {
  "use strict";
  const MISSING = "\u2013";

  // The number that a cell begins with: 0.71, +0.02, [0.6, 0.8], <0.001, 3/5, 8.06 M. NaN where it holds words.
  const numeric = (text) => {
    const plain = text.replaceAll("\u2212", "-").replace(/^[[<+\s]+/, "").replace(/(\d),(?=\d{3}\b)/g, "$1");
    if (plain.startsWith("\u221e")) return Infinity;
    const found = plain.match(/^(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?:\s?([kMGT])\b)?/);
    return found ? Number(found[1]) * ({ k: 1e3, M: 1e6, G: 1e9, T: 1e12 }[found[2]] || 1) : NaN;
  };
  const words = (row, column) => row.cells[column].textContent.trim();
  const isMissing = (text) => text === "" || text === MISSING;

  // What is missing stays last, whichever way a column is sorted.
  const sorted = (rows, column, sign) => {
    const told = rows.map((row) => words(row, column)).filter((text) => !isMissing(text));
    const numbers = told.length > 0 && told.every((text) => !Number.isNaN(numeric(text)));
    const compare = (a, b) => {
      const [x, y] = [words(a, column), words(b, column)];
      if (isMissing(x) || isMissing(y)) return isMissing(x) - isMissing(y);
      return sign * (numbers ? numeric(x) - numeric(y) : x.localeCompare(y, "en", { numeric: true }));
    };
    return [...rows].sort(compare);
  };

  const sortable = (table) => {
    const body = table.tBodies[0];
    const first = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = "Sort by this column";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const next = { none: "ascending", ascending: "descending", descending: "none" }[head.ariaSort || "none"];
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        if (next !== "none") head.setAttribute("aria-sort", next);
        body.append(...(next === "none" ? first : sorted(first, column, next === "ascending" ? 1 : -1)));
      });
    });
  };

  const filterable = (table) => {
    const rows = [...table.tBodies[0].rows];
    const box = document.createElement("p");
    const field = document.createElement("input");
    const count = document.createElement("output");
    box.className = "filter";
    field.type = "search";
    field.placeholder = "Filter rows";
    field.setAttribute("aria-label", "Filter the rows of this table");
    field.addEventListener("input", () => {
      const asked = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row) => {
        const text = row.textContent.toLowerCase();
        row.hidden = !asked.every((word) => text.includes(word));
        shown += !row.hidden;
      });
      count.textContent = asked.length ? `${shown} of ${rows.length} rows` : "";
    });
    box.append(field, count);
    table.closest(".scroll").before(box);
  };

  document.querySelectorAll(".table table").forEach((table) => {
    if (table.tBodies[0].rows.length < 2) return;
    sortable(table);
    if (table.tBodies[0].rows.length > (table.closest(".front") ? 12 : 3)) filterable(table);
  });
  const folded = [...document.querySelectorAll("details")];
  addEventListener("beforeprint", () => folded.forEach((one) => { one.dataset.was = one.open; one.open = true; }));
  addEventListener("afterprint", () => folded.forEach((one) => { one.open = one.dataset.was === "true"; }));
})();
