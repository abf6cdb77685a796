/** The builds that estimates were compared with are those that are installed. docs/updating-the-engine.md says what to do if not. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMPARED_ENGINE, type EngineBuild, MIRRORED_ENGINE } from '../../../src/footprint/llama-cpp/engine-version.ts';
import { readRecordedEngine } from '../../support/model-headers.ts';

const require = createRequire(import.meta.url);
const ADVICE = 'follow docs/updating-the-engine.md';

function findPackage(name: string): string {
  const resolved = require.resolve(name);
  return resolved.slice(0, resolved.lastIndexOf(join('node_modules', name)) + join('node_modules', name).length);
}

function readJson(...path: string[]): Record<string, unknown> {
  return JSON.parse(readFileSync(join(...path), 'utf8'));
}

function readInstalledLlamaNode(): EngineBuild {
  const packageName = '@fugood/llama.node';
  const { number, commit } = require(packageName).BuildInfo;
  const { version } = readJson(findPackage(packageName), 'package.json');
  return { packageName, version: String(version), llamaCpp: `b${number}`, commit };
}

function readInstalledNodeLlamaCpp(): EngineBuild {
  const packageName = 'node-llama-cpp';
  const folder = findPackage(packageName);
  const { version } = readJson(folder, 'package.json');
  const { tag } = readJson(folder, 'llama', 'llama.cpp.info.json');
  // A git bundle begins with its format, then `<commit> HEAD`.
  const head = Buffer.alloc(100);
  const bundle = openSync(join(folder, 'llama', 'gitRelease.bundle'), 'r');
  readSync(bundle, head);
  closeSync(bundle);
  const commit = /^([0-9a-f]{40}) HEAD$/m.exec(head.toString('latin1'))?.[1];
  return { packageName, version: String(version), llamaCpp: String(tag), commit: String(commit).slice(0, 9) };
}

describe('the engine that is mirrored', () => {
  it('is the one that is installed', () => {
    expect(readInstalledLlamaNode(), ADVICE).toEqual(MIRRORED_ENGINE);
  });

  it('has its native part in the same version', () => {
    const folder = dirname(findPackage(MIRRORED_ENGINE.packageName));
    const name = `node-llama-${process.platform}-${process.arch}`;
    expect(readJson(folder, name, 'package.json')['version'], ADVICE).toBe(MIRRORED_ENGINE.version);
  });

  it('is the one that the loads were recorded with', () => {
    const { system, ...engine } = readRecordedEngine();
    expect(engine, ADVICE).toEqual(MIRRORED_ENGINE);
    expect(system).toMatch(/^\w+-\w+$/);
  });
});

describe('the engine that is compared', () => {
  it('is the one that is installed', () => {
    expect(readInstalledNodeLlamaCpp(), ADVICE).toEqual(COMPARED_ENGINE);
  });
});
