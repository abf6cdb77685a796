/** The eight systems that an addon is built for, and the flags of zig for each. It runs nothing. */

/**
 * @typedef {object} Target
 * @property {string} name The folder in `prebuilds/`, as src/addon/load-addon.ts looks for it.
 * @property {'linux' | 'darwin' | 'win32'} platform
 * @property {'x64' | 'arm64'} arch
 * @property {string} zig Its triple, with the oldest system that the addon runs on.
 */

/** glibc 2.28 is Debian 10's and RHEL 8's, the oldest that Node 20 runs on; macOS 11 the oldest of Node 20. @type {readonly Target[]} */
export const TARGETS = [
  { name: 'linux-x64', platform: 'linux', arch: 'x64', zig: 'x86_64-linux-gnu.2.28' },
  { name: 'linux-arm64', platform: 'linux', arch: 'arm64', zig: 'aarch64-linux-gnu.2.28' },
  { name: 'linux-x64-musl', platform: 'linux', arch: 'x64', zig: 'x86_64-linux-musl' },
  { name: 'linux-arm64-musl', platform: 'linux', arch: 'arm64', zig: 'aarch64-linux-musl' },
  { name: 'darwin-x64', platform: 'darwin', arch: 'x64', zig: 'x86_64-macos.11.0' },
  { name: 'darwin-arm64', platform: 'darwin', arch: 'arm64', zig: 'aarch64-macos.11.0' },
  { name: 'win32-x64', platform: 'win32', arch: 'x64', zig: 'x86_64-windows-gnu' },
  { name: 'win32-arm64', platform: 'win32', arch: 'arm64', zig: 'aarch64-windows-gnu' },
];

/** The same as in binding.gyp. */
const DEFINES = ['NAPI_VERSION=8'];

/** The last one: Apple's headers and libc++ have pointers without nullability. */
const WARNINGS = ['-Wall', '-Wextra', '-Wconversion', '-Werror', '-Wno-nullability-completeness'];

/** @param {Target} target @returns {string[]} */
export function listCompileFlags({ platform }) {
  const position = platform === 'win32' ? [] : ['-fPIC'];
  return [
    '-std=c++17',
    '-O2',
    '-g0',
    '-fvisibility=hidden',
    ...position,
    ...WARNINGS,
    ...DEFINES.map((name) => `-D${name}`),
  ];
}

/** `exports`: a version script for ELF; `imports`: the import library of node.exe. @param {Target} target @param {{ exports: string, imports: string }} files @returns {string[]} */
export function listLinkFlags({ platform }, { exports, imports }) {
  switch (platform) {
    case 'linux':
      return ['-Wl,-z,nodelete', `-Wl,--version-script=${exports}`];
    case 'darwin':
      return ['-Wl,-undefined,dynamic_lookup'];
    default:
      return [imports, '-lpsapi'];
  }
}
