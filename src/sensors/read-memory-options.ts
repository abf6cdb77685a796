/** What may be said about a reading: the options of `readMemory`. Types only. */

/** Options of `readMemory`. */
export interface ReadMemoryOptions {
  /**
   * The directory that holds `proc/` and `sys/`, as an absolute path: a tree of captured files, or the root of another mount
   * namespace. Linux only; elsewhere the system is asked by calls and this is ignored. @default '/'
   */
  readonly root?: string;
  /**
   * Counts free swap as available memory. Swap on zram counts for control groups only, since the machine itself gains nothing
   * by it. Linux only; elsewhere it is ignored. @default false
   */
  readonly swap?: boolean;
}
