/** The option that says where it is kept what loads took. A type only: it is part of the public surface, and the store is not. */

/** In the cache of this user (`shared`), in a folder of one's own, or nowhere (`off`). */
export type CalibrationOption = 'shared' | 'off' | { readonly directory: string };
