/** The engines of npm as they are installed here, asked as the guard asks them. */
import { fileURLToPath } from 'node:url';
import { findLlamaNodeFiles, findNodeLlamaCppFiles } from '../../src/adapters/find-engine-files.ts';
import { startChild } from '../../src/children/start-child.ts';
import type { EngineFiles } from '../../src/core/engine-files.ts';
import { EngineAsker, type EngineAskerParts } from '../../src/footprint/engine/engine-asker.ts';
import type { EnginePort } from '../../src/footprint/engine/engine-port.ts';
import { ASK_ROLE } from '../../src/footprint/engine/question-message.ts';

/** Why no engine can be asked here; `undefined` if it can. */
export const CANT_ASK =
  process.platform === 'linux' && process.env['NEXA_MEMORY_GUARD_ADDON'] !== 'off'
    ? undefined
    : 'engines are asked on Linux, by the addon';

/** The program that asks. Needs `npm run compile`. */
const CHILD = fileURLToPath(new URL('../../dist/child.js', import.meta.url));

export async function findInstalledEngines(): Promise<Readonly<Record<string, EngineFiles>>> {
  const [llamaNode, nodeLlamaCpp] = await Promise.all([findLlamaNodeFiles(), findNodeLlamaCppFiles()]);
  return { '@fugood/llama.node': llamaNode as EngineFiles, 'node-llama-cpp': nodeLlamaCpp as EngineFiles };
}

/** An asker that keeps nothing on disk. It is to be closed. */
export function makeAsker(parts: Partial<EngineAskerParts> = {}): EngineAsker {
  return new EngineAsker({ start: () => startChild(CHILD, [ASK_ROLE]), hold: () => () => {}, ...parts });
}

/** The port of one engine; what it can't be asked fails the test. */
export function portOf(asker: EngineAsker, files: EngineFiles): EnginePort {
  return { ask: (asked) => asker.ask(files, asked) };
}
