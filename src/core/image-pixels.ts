/** How large a picture may be if nobody says so. */

/** 1024 × 1024. */
export const DEFAULT_IMAGE_PIXELS = 2 ** 20;
