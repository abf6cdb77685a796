/** The libraries that must answer alike: the doubles, and real ones if REAL_GENIEX and REAL_ML name them. */
import { LAYOUTS } from '../../../src/addon/nexa-binding.ts';
import { doubleLibrary, type RealVariable, realLibrary } from './libraries.ts';

export interface LibraryRow {
  readonly row: string;
  /** A path. */
  readonly library: string;
  /** Of the generation with the layout `nexa-1.0`. */
  readonly old: boolean;
  readonly real: boolean;
}

const real = (variable: RealVariable, old: boolean): LibraryRow[] => {
  const library = realLibrary(variable);
  return library ? [{ row: `the real library of ${variable}`, library, old, real: true }] : [];
};
export const LIBRARY_ROWS: readonly LibraryRow[] = [
  ...LAYOUTS.map((layout) => {
    const old = layout === 'nexa-1.0';
    return { row: `the double of ${layout}`, library: doubleLibrary(layout), old, real: false };
  }),
  ...real('REAL_GENIEX', false),
  ...real('REAL_ML', true),
];
