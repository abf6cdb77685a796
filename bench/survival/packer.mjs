/** The perfect packer: it knows what everybody holds now and what a model truly takes, but not the future. Pure. */

/** @typedef {{ mappedBytes: number, anonymousBytes: number }} Truth what a model takes at its peak, loaded alone */
/** @typedef {{ model: string, mmap: boolean }} Holder */

/**
 * Whether the model fits beside the holders, a mapped file counted once, with the reserve left free.
 * @param {{ limitBytes: number, minFreeBytes: number, baseBytes: number, disturberBytes: number }} room
 * @param {readonly Holder[]} holders @param {Holder} asked @param {(holder: Holder) => Truth} truthOf
 */
export function packerAdmits(room, holders, asked, truthOf) {
  const takenBytes = room.baseBytes + room.disturberBytes + sumBytes([...holders, asked], truthOf);
  return room.limitBytes - takenBytes >= room.minFreeBytes;
}

/** Anonymous and mapped. @param {readonly Holder[]} holders @param {(holder: Holder) => Truth} truthOf */
function sumBytes(holders, truthOf) {
  return holders.reduce((sum, holder) => sum + truthOf(holder).anonymousBytes, sumMappedBytes(holders, truthOf));
}

/** Each file once. @param {readonly Holder[]} holders @param {(holder: Holder) => Truth} truthOf */
export function sumMappedBytes(holders, truthOf) {
  const mapped = holders.filter(({ mmap }) => mmap);
  const files = new Map(mapped.map((holder) => [holder.model, truthOf(holder).mappedBytes]));
  return [...files.values()].reduce((sum, bytes) => sum + bytes, 0);
}
