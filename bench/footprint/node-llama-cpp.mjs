// What node-llama-cpp says of a model, for comparison: its formulas, and its simulation in llama.cpp itself. It measures nothing.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** Bytes of weights and context; neither knows projectors. A reason if it fails. @typedef {{ formula: number | string, simulation: number | string }} Theirs */

/** `undefined` if the package can't be resolved. @returns {Promise<{ version: string, estimate(model: string, run: any): Promise<Theirs> } | undefined>} */
export async function openNodeLlamaCpp() {
  /** @type {any} */
  let library;
  try {
    library = await import(pathToFileURL(createRequire(import.meta.url).resolve('node-llama-cpp')).href);
  } catch {
    return undefined;
  }
  return {
    version: await library.getModuleVersion(),
    async estimate(model, run) {
      const insights = await library.GgufInsights.from(await library.readGgufFileInfo(model, { logWarnings: false }));
      const useMmap = run.mmap ?? true;
      const [weights, context] = [
        { gpuLayers: 0, useMmap },
        {
          contextSize: run.contextSize,
          modelGpuLayers: 0,
          batchSize: 512,
          sequences: run.sequences ?? 1,
          flashAttention: run.flashAttention !== 'off',
          ...createCacheTypes(run.kvCacheType, library.GgmlType),
        },
      ];
      return {
        formula: await sumCpuBytes(async () => [
          insights.estimateModelResourceRequirements(weights),
          insights.estimateContextResourceRequirements(context),
        ]),
        simulation: await sumCpuBytes(async () => [
          await insights.estimateModelResourceRequirementsV2(weights),
          await insights.estimateContextResourceRequirementsV2({ ...context, useMmap }),
        ]),
      };
    },
  };
}

/** @param {() => Promise<{ cpuRam: number }[]>} ask @returns {Promise<number | string>} */
async function sumCpuBytes(ask) {
  try {
    return (await ask()).reduce((sum, { cpuRam }) => sum + cpuRam, 0);
  } catch (error) {
    return `failed: ${String(error).split('\n')[0]?.slice(0, 60)}`;
  }
}

/** @param {any} type @param {any} types */
function createCacheTypes(type, types) {
  if (type === undefined) return {};
  const { k, v } = typeof type === 'string' ? { k: type, v: type } : type;
  return { kvCacheKeyType: types[k.toUpperCase()], kvCacheValueType: types[v.toUpperCase()] };
}
