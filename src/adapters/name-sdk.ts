/** A name for an SDK whose adapter says no `runtime`, for what is learned of its loads. It loads nothing. */
import { loadNodeModule } from '../core/node-module.ts';

/**
 * Names an SDK by the program that uses it, its class and the text of its `loadModel`: the same in each run of that program, and another one
 * for another program, SDK or version of its code. Two objects of one class in one program have one name. `undefined` if that can't be told:
 * of a program without a file (`node -e`), and of an object that answers every key.
 */
export function nameSdk(sdk: object, program: string | undefined = process.argv[1]): string | undefined {
  if (!program) return undefined;
  try {
    const { constructor: made, loadModel } = sdk as { readonly constructor?: unknown; readonly loadModel?: unknown };
    const className = typeof made === 'function' ? made.name : 'none';
    if (typeof className !== 'string' || typeof loadModel !== 'function') return undefined;
    const code = loadNodeModule('node:crypto')
      .createHash('sha256')
      .update(String(Function.prototype.toString.call(loadModel)));
    return `${className} ${code.digest('hex').slice(0, 16)} of ${program}`;
  } catch {
    return undefined; // a getter that throws
  }
}
