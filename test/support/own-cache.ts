/** Gives each file of tests a cache of its own: what one observes of a load must not correct a need in another. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

process.env['XDG_CACHE_HOME'] = join(process.env['XDG_CACHE_HOME'] ?? '', randomUUID());
