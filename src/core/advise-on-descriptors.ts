/** Says what to do where a file can't be opened for want of a descriptor: nothing is wrong with the file. It opens nothing. */

const ADVICE: Readonly<Record<string, string>> = {
  EMFILE: 'close files that are open, or raise how many this process may have open (`ulimit -n`)',
  ENFILE: 'close files that are open, or raise how many the whole system may have open',
};

/** `code` is the system's, such as 'EMFILE'. `undefined` if it tells of something else. */
export function adviseOnDescriptors(code: string | undefined): string | undefined {
  return code !== undefined && Object.hasOwn(ADVICE, code) ? ADVICE[code] : undefined;
}
