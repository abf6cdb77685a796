/** Fixture trees and copies of them that a test may change; it knows no reader. */
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** The directory of a fixture, to be read and not to be changed. */
export function getFixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

/** Copies a fixture to a directory that is removed when the test has finished. */
export function copyFixture(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  cpSync(getFixture(name), directory, { recursive: true });
  return directory;
}

/** Lists every file of a fixture or a copy, as paths relative to its directory. */
export function listFixtureFiles(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}
