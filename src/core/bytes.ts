/** Sizes: units, parsing and printing. It knows nothing of what is being sized. */

export const KiB = 2 ** 10;
export const MiB = 2 ** 20;
export const GiB = 2 ** 30;

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kib: KiB,
  mib: MiB,
  gib: GiB,
  tib: 2 ** 40,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
};

/**
 * Bytes of a number or of a text such as "512 MiB" or "1.5GB" (KB, MB, GB are powers of 1000; KiB, MiB, GiB of 1024).
 * `undefined` for anything else: negatives, fractions of a byte given as a number, unsafe integers, unknown units.
 */
export function parseBytes(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?b)\s*$/i.exec(value);
  const unit = UNITS[match?.[2]?.toLowerCase() ?? ''];
  if (!match || unit === undefined) return undefined;
  const bytes = Math.ceil(Number(match[1]) * unit);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** What is left, which may be less than nothing: "7.0 GiB", or "nothing (1.2 GiB is lacking already)". */
export function formatLeftBytes(bytes: number): string {
  return bytes < 0 ? `nothing (${formatBytes(-bytes)} is lacking already)` : formatBytes(bytes);
}

/** "7.0 GiB", "320.8 MiB", "12 B": one digit after the point, and none for bytes. */
export function formatBytes(bytes: number): string {
  const size = Math.abs(bytes);
  if (size === Number.POSITIVE_INFINITY) return bytes > 0 ? 'unlimited' : '-unlimited';
  for (const [unit, name] of [
    [GiB, 'GiB'],
    [MiB, 'MiB'],
    [KiB, 'KiB'],
  ] as const) {
    if (size >= unit) return `${(bytes / unit).toFixed(1)} ${name}`;
  }
  return `${bytes} B`;
}
