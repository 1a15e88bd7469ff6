// Bundles what the pages load into ../static, each file named by what it holds.
// Run `npm ci && npm run build` here after a change; a running server needs none of it.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.env.OUT ?? join(here, "..", "static");
const entries = ["console.js", "charts.js", "graph.js", "console.css"];
const packages = ["@dagrejs/dagre", "@dagrejs/graphlib", "cytoscape", "htmx.org", "uplot"];

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, "licenses"), { recursive: true });
const manifest = {};
for (const entry of entries) {
  const made = await build({
    entryPoints: [join(here, "src", entry)],
    bundle: true,
    minify: true,
    write: false,
    target: ["es2020"],
    legalComments: "none",
    nodePaths: [join(process.cwd(), "node_modules")],
  });
  const bytes = made.outputFiles[0].contents;
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  const [name, kind] = entry.split(".");
  manifest[entry] = `${name}-${hash}.${kind}`;
  writeFileSync(join(out, manifest[entry]), bytes);
}
for (const name of packages) {
  const folder = join(process.cwd(), "node_modules", name);
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  const text = readFileSync(join(folder, file), "utf8");
  const flat = name.replace("@", "").replace("/", "-");
  writeFileSync(join(out, "licenses", `${flat}.txt`), `${name} ${version}\n\n${text}`);
}
writeFileSync(join(out, "manifest.json"), JSON.stringify(manifest, null, 2) + "\n");
