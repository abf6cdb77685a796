/** The other processes of a world: started, told to load, stopped, continued, killed. Each is gone at its end. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { killChild } from '../kill-child.mjs';

/** @typedef {import('./load-operations.mjs').Operation} Operation */
/** @typedef {{ name: string, child: import('node:child_process').ChildProcess, stopped: boolean }} Peer */

const MiB = 2 ** 20;
const PROGRAM = fileURLToPath(new URL('peer.mjs', import.meta.url));
const MOST = 2;

export class Peers {
  /** @type {Peer[]} */
  #peers = [];
  #directory;
  #started = 0;

  /** @param {string} directory of the ledger */
  constructor(directory) {
    this.#directory = directory;
  }

  /** @returns {Record<string, { weight: number, run: Operation }>} */
  get operations() {
    return {
      startPeer: { weight: 0.7, run: () => this.#start() },
      peerLoads: { weight: 2, run: ({ random }) => this.#tell(random, { load: random.pick([2, 8, 24]) * MiB }) },
      peerDisposes: { weight: 1, run: ({ random }) => this.#tell(random, { dispose: true }) },
      stopPeer: { weight: 0.4, run: ({ random }) => this.#signal(random, 'SIGSTOP') },
      continuePeer: { weight: 0.8, run: ({ random }) => this.#signal(random, 'SIGCONT') },
      killPeer: { weight: 0.4, run: ({ random }) => this.#signal(random, 'SIGKILL') },
    };
  }

  async end() {
    await Promise.all(this.#peers.splice(0).map(({ child }) => killChild(child)));
  }

  #start() {
    if (this.#peers.length >= MOST) return undefined;
    const name = `peer ${++this.#started}`;
    const child = fork(PROGRAM, [JSON.stringify({ directory: this.#directory })], { stdio: 'ignore', execArgv: [] });
    child.on('error', () => {});
    this.#peers.push({ name, child, stopped: false });
    once(child, 'exit').then(
      () => {
        this.#peers = this.#peers.filter((peer) => peer.child !== child);
      },
      () => {},
    );
    return `start ${name}`;
  }

  /** @param {import('./random-source.mjs').RandomSource} random @param {object} message */
  #tell(random, message) {
    if (this.#peers.length === 0) return undefined;
    const { name, child } = random.pick(this.#peers);
    if (child.connected) child.send(message, () => {});
    return `tell ${name} ${JSON.stringify(message)}`;
  }

  /** @param {import('./random-source.mjs').RandomSource} random @param {'SIGSTOP' | 'SIGCONT' | 'SIGKILL'} signal */
  #signal(random, signal) {
    const peers = this.#peers.filter(({ stopped }) => stopped === (signal === 'SIGCONT') || signal === 'SIGKILL');
    if (peers.length === 0) return undefined;
    const peer = random.pick(peers);
    peer.stopped = signal === 'SIGSTOP';
    peer.child.kill(signal);
    return `${signal} to ${peer.name}`;
  }
}
