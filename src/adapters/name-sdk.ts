/** A name for an SDK whose adapter says no `runtime`, for what is learned of its loads. It loads nothing. */
import { loadNodeModule } from '../core/node-module.ts';

/** Names the calls of one kind of the program that runs. Nothing for a program without a file. */
export function nameProgram(kind: string, program: string | undefined = process.argv[1]): { readonly name?: string } {
  return program ? { name: `${kind} of ${program}` } : {};
}

/**
 * Names an SDK by the program that uses it, its class and the text of its method that loads, whose path is `load`: the same in each run of that program, and another one
 * for another program, SDK or version of its code. Two objects of one class in one program have one name. `undefined` if that can't be told:
 * of a program without a file (`node -e`), and of an object that answers every key.
 */
export function nameSdk(
  sdk: object,
  load = 'loadModel',
  program: string | undefined = process.argv[1],
): string | undefined {
  if (!program) return undefined;
  try {
    const { constructor: made } = sdk as { readonly constructor?: unknown };
    const method = load.split('.').reduce<unknown>((at, key) => Object(at)[key], sdk);
    const className = typeof made === 'function' ? made.name : 'none';
    if (typeof className !== 'string' || typeof method !== 'function') return undefined;
    const code = loadNodeModule('node:crypto')
      .createHash('sha256')
      .update(String(Function.prototype.toString.call(method)));
    return `${className} ${code.digest('hex').slice(0, 16)} of ${program}`;
  } catch {
    return undefined; // a getter that throws
  }
}
