/**
 * Bundles a program for Node: `bundle.mjs BUNDLER FORMAT inside|outside ENTRY FILE`. The bundlers are those of test/package/bundlers, with
 * the options of docs/bundlers.md. The engine stays outside, as its own page asks for.
 */
import { createRequire } from 'node:module';
import { basename, dirname } from 'node:path';
import { pathToFileURL } from 'node:url';

const [, , folder = '', bundler = '', format = '', place = '', entry = '', file = ''] = process.argv;
const require = createRequire(`${folder}/package.json`);
/** @param {string} name */
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const external = ['@fugood/llama.node', ...(place === 'outside' ? ['nexa-memory-guard'] : [])];
const esm = format === 'esm';

/** @type {Record<string, () => Promise<void>>} */
const BUNDLERS = {
  async esbuild() {
    const { build } = await load('esbuild');
    await build({
      entryPoints: [entry],
      outfile: file,
      bundle: true,
      minify: true,
      platform: 'node',
      format,
      external,
    });
  },
  async rolldown() {
    const { rolldown } = await load('rolldown');
    const bundle = await rolldown({ input: entry, platform: 'node', external });
    await bundle.write({ file, format, codeSplitting: false });
    await bundle.close();
  },
  async vite() {
    const { build } = await load('vite');
    const output = { format, entryFileNames: basename(file) };
    await build({
      logLevel: 'warn',
      // It leaves every package outside by itself.
      ssr: { external, ...(place === 'inside' && { noExternal: true }) },
      build: { ssr: entry, outDir: dirname(file), emptyOutDir: false, rolldownOptions: { external, output } },
    });
  },
  async webpack() {
    const { default: webpack } = await load('webpack');
    const externals = Object.fromEntries(external.map((name) => [name, `node-commonjs ${name}`]));
    const library = esm && { module: true, library: { type: 'module' } };
    const output = { path: dirname(file), filename: basename(file), ...library };
    // Its minifier takes half a minute.
    const optimization = { minimize: false };
    const options = { mode: 'production', target: 'node20', entry, externals, optimization, output };
    const stats = await new Promise((resolve, reject) => {
      /** @param {Error | null} error @param {unknown} made */
      const done = (error, made) => (error ? reject(error) : resolve(made));
      webpack({ ...options, experiments: { outputModule: esm } }, done);
    });
    if (stats.hasErrors()) throw new Error(stats.toString({ all: false, errors: true }));
  },
};

await BUNDLERS[bundler]?.();
