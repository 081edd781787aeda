// Makes dist/orchestrate.mjs one file that starts quickly. Node reads and parses a whole module before it runs a line
// of it. So only the front door (options, help, usage errors) is a module. The program that runs a command follows it
// as a packed comment and is compiled only when a command runs. See docs/adr/0003-one-file-two-parts.md.
import { appendFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { build } from 'esbuild';
import { bundleSettings } from './bundle-settings.mjs';

const MARKER = '\n//# The program, base64 of brotli: ';

/** Stands in the program for a module's `import.meta.url`. */
const BUNDLE_URL = '__bundleUrl';

/** @param {{ root: string, outfile: string, define: Record<string, string> }} options */
export async function bundleOrchestrate({ root, outfile, define }) {
  const settings = { ...bundleSettings, absWorkingDir: root };
  const programFile = outfile.replace(/\.mjs$/, '.program.js');
  const program = await build({
    ...settings,
    entryPoints: ['orchestrator/execute.ts'],
    outfile: programFile,
    write: false,
    metafile: true,
    format: 'iife',
    globalName: 'program',
    banner: { js: `(function (require, ${BUNDLE_URL}) {` },
    footer: { js: 'return program;\n})' },
    define: { ...define, 'import.meta.url': BUNDLE_URL },
  });
  const front = await build({
    ...settings,
    entryPoints: ['orchestrator/main.ts'],
    outfile,
    metafile: true,
    banner: { js: '#!/usr/bin/env node' },
    define,
    minifyWhitespace: true,
    plugins: [loadProgram, frontDoorOnly(root)],
  });
  const text = program.outputFiles.find(({ path }) => path.endsWith('.program.js'))?.contents;
  if (!text) throw new Error('The program was not built.');
  const packed = brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 8 } });
  await appendFile(outfile, `${MARKER}${packed.toString('base64')}\n`);
  const legal = program.outputFiles.find(({ path }) => path.endsWith('.LEGAL.txt'));
  if (legal) await appendFile(`${outfile}.LEGAL.txt`, legal.text);
  return { program: program.metafile, front: front.metafile };
}

/** Makes `import('./execute.ts')` unpack the program and compile it. */
const loadProgram = {
  name: 'load-program',
  setup(build) {
    build.onResolve({ filter: /^\.\/execute\.ts$/ }, () => ({ path: 'program', namespace: 'program' }));
    build.onLoad({ filter: /.*/, namespace: 'program' }, () => ({
      contents: `
        // Not imported: a module's imports are loaded before it runs, and help needs none of these.
        const { readFileSync } = process.getBuiltinModule('node:fs');
        const { createRequire } = process.getBuiltinModule('node:module');
        const { fileURLToPath } = process.getBuiltinModule('node:url');
        const { Script } = process.getBuiltinModule('node:vm');
        const { brotliDecompressSync } = process.getBuiltinModule('node:zlib');
        const filename = fileURLToPath(import.meta.url);
        const file = readFileSync(filename, 'latin1');
        const packed = file.slice(file.lastIndexOf(${JSON.stringify(MARKER)}) + ${MARKER.length});
        const source = brotliDecompressSync(Buffer.from(packed, 'base64')).toString();
        const program = new Script(source, { filename: filename.replace(/mjs$/, 'program.js') });
        export const { execute } = program.runInThisContext()(createRequire(import.meta.url), import.meta.url);`,
      resolveDir: '/',
    }));
  },
};

/**
 * Keeps only the definition in a command's file, and leaves out what its handler imports. One module is imported for
 * its effect.
 */
function frontDoorOnly(root) {
  const builtins = new Set(builtinModules.flatMap(name => [name, `node:${name}`]));
  const own = importer => importer.startsWith(root) && !importer.includes('/node_modules/');
  return {
    name: 'front-door-only',
    setup(build) {
      build.onResolve({ filter: /^(node:)?[a-z_/]+$/ }, ({ path }) =>
        builtins.has(path) ? { path, external: true, sideEffects: false } : undefined,
      );
      build.onResolve({ filter: /^\.\.?\/.*\.tsx?$/ }, ({ path, importer }) =>
        own(importer)
          ? { path: join(dirname(importer), path), sideEffects: path.endsWith('/working-directory.ts') }
          : undefined,
      );
      // The help is ASCII, so its width needs no Unicode tables.
      build.onResolve({ filter: /^string-width$/ }, () => ({ path: join(root, 'scripts/ascii-width.mjs') }));
    },
  };
}
