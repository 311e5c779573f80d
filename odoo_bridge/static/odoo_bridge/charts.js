// Draws the charts of the overview: each canvas from the JSON beside it, in the colours of the theme.
"use strict";

(() => {
  const COLOURS = {
    light: { primary: "#2563eb", good: "#15803d", warning: "#c2410c", info: "#0e7490", bad: "#b91c1c", text: "#374151", grid: "#e5e7eb" },
    dark: { primary: "#60a5fa", good: "#4ade80", warning: "#fb923c", info: "#22d3ee", bad: "#f87171", text: "#d1d5db", grid: "#293548" },
  };
  const drawn = new Map();
  Chart.defaults.font.family = "Inter, sans-serif";

  const spelled = (value, unit) => `${value.toLocaleString("en-US", { maximumFractionDigits: 1 })} ${unit}`.trim();
  const inShort = (value) => Intl.NumberFormat("en-US", { notation: "compact" }).format(value);

  function options(chart, colours) {
    const stacked = chart.shape === "stacked";
    const axis = { grid: { color: colours.grid }, ticks: { color: colours.text }, stacked };
    return {
      animation: false,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      onClick: (_event, elements) => {
        const link = elements.length && chart.links[elements[0].index];
        if (link) location.assign(link);
      },
      plugins: {
        legend: { display: chart.series.length > 1, labels: { color: colours.text, boxWidth: 12 } },
        tooltip: {
          callbacks: { label: (item) => ` ${item.dataset.label}: ${spelled(item.parsed.y, chart.unit)}` },
        },
      },
      scales: {
        x: { ...axis, grid: { display: false }, ticks: { ...axis.ticks, maxRotation: 0, autoSkipPadding: 12 } },
        y: { ...axis, beginAtZero: true, ticks: { ...axis.ticks, maxTicksLimit: 5, callback: inShort } },
      },
    };
  }

  function draw(canvas) {
    const chart = JSON.parse(canvas.closest("figure").querySelector("script").textContent);
    const colours = COLOURS[document.documentElement.classList.contains("dark") ? "dark" : "light"];
    const line = chart.shape === "line";
    const datasets = chart.series.map((series) => ({
      label: series.name,
      data: series.values,
      backgroundColor: colours[series.tone],
      borderColor: colours[series.tone],
      borderWidth: line ? 2 : 0,
      borderRadius: line ? 0 : 2,
      pointRadius: 0,
      stepped: line ? "middle" : false,
      maxBarThickness: 48,
    }));
    drawn.get(canvas)?.destroy();
    drawn.set(
      canvas,
      new Chart(canvas, { type: line ? "line" : "bar", data: { labels: chart.labels, datasets }, options: options(chart, colours) }),
    );
  }

  function drawAll() {
    for (const canvas of drawn.keys()) {
      if (!canvas.isConnected) {
        drawn.get(canvas).destroy();
        drawn.delete(canvas);
      }
    }
    document.querySelectorAll("#ob-charts canvas").forEach(draw);
  }

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "ob-charts") drawAll();
  });
  // The theme is a class of <html>, switched without a new page.
  new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["class"] });
})();
