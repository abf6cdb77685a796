/** Knows the options of a session of ONNX Runtime that decide what its load takes, checked. It must not know what they take. */
import { copyOptions } from '../../core/copy-options.ts';
import { invalidOption } from '../../core/errors.ts';
import { flag, objectOf } from '../../core/validate.ts';

/** How a session is made, as far as that decides what it takes. */
export interface SessionSettings {
  /** The engine changes the graph: weights are converted and merged ahead. @default true */
  readonly optimize?: boolean;
  /** The engine arranges weights anew for its products. @default true */
  readonly prepack?: boolean;
  /** Only the CPU computes. @default true */
  readonly cpuOnly?: boolean;
  /** What runs have taken is kept for later ones, in the engine's own arena. @default true */
  readonly arena?: boolean;
}

const DEFAULTS = { optimize: true, prepack: true, cpuOnly: true, arena: true };

/** @throws MemoryGuardError `ERR_INVALID_OPTION` */
export function readSessionSettings(given: unknown): Required<SessionSettings> {
  if (given === undefined) return DEFAULTS;
  const options = copyOptions(objectOf<object>('an object')(given, 'session'), 'session', Object.keys(DEFAULTS));
  const settings = { ...DEFAULTS };
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(DEFAULTS, name)) throw invalidOption(`session.${name}`, Object.keys(DEFAULTS).join(', '), value);
    if (value !== undefined) settings[name as keyof SessionSettings] = flag(value, `session.${name}`);
  }
  return settings;
}
