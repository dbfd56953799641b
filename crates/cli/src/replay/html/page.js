"use strict";
// The page can be read without this. No less-than signs and no ampersands in here: the page is XML as well.
(() => {
  const all = (selector, within) => Array.from((within ?? document).querySelectorAll(selector));

  // On paper nothing can be unfolded. The style sees to it in browsers that know how; this does in the others. The
  // chart's numbers are printed only if they are unfolded: the drawing is there.
  const unfolded = [];
  addEventListener("beforeprint", () => all("details:not([open], .optional)").forEach((details) => {
    details.open = true;
    unfolded.push(details);
  }));
  addEventListener("afterprint", () => unfolded.splice(0).forEach((details) => { details.open = false; }));

  // Sorting: a button in each heading of the table of incidents.
  const body = document.querySelector("table.incidents tbody");
  if (body === null) return;
  const order = (a, b) => {
    const [x, y] = [Number(a), Number(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
  };
  const headings = all("table.incidents thead th");
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const descending = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const key = (row) => row.children[column].dataset.sort;
      const rows = all("tr", body).sort((a, b) => (descending ? -1 : 1) * order(key(a), key(b)));
      body.append(...rows);
    });
  });
  headings[0].setAttribute("aria-sort", "ascending");
})();
