// Series over time, drawn by uPlot from the table that stands beside them.
import uPlot from "uplot";

const DAY_S = 86400;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function draw(box) {
  const { days, series } = JSON.parse(box.dataset.series);
  const lines = [colour("--accent"), colour("--good"), colour("--warn"), colour("--bad")];
  const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const options = {
    width: box.clientWidth,
    height: 200,
    cursor: { y: false },
    legend: { live: true },
    scales: { y: { range: (_, low, high) => [0, Math.max(4, high * 1.15)] } },
    axes: [
      { ...axis, values: (_, marks) => marks.map((at) => new Date(at * 1000).toISOString().slice(5, 10)), space: 64, incrs: [1, 2, 3, 7, 14, 28, 91, 182, 364].map((days) => days * DAY_S) },
      { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 10000, 50000] },
    ],
    series: [
      { label: box.dataset.time, value: (_, at) => (at ? new Date(at * 1000).toISOString().slice(0, 10) : "–") },
      ...series.map((each, place) => ({
        label: each.label,
        stroke: lines[place % lines.length],
        fill: place === 0 ? lines[0] + "1f" : undefined,
        width: 2,
        points: { show: false },
      })),
    ],
  };
  const plot = new uPlot(options, [days, ...series.map((each) => each.values)], box);
  new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: 200 })).observe(box);
}

for (const box of document.querySelectorAll("[data-series]")) draw(box);
