/** How a process ended, in words. */
import type { ProcessEnd } from './model-process.ts';

/** `The process of the model was ended by SIGKILL`. */
export function describeEnd(
  subject: string,
  end: Pick<ProcessEnd, 'signal' | 'exitCode' | 'hung'> | undefined,
): string {
  if (end?.hung) return `${subject} no longer answered and was ended`;
  if (end?.signal !== undefined) return `${subject} was ended by ${end.signal}`;
  if (end?.exitCode !== undefined) return `${subject} ended with exit code ${end.exitCode}`;
  return `${subject} has ended`;
}
