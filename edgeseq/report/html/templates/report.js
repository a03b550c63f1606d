"use strict";
(async () => {
  const FORM = document.getElementById("filters");
  const TABLE = document.getElementById("all");
  // Sorting: numbers by data-sort, the rest by text; rows without a value stay last.
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.sort === undefined ? cell.textContent.trim() : Number(cell.dataset.sort);
  };
  const compare = (one, other) =>
    typeof one === "number" && typeof other === "number" ? one - other : String(one).localeCompare(String(other), "en");
  const missing = (each) => each === "" || each === "–";
  const sort = (head, column) => {
    const down = head.getAttribute("aria-sort") === "ascending";
    TABLE.querySelectorAll("th[aria-sort]").forEach((each) => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...TABLE.tBodies[0].rows].sort((one, other) => {
      const [a, b] = [value(one, column), value(other, column)];
      if (missing(a) || missing(b)) return missing(a) - missing(b);
      return down ? compare(b, a) : compare(a, b);
    });
    TABLE.tBodies[0].append(...rows);
  };
  const filter = () => {
    const { text, cell, status, fits } = FORM.elements;
    const wanted = text.value.trim().toLowerCase();
    const rows = [...TABLE.tBodies[0].rows];
    let left = 0;
    for (const row of rows) {
      row.hidden = !(
        (!wanted || row.textContent.toLowerCase().includes(wanted)) &&
        (!cell.value || row.dataset.cell === cell.value) &&
        (!status.value || row.dataset.status === status.value) &&
        (!fits.checked || "fits" in row.dataset)
      );
      left += !row.hidden;
    }
    document.getElementById("count").textContent = left === rows.length ? "" : `${left} of ${rows.length}`;
  };
  if (TABLE) {
    [...TABLE.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.ariaLabel = `Sort by ${head.textContent.trim()}`;
      head.append(button);
      head.addEventListener("click", () => sort(head, column));
    });
    FORM.addEventListener("input", filter);
    FORM.addEventListener("submit", (event) => event.preventDefault());
  }

  const FIGURES = JSON.parse(document.getElementById("figures").textContent);
  if (!Object.keys(FIGURES).length) return;
  if (!("DecompressionStream" in window)) {
    // A browser from before 2023: the tables hold all figures.
    document.documentElement.classList.add("no-charts");
    return;
  }
  const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), (each) => each.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const code = document.createElement("script");
  code.textContent = await new Response(stream).text();
  document.head.append(code);

  const NARROW = window.matchMedia("(max-width: 760px)");
  const chosen = (key) => document.querySelector(`select[data-chart="${key}"]`)?.value ?? 0;
  const draw = (key, width) => {
    const { data, layout } = structuredClone(FIGURES[key][chosen(key)]);
    if (NARROW.matches || width) {
      // On a phone a finger scrolls the page, it does not zoom.
      for (const axis of ["xaxis", "yaxis"]) layout[axis].fixedrange = true;
      layout.font.size = 12;
    }
    if (width) Object.assign(layout, { width, height: Math.min(layout.height, 340), autosize: false });
    const config = {
      responsive: true, displaylogo: false, displayModeBar: NARROW.matches || width ? false : "hover",
      // A report stays with its reader: Plotly would offer to upload a chart.
      modeBarButtonsToRemove: ["sendChartToCloud", "select2d", "lasso2d", "autoScale2d"], plotlyServerURL: "", typesetMath: false,
    };
    return Plotly.react(`chart-${key}`, data, layout, config);
  };
  const all = (width) => Promise.all(Object.keys(FIGURES).map((key) => draw(key, width)));
  document.querySelectorAll("select[data-chart]").forEach((each) => {
    each.addEventListener("change", () => draw(each.dataset.chart));
  });
  // Paper: A4 and Letter less their margins, at 96 dots an inch.
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((each) => { each.open = true; });
    all(680);
  });
  window.addEventListener("afterprint", () => {
    opened.forEach((each) => { each.open = false; });
    all();
  });
  NARROW.addEventListener("change", () => all());
  await all();
  document.documentElement.classList.add("drawn");
})();
