/** An SDK whose models are buffers of JavaScript, filled at once or bit by bit. It stands for runtimes written in JavaScript; nothing in it is a model. */
import { setTimeout as sleep } from 'node:timers/promises';
import { MiB } from 'nexa-memory-guard';
import { MODEL_BYTES } from './setting.mjs';

const PIECE_BYTES = 2 * MiB;

/** @param {number} loadMs for which a load takes its memory */
export function openBuffersSdk(loadMs) {
  return {
    /** @param {string} model @param {object} [_options] */
    async loadModel(model, _options) {
      const bytes = MODEL_BYTES[/** @type {keyof typeof MODEL_BYTES} */ (model)];
      const pieces = Math.ceil(bytes / PIECE_BYTES);
      /** @type {Buffer[]} */
      const held = [];
      for (let piece = 0; piece < pieces; piece++) {
        held.push(Buffer.alloc(PIECE_BYTES, 1));
        if (loadMs > 0) await sleep(loadMs / pieces);
      }
      return {
        async generate() {
          return held.length;
        },
        dispose() {
          held.length = 0;
        },
      };
    },
  };
}
