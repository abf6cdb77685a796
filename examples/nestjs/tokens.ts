/** By what names the guard and the SDK behind it are injected. */
export const MEMORY_GUARD = Symbol('MEMORY_GUARD');
export const NEXA = Symbol('NEXA');
