// Builds the page of the dashboard and of the report. Its script and style are put into the orchestrator's bundle,
// which must run alone from an empty directory.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @returns {Promise<{ script: string, style: string }>} */
export async function buildPage() {
  const { script, style } = await buildPageParts();
  return { script, style };
}

/** Like {@link buildPage}, with the metafile of what it is made of. */
export async function buildPageParts() {
  const shared = {
    absWorkingDir: root,
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    target: ['chrome110', 'firefox115', 'safari16'],
    // Licences must stay with the code.
    legalComments: 'inline',
    logLevel: 'warning',
  };
  const [script, style] = await Promise.all([
    build({
      ...shared,
      entryPoints: ['orchestrator/dashboard/page/main.tsx'],
      platform: 'browser',
      format: 'iife',
      jsx: 'automatic',
      jsxImportSource: 'preact',
    }),
    build({
      ...shared,
      stdin: {
        contents: "@import 'uplot/dist/uPlot.min.css'; @import './page.css';",
        resolveDir: `${root}orchestrator/dashboard/page`,
        loader: 'css',
      },
    }),
  ]);
  return { script: textOf(script), style: textOf(style), metafiles: [script.metafile, style.metafile] };
}

function textOf({ outputFiles: [file] }) {
  return file.text;
}
