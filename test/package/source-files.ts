/** The sources, by path below `src/` without `.ts`. It reads none of them. */
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from './installed.ts';

export function sourceFiles(): string[] {
  return readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(join(ROOT, 'src'), join(entry.parentPath, entry.name)).replaceAll('\\', '/').slice(0, -3));
}
