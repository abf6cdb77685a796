/** Which adapter reads an SDK: its own, or one that knows its shape. No SDK is imported for it. */
import { ADAPTER, type Adapter } from './adapter.ts';
import { completeAdapter, defaultAdapter } from './default-adapter.ts';
import { isLlamaNode, llamaNodeAdapter } from './llama-node-adapter.ts';
import { isNodeLlamaCpp, nodeLlamaCppAdapter } from './node-llama-cpp-adapter.ts';

/** The adapter that the SDK carries, that of a known SDK, or the default one. */
export function detectAdapter(sdk: object): Adapter {
  const own = (sdk as { [ADAPTER]?: Partial<Adapter> })[ADAPTER];
  if (own) return completeAdapter(own);
  if (isNodeLlamaCpp(sdk)) return nodeLlamaCppAdapter(sdk);
  return isLlamaNode(sdk) ? llamaNodeAdapter(sdk) : defaultAdapter;
}
