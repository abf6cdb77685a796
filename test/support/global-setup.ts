/** Removes what all tests together leave in their cache folder. */
import { rmSync } from 'node:fs';
import type { TestProject } from 'vitest/node';

export default function setup(project: TestProject): () => void {
  return () => {
    const cache = project.config.env['XDG_CACHE_HOME'];
    if (typeof cache === 'string') rmSync(cache, { recursive: true, force: true });
  };
}
