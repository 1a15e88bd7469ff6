// A journey as a graph: steps with how many leads wait in each, laid out by dagre.
import cytoscape from "cytoscape";
import dagre from "@dagrejs/dagre";

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function layout(nodes, edges) {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: 36, ranksep: 46, marginx: 16, marginy: 16 });
  for (const node of nodes) graph.setNode(node.data.id, { width: 190, height: 54 });
  for (const edge of edges) graph.setEdge(edge.data.source, edge.data.target, { width: 40, height: 14, labelpos: "c" }, edge.data.id);
  dagre.layout(graph);
  return nodes.map((node) => {
    const { x, y } = graph.node(node.data.id);
    return { ...node, position: { x, y } };
  });
}

// How far an edge bends aside where dagre leads it around nodes.
function bends(nodes, edges) {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: 36, ranksep: 46, marginx: 16, marginy: 16 });
  for (const node of nodes) graph.setNode(node.data.id, { width: 190, height: 54 });
  for (const edge of edges) graph.setEdge(edge.data.source, edge.data.target, { width: 40, height: 14, labelpos: "c" }, edge.data.id);
  dagre.layout(graph);
  const at = (id) => graph.node(id);
  return edges.map((edge) => {
    const { points } = graph.edge(edge.data.source, edge.data.target, edge.data.id);
    const [a, b, mid] = [at(edge.data.source), at(edge.data.target), points[Math.floor(points.length / 2)]];
    const [dx, dy] = [b.x - a.x, b.y - a.y];
    const length = Math.hypot(dx, dy) || 1;
    const bend = ((mid.x - a.x) * -dy + (mid.y - a.y) * dx) / length;
    return { data: { ...edge.data, bend: Math.abs(bend) > 12 ? bend * 1.5 : 0 } };
  });
}

function draw(box) {
  const { nodes, edges } = JSON.parse(box.dataset.graph);
  const text = colour("--text");
  const plot = cytoscape({
    container: box,
    elements: { nodes: layout(nodes, edges), edges: bends(nodes, edges) },
    layout: { name: "preset", fit: true, padding: 12 },
    minZoom: 0.25,
    maxZoom: 1.6,
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
      {
        selector: "edge[bend != 0]",
        style: { "curve-style": "unbundled-bezier", "control-point-distances": "data(bend)", "control-point-weights": 0.5 },
      },
    ],
  });
  plot.on("tap", "node", (event) => {
    const link = event.target.data("href");
    if (link) window.location.assign(link);
  });
  const size = plot.elements().boundingBox();
  const fit = Math.min(1, (box.clientWidth - 24) / size.w);
  box.classList.add(size.h * fit > 460 ? "tall" : "short");
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
