// A journey as a graph: steps with how many leads wait in each, laid out by dagre.
import cytoscape from "cytoscape";
import dagre from "@dagrejs/dagre";

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function layout(nodes, edges) {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "TB", nodesep: 36, ranksep: 46, marginx: 16, marginy: 16 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) graph.setNode(node.data.id, { width: 190, height: 54 });
  for (const edge of edges) graph.setEdge(edge.data.source, edge.data.target);
  dagre.layout(graph);
  return nodes.map((node) => {
    const { x, y } = graph.node(node.data.id);
    return { ...node, position: { x, y } };
  });
}

function draw(box) {
  const { nodes, edges } = JSON.parse(box.dataset.graph);
  const text = colour("--text");
  const plot = cytoscape({
    container: box,
    elements: { nodes: layout(nodes, edges), edges },
    layout: { name: "preset", fit: true, padding: 12 },
    minZoom: 0.25,
    maxZoom: 1.6,
    wheelSensitivity: 0.2,
    userZoomingEnabled: false,
    autoungrabify: true,
    style: [
      {
        selector: "node",
        style: {
          shape: "round-rectangle",
          width: 190,
          height: 54,
          label: "data(label)",
          "text-wrap": "wrap",
          "text-max-width": 176,
          "text-valign": "center",
          "font-size": 13,
          "font-family": "system-ui, sans-serif",
          color: text,
          "background-color": colour("--card"),
          "border-width": 1.5,
          "border-color": colour("--edge"),
        },
      },
      { selector: "node[waiting > 0]", style: { "border-color": colour("--accent"), "border-width": 2.5, "background-color": colour("--tint") } },
      { selector: "node[?end]", style: { shape: "ellipse", width: 88, height: 40, color: colour("--dim") } },
      {
        selector: "edge",
        style: {
          width: 1.5,
          "curve-style": "bezier",
          "line-color": colour("--edge"),
          "target-arrow-color": colour("--edge"),
          "target-arrow-shape": "triangle",
          label: "data(label)",
          "font-size": 11,
          "font-family": "system-ui, sans-serif",
          color: colour("--dim"),
          "text-background-color": colour("--card"),
          "text-background-opacity": 1,
          "text-background-padding": 2,
        },
      },
    ],
  });
  plot.on("tap", "node", (event) => {
    const link = event.target.data("href");
    if (link) window.location.assign(link);
  });
  const size = plot.elements().boundingBox();
  const fit = Math.min(1, (box.clientWidth - 24) / size.w);
  box.classList.add(size.h * fit > 560 ? "tall" : "short");
  plot.resize();
  plot.fit(undefined, 12);
  if (plot.zoom() > 1) {
    plot.zoom(1);
    plot.center();
  }
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => {
      plot.zoom({ level: plot.zoom() * Number(button.dataset.zoom), renderedPosition: { x: box.clientWidth / 2, y: box.clientHeight / 2 } });
    });
  }
}

for (const box of document.querySelectorAll("[data-graph]")) draw(box);
