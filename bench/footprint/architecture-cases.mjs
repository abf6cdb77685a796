// One shape of each of many architectures, with what is wrong most often: states, sliding windows, experts, latent attention, encoders.
import { ENGINES, TOKENS } from './case-defaults.mjs';
import { writeShape } from './recipes.mjs';

/** Those that compute tokens one after the other. */
const DECODERS = [
  ...['llama', 'llama with experts', 'qwen2', 'qwen3', 'qwen2moe', 'qwen3moe', 'qwen2vl', 'qwen3vl', 'phi2', 'phi3'],
  ...[
    'gemma',
    'gemma2',
    'gemma3',
    'gemma3n',
    'gemma4',
    'gemma4 with experts',
    'mistral3',
    'mistral4',
    'falcon',
    'gpt2',
  ],
  ...['bloom', 'starcoder2', 'command-r', 'cohere2', 'olmo2', 'olmo2 with a window', 'exaone4 with a window', 'glm4'],
  ...[
    'glm4moe',
    'gpt-oss',
    'llama4',
    'deepseek',
    'deepseek2',
    'deepseek32',
    'minicpm3',
    'smollm3',
    'granitemoe',
    'dbrx',
  ],
  ...['grok', 'ernie4_5-moe', 'hunyuan-moe', 'afmoe', 'step35', 'stablelm', 'internlm2', 'seed_oss', 'openelm', 'deci'],
  ...['mamba', 'mamba2', 'jamba', 'granitehybrid', 'nemotron_h', 'falcon-h1', 'plamo2', 'lfm2', 'lfm2moe', 'qwen3next'],
  ...['qwen35', 'qwen35moe', 'rwkv6', 'rwkv7', 'arwkv7', 'kimi-linear'],
];
/** Those that look at a text as a whole. */
const ENCODERS = ['bert', 'nomic-bert', 'modern-bert', 'jina-bert-v2', 'gemma-embedding', 'llama-embed', 'eurobert'];

/** @type {readonly import('./cases.mjs').Case[]} */
export const ARCHITECTURE_CASES = [
  ...DECODERS.map((name) => ({
    name,
    run: { contextSize: 4096 },
    use: /** @type {const} */ ({ kind: 'decode', tokens: TOKENS }),
    engines: ENGINES,
    write: writeShape(name),
  })),
  ...ENCODERS.map((name) => ({
    name,
    run: { contextSize: 512, embeddings: true },
    use: /** @type {const} */ ({ kind: 'embed', tokens: 512 }),
    engines: ENGINES,
    write: writeShape(name),
  })),
];
