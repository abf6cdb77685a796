/** The systems that addons are run on here, each with what it needs, what it runs and what that shows. It starts nothing. */

/** Suites that read only files, as vitest runs them here. */
export const SUITES = [
  'contract/linux-readers',
  'contract/linux-readers.failures',
  'contract/linux-readers.fuzz',
  'sensors/linux/control-groups',
  'sensors/linux/fill-rows',
  'sensors/linux/kernel-files',
  'sensors/linux/kernel-text',
  'sensors/linux/linux-reader',
  'sensors/linux/mapped-files',
  'sensors/linux/mountinfo',
  'sensors/linux/native-engine',
  'sensors/linux/process-limits',
  'sensors/linux/procfs-engine',
  'sensors/linux/resolve-plan',
  'sensors/process-memory',
  'sensors/scope-rows',
  'sensors/sensor-error',
  'ledger/ledger-directory',
  'ledger/ledger',
  'ledger/shared-ledger.meeting',
  'ledger/peer-headroom',
  'ledger/ledger-record',
].map((name) => `test/${name}.test.ts`);

/** Bun has a vitest of its own, which knows no `describe.runIf`. */
export const BUN_SUITES = SUITES.filter((suite) => !suite.includes('meeting'));

/** Debian's names of what is needed, by the program that shows whether it is there. */
export const PACKAGES = {
  'qemu-aarch64-static': 'qemu-user-static',
  '/usr/aarch64-linux-gnu/lib/libstdc++.so.6': 'libstdc++6-arm64-cross',
  '/lib/ld-musl-x86_64.so.1': 'musl',
  '/lib/ld-musl-aarch64.so.1': 'musl:arm64',
  wine: 'wine wine64',
};
