/** Reads which files and packages a source imports, types and JSDoc types included. It knows no rule about them. */
import { builtinModules } from 'node:module';
import { dirname, join, normalize } from 'node:path';

export interface Import {
  readonly from: string;
  /** A file, relative to the same folder as `from`, or a package. */
  readonly to: string;
}

/** `import x from 'y'`, `import type … from 'y'`, `import 'y'`, `export … from 'y'`, at the start of a line. */
const STATEMENT = /^(?:import|export)\s+(?:[^'"`;]*?\s*from\s+)?['"]([^'"]+)['"]/gm;
/** `import('y')`, `require('y')`. */
const CALL = /\b(?:import|require)\(\s*['"]([^'"]+)['"]\s*\)/g;

/** All imports of one file. A path that starts with a dot is resolved against `from`. */
export function readImports(from: string, source: string): Import[] {
  const found: Import[] = [];
  for (const pattern of [STATEMENT, CALL]) {
    for (const [, to = ''] of source.matchAll(pattern)) found.push({ from, to: resolveTarget(from, to) });
  }
  return found;
}

function resolveTarget(from: string, to: string): string {
  return to.startsWith('.') ? normalize(join(dirname(from), to)) : to;
}

export function isBuiltin(to: string): boolean {
  return to.startsWith('node:') || builtinModules.includes(to);
}
