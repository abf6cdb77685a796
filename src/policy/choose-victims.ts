/** Which models a person would unload by hand so that a load fits. Pure. */

/** The largest first, as few as are needed; `undefined` if all of them together are not enough. */
export function chooseVictims<T>(
  idle: readonly T[],
  bytesOf: (model: T) => number,
  missingBytes: number,
): T[] | undefined {
  const victims: T[] = [];
  let freedBytes = 0;
  for (const model of [...idle].sort((a, b) => bytesOf(b) - bytesOf(a))) {
    if (freedBytes >= missingBytes) break;
    victims.push(model);
    freedBytes += bytesOf(model);
  }
  return freedBytes >= missingBytes && victims.length > 0 ? victims : undefined;
}
