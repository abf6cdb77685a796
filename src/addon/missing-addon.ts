/** What is said where an addon should be and is none: what was expected, where it was looked for, and what puts it there. It loads nothing. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE } from './package-folders.ts';

/** `own` is the package if its own files run; without it they are part of a bundle. `places` are the files that were looked for. */
export function describeMissing(own: string | undefined, places: readonly string[]): string {
  return `found none at ${places.join(' or ') || 'any place'}: ${own === undefined ? adviseBundle() : advisePackage(own)}`;
}

/** `problem` is a sentence. */
export function describeBroken(problem: string): string {
  return `found one that does not serve (${problem.replace(/\.$/, '')}): mend that`;
}

function adviseBundle(): string {
  const external = `\`external: ['${PACKAGE}']\` (webpack: \`externals: { '${PACKAGE}': 'node-commonjs ${PACKAGE}' }\`)`;
  return `keep the package out of the bundle by ${external} and install it, or copy it beside the bundle (\`cp -rL node_modules/${PACKAGE} <folder of the bundle>/\`)`;
}

function advisePackage(own: string): string {
  return existsSync(join(own, 'binding.gyp'))
    ? 'run `npm run build:native`'
    : `install ${PACKAGE} as a whole, since its folder \`prebuilds\` was left out`;
}
