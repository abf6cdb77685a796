/** What the documented table says that each quantization needs, and what the default rules keep of a fake machine. In bytes. */
import { GiB } from '../../src/core/bytes.ts';
import type { Quantization } from '../../src/core/types.ts';
import { getRequirements } from '../../src/footprint/documented-requirements.ts';

export const DOCUMENTED_NEEDS: Readonly<Record<Quantization, number>> = {
  Q5_K_M: getRequirements('Q5_K_M').ramNeeded,
  Q4_K_M: getRequirements('Q4_K_M').ramNeeded,
  Q4_0: getRequirements('Q4_0').ramNeeded,
};

/** What must stay available after a load by default: a quarter of the 16 GiB that a fake machine has. */
export const KEPT_BYTES = 4 * GiB;

/** Options under which no share of the machine must stay available. */
export const KEEPS_NO_SHARE = { minFreeRatioAfterLoad: 0 };
