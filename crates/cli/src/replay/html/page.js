"use strict";
// The page can be read without this. No less-than signs and no ampersands in here: the page is XML as well.
(() => {
  const all = (selector, within) => Array.from((within ?? document).querySelectorAll(selector));
  const make = (name, values) => Object.assign(document.createElement(name), values);

  // Charts: a slider below each reads out one bin. It is moved by keyboard, by touch, and by a tap into the chart.
  const two = (number) => String(number).padStart(2, "0");
  const clock = (at) => `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
  const day = (at) => at.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
  const number = (count) => count.toLocaleString("en-US").replaceAll(",", "\u202f");

  all(".drawing").forEach((drawing) => {
    const { from, bin, count, axisFrom, axisTo } = drawing.dataset;
    const [begin, width, bins] = [from, bin, count].map(Number);
    const series = all("[data-values]", drawing).map((one) => ({
      name: one.dataset.name, values: one.dataset.values.split(" ").map(Number),
    }));
    const words = (place) => {
      const [start, end] = [begin + place * width, begin + (place + 1) * width].map((second) => new Date(second * 1000));
      const whole = width % 86400 === 0;
      const time = whole ? `${day(start)}, ${width / 86400} d` : `${day(start)}, ${clock(start)} to ${clock(end)} UTC`;
      const counts = series.map((one) => `${one.name}: ${number(one.values[place])}`);
      return `${time} \u2014 ${counts.join(", ")}`;
    };
    // What is worst is read out first.
    const weight = (place) => series.reduce((sum, one) => one.name === "calls worked" ? sum : sum + one.values[place], 0);
    const worst = Array.from({ length: bins }, (_, place) => place).reduce((a, b) => weight(b) > weight(a) ? b : a, 0);

    const reader = make("div", { className: "reader" });
    const label = make("label", { textContent: "Values at a time: tap the chart, or move the slider" });
    const slider = make("input", { type: "range", min: 0, max: bins - 1, step: 1 });
    const output = make("p", { className: "values" });
    label.append(slider);
    reader.append(label, output);
    drawing.parentElement.after(reader);

    const cursor = document.createElementNS(drawing.namespaceURI, "line");
    const height = drawing.getAttribute("height");
    [["class", "cursor"], ["y1", 0], ["y2", height]].forEach(([name, value]) => cursor.setAttribute(name, value));
    drawing.append(cursor);

    const show = () => {
      const place = Number(slider.value);
      const middle = begin + (place + 0.5) * width;
      const x = Math.min(100, Math.max(0, 100 * (middle - axisFrom) / (axisTo - axisFrom)));
      cursor.setAttribute("x1", `${x}%`);
      cursor.setAttribute("x2", `${x}%`);
      output.textContent = words(place);
      slider.setAttribute("aria-valuetext", output.textContent);
    };
    const point = (event) => {
      const box = drawing.getBoundingClientRect();
      const second = Number(axisFrom) + (axisTo - axisFrom) * (event.clientX - box.left) / box.width;
      slider.value = Math.floor((second - begin) / width);
      show();
    };
    slider.addEventListener("input", show);
    drawing.addEventListener("pointerdown", point);
    drawing.addEventListener("pointermove", (event) => { if (event.buttons !== 0 || event.pointerType === "mouse") point(event); });
    slider.value = worst;
    show();
  });

  // Sorting: a button in each heading of the table of incidents.
  const body = document.querySelector("table.incidents tbody");
  if (body === null) return;
  const order = (a, b) => {
    const [x, y] = [Number(a), Number(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
  };
  const headings = all("table.incidents thead th");
  headings.forEach((heading, column) => {
    const button = make("button", { type: "button" });
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
