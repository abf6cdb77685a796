/** Closes descriptors that were read, or whose writing was checked. */
import { closeSync } from 'node:fs';

/** Linux takes a descriptor back even if closing it fails, so there is nothing to do about it, and nothing to tell. */
export function closeFile(descriptor: number | undefined): void {
  try {
    if (descriptor !== undefined) closeSync(descriptor);
  } catch {
    // see above
  }
}
