/** Names of repositories as Nexa's own tools take them, such as `NexaAI/Qwen2-Audio-7B-GGUF:Q4_K_M`. It looks into no folder. */
import { existsSync } from 'node:fs';

export interface RepositoryName {
  readonly repository: string;
  readonly quantization?: string;
}

/** The repository that a name means; `undefined` for a path, which a name is if a file of that very name is there. */
export function readRepository(name: string): RepositoryName | undefined {
  return existsSync(name) ? undefined : readRepositoryName(name);
}

/** `undefined` for a text that is no publisher with a repository: a path has an ending, a dot in front, or more folders. */
export function readRepositoryName(name: string): RepositoryName | undefined {
  const [, repository, quantization] = /^([\w-][\w.-]*\/[\w.-]+?)(?::([\w.-]+))?$/.exec(name) ?? [];
  if (repository === undefined || /\.gguf$/i.test(name)) return undefined;
  return { repository, ...(quantization !== undefined && { quantization }) };
}
