/** Knows what recurrent layers keep, by the keys of the header: `n_embd_r` and `n_embd_s` of llama-hparams.cpp. It must not read files. */
import type { HeaderKeys } from '../../gguf/header-keys.ts';

/** Elements of the state that a recurrent layer keeps for each sequence. */
export interface StateShape {
  readonly convolution: number;
  readonly state: number;
}

/** The scan of a Mamba layer; all but the last one are elements. */
export interface SsmShape {
  readonly kernel: number;
  readonly inner: number;
  readonly state: number;
  readonly timeRank: number;
  readonly groups: number;
  /** FalconMamba norms the steps, inputs and outputs of the scan. */
  readonly normed: boolean;
}

/** Columns that a convolution of linear attention keeps if the header names no kernel. */
const KDA_COLUMNS = 3;

/** `undefined` for a model that scans no state. */
export function readSsmShape(keys: HeaderKeys): SsmShape | undefined {
  if (!keys.has('ssm.inner_size')) return undefined;
  return {
    kernel: keys.readFirstNumber('ssm.conv_kernel'),
    inner: keys.readFirstNumber('ssm.inner_size'),
    state: keys.readFirstNumber('ssm.state_size'),
    timeRank: keys.readFirstNumber('ssm.time_step_rank'),
    groups: keys.readFirstNumber('ssm.group_count', { least: 0, fallback: 0 }),
    normed: keys.isTrue('ssm.dt_b_c_rms'),
  };
}

/** `heads` are those of the first layer. `undefined` for a model without recurrent layers. */
export function readStateShape(
  keys: HeaderKeys,
  ssm: SsmShape | undefined,
  embedding: number,
  heads: number,
): StateShape | undefined {
  if (keys.has('wkv.head_size')) {
    const columns = keys.readFirstNumber('token_shift_count', { fallback: 2 });
    return { convolution: columns * embedding, state: embedding * keys.readFirstNumber('wkv.head_size') };
  }
  if (keys.has('shortconv.l_cache')) {
    return { convolution: embedding * (keys.readFirstNumber('shortconv.l_cache') - 1), state: 0 };
  }
  if (keys.has('kda.head_dim')) {
    const length = keys.readFirstNumber('kda.head_dim');
    const columns = keys.readFirstNumber('ssm.conv_kernel', { fallback: KDA_COLUMNS + 1 }) - 1;
    return { convolution: 3 * columns * heads * length, state: length ** 2 * heads };
  }
  if (ssm === undefined) return undefined;
  return { convolution: (ssm.kernel - 1) * (ssm.inner + 2 * ssm.groups * ssm.state), state: ssm.state * ssm.inner };
}
