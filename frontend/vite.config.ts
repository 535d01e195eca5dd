import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

/** The licences of what is built in, as they ask for. */
function licences(): Plugin {
  const { dependencies } = JSON.parse(readFileSync("package.json", "utf-8")) as { dependencies: Record<string, string> };
  const texts = Object.keys(dependencies).map((name) => `${name}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf-8")}`);
  return {
    name: "licences",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "licences.txt", source: texts.join("\n----\n\n") });
    },
  };
}

/** The pages are built into the Python package, which serves them below /static/; nothing is inlined, because the policy of the server runs files only. */
export default defineConfig({
  base: "/static/",
  plugins: [licences()],
  build: {
    outDir: "../src/merian/web/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": "http://127.0.0.1:8765" } },
});
