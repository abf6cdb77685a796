// What most shapes have in common. It knows no shape.

/** More than a micro-batch, so that one is full. */
export const TOKENS = 600;
/** @type {readonly import('./cases.mjs').EngineName[]} */
export const ENGINES = ['@fugood/llama.node', 'node-llama-cpp'];
/** @type {readonly import('./cases.mjs').EngineName[]} */
export const LLAMA_NODE = ['@fugood/llama.node'];
