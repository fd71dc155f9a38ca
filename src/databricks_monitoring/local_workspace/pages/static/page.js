"use strict";

const dark = window.matchMedia("(prefers-color-scheme: dark)");

// Okabe and Ito's colours, which stay apart for every kind of colour vision; darkened or lightened for contrast.
const categories = {
  light: ["#0072b2", "#d98a00", "#00876a", "#b8578f", "#3f9fd8", "#c24e00", "#7a6bb3", "#6d7680"],
  dark: ["#4fa8e0", "#f0b13c", "#3cc09a", "#e08fbb", "#93cdf2", "#f0844a", "#b0a3e6", "#aab4be"],
};

function config(isDark) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const text = colour("--text");
  const muted = colour("--muted");
  const line = colour("--line");
  return {
    background: null,
    font: "Inter, system-ui, sans-serif",
    view: { stroke: null },
    axis: {
      labelColor: muted, titleColor: muted, domainColor: line, tickColor: line, gridColor: line,
      labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", titlePadding: 10, labelPadding: 5,
    },
    axisX: { grid: false },
    axisY: { domain: false, ticks: false },
    axisBand: { grid: false },
    legend: { labelColor: text, titleColor: muted, labelFontSize: 12, titleFontWeight: "normal", symbolType: "circle", rowPadding: 3, columnPadding: 16 },
    range: { category: isDark ? categories.dark : categories.light },
    mark: { color: (isDark ? categories.dark : categories.light)[0] },
    line: { strokeWidth: 2 },
    style: {
      reference: { color: muted },
      "reference-label": { color: muted },
      timed: { stroke: colour("--tile"), strokeWidth: 2 },
      heat: { stroke: colour("--tile"), strokeWidth: 1.5 },
      bar: { fill: isDark ? categories.dark[0] : categories.light[0] },
    },
  };
}

function greyReferences(spec, isDark) {
  const palette = isDark ? categories.dark : categories.light;
  for (const part of spec.layer || [spec]) {
    const scale = part.encoding && part.encoding.color && part.encoding.color.scale;
    if (!scale || !Array.isArray(scale.domain) || !scale.domain.some((name) => /^baseline\b/.test(name))) continue;
    const grey = isDark ? "#5d6875" : "#b9c1ca";
    scale.range = scale.domain.map((name, index) => (/^baseline\b/.test(name) ? grey : palette[index % palette.length]));
  }
}

function forScheme(source, isDark) {
  const spec = JSON.parse(source);
  greyReferences(spec, isDark);
  if (!isDark || !(spec.usermeta && spec.usermeta.sequential)) return spec;
  // The low end of a sequential scheme must fade into the background, which is the dark end here.
  for (const part of spec.layer || [spec]) {
    const colour = part.encoding && part.encoding.color;
    if (colour && colour.scale && colour.scale.scheme) colour.scale.reverse = true;
    else if (colour && colour.condition) [colour.value, colour.condition.value] = [colour.condition.value, colour.value];
  }
  return spec;
}

// Numbers in cells narrower than this would run into each other.
const leastCellWidth = 38;

function withoutCrampedLabels(spec, width) {
  const across = spec.usermeta && spec.usermeta.cells_across;
  if (across && width / across < leastCellWidth) spec.layer = spec.layer.slice(0, 1);
  return spec;
}

async function draw(tile) {
  const target = tile.querySelector(".chart");
  const source = tile.querySelector('script[type="application/json"]').textContent;
  try {
    const options = { actions: false, renderer: "svg", config: config(dark.matches), tooltip: { theme: "custom" } };
    if (target.view) target.view.finalize();
    const drawn = await vegaEmbed(target, withoutCrampedLabels(forScheme(source, dark.matches), target.clientWidth), options);
    target.view = drawn.view;
    tile.dataset.drawn = "true";
  } catch (error) {
    target.className = "message";
    target.textContent = `The chart could not be drawn: ${error.message}`;
    console.error(tile.dataset.name, error);
  }
}

async function drawAll() {
  await Promise.all([...document.querySelectorAll(".tile.chart")].map(draw));
  document.documentElement.dataset.drawn = "true";
}

dark.addEventListener("change", drawAll);
drawAll();
