/** Fixture trees and copies of them that a test may change; it knows no reader. */
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

/** A copy that is removed when the test has finished. */
export function copyOf(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  cpSync(fixture(name), directory, { recursive: true });
  return directory;
}

/** Every file below, as paths relative to `directory`. */
export function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}
