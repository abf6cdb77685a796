/** Tells whoever follows a load when an engine's call blocks JavaScript. It knows neither loads nor meters. */

type Follower = (blocked: boolean) => void;

const followers = new Set<Follower>();

/** Makes a call that blocks the thread until its promise settles: no other JavaScript runs meanwhile that takes memory. */
export async function callBlocking<T>(call: () => T | Promise<T>): Promise<T> {
  for (const follower of followers) follower(true);
  try {
    return await call();
  } finally {
    for (const follower of followers) follower(false);
  }
}

/** Calls `follower` just before and just after each such call of this thread. Returns the way to end that. */
export function followBlockingCalls(follower: Follower): () => void {
  followers.add(follower);
  return () => void followers.delete(follower);
}
