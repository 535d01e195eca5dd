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

/** No address of another machine in what is built, not even where a library would fetch what these pages never ask it for, or names a page to read on. */
function alone(): Plugin {
  const elsewhere = /https?:\/\/(?!www\.w3\.org\/)(?=\w)/g;
  return {
    name: "alone",
    generateBundle(_, bundle) {
      for (const file of Object.values(bundle)) if (file.type === "chunk") file.code = file.code.replace(elsewhere, "/static/elsewhere/");
    },
  };
}

/** The pages are built into the Python package, which serves them below /static/; nothing is inlined, because the policy of the server runs files only. */
export default defineConfig({
  base: "/static/",
  // files of the pages find each other wherever they lie, so that an exhibit's folder can be put anywhere; index.html alone says where they are
  experimental: { renderBuiltUrl: (name, { hostType }) => (hostType === "html" ? `/static/${name}` : { relative: true }) },
  plugins: [licences(), alone()],
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
