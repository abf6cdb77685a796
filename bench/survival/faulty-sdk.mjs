/** What goes wrong below a guard: engines that take more than files say, and that crash. It opens the real SDK and guards nothing. */
import { statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { NexaSDK } from 'nexa-memory-guard';
import { countMoreTokens } from './isolated-setting.mjs';

const CHILD = fileURLToPath(new URL('./crashing-child.mjs', import.meta.url));

/**
 * `NexaSDK` whose models have a larger context than anybody was told of, by so much of what their files say.
 * @param {import('nexa-memory-guard').InitializeOptions} options @param {number} moreShare
 */
export async function openFaultySdk(options, moreShare) {
  const sdk = await NexaSDK.initialize({ runtime: 'llama', childPath: CHILD, ...options });
  const loadModel = sdk.loadModel.bind(sdk);
  sdk.loadModel = (file, given = {}) => {
    const { quantization = path.basename(file).split(/[-.]/)[1], contextSize = 0 } = given;
    const chosen = file.replace(/-[^-]*\.gguf$/, `-${quantization}.gguf`);
    const model = path.basename(file).split('-')[0] ?? '';
    const more = countMoreTokens(model, statSync(chosen).size, moreShare);
    // A guard's listener can't be listed.
    const changed = Object.create(Object.getPrototypeOf(given), Object.getOwnPropertyDescriptors(given));
    return loadModel(
      file,
      Object.defineProperty(changed, 'contextSize', { value: contextSize + more, enumerable: true }),
    );
  };
  return sdk;
}
