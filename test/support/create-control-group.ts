/** Real v1 control groups for one test: unlimited by others, and always removed. test/vm tests under v2. */
import { onTestFinished } from 'vitest';
import { ControlGroup, whyNoControlGroups as whyNoGroups } from '../../tools/control-groups.mjs';

export { ControlGroup };

const WANTED = { version: 1, atRoot: true } as const;

let created = 0;

/** A group below the hierarchy's root. It and all below it are removed when the test has finished, however it ends. */
export function createControlGroup(limitBytes?: number): ControlGroup {
  const group = ControlGroup.create(`nexa-memory-guard-${process.pid}-${created++}`, { ...WANTED, limitBytes });
  onTestFinished(() => group.remove());
  return group;
}

/** Why no groups can be made here; `undefined` if they can. */
export function whyNoControlGroups(): string | undefined {
  return whyNoGroups(WANTED);
}
