/** The module of transformers.js with small ONNX families of its own to load, in a folder that goes with the test file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Family, writeOnnxFamily } from '../../tools/synthetic-onnx.mjs';
import { importEngine } from './other-engines.ts';

// biome-ignore lint/suspicious/noExplicitAny: its types are not installed with the project
export type Transformers = any;

export class OnnxFamilies {
  readonly folder = mkdtempSync(join(tmpdir(), 'nexa-onnx-'));

  write(id: string, family: Family = {}): void {
    writeOnnxFamily(join(this.folder, id), family);
  }

  /** The module, which looks here and nowhere else. */
  async openModule(): Promise<Transformers> {
    const module = await importEngine('@huggingface/transformers');
    Object.assign(module.env, { localModelPath: this.folder, allowRemoteModels: false });
    return module;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
