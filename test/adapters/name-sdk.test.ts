import { describe, expect, it } from 'vitest';
import { nameSdk } from '../../src/adapters/name-sdk.ts';

class One {
  async loadModel(name: string) {
    return name;
  }
}

class Other {
  async loadModel(name: string) {
    return { name };
  }
}

describe('the name of an SDK', () => {
  it('is the same for the same class in the same program, and says which that is', () => {
    expect(nameSdk(new One(), 'loadModel', '/app/main.js')).toBe(nameSdk(new One(), 'loadModel', '/app/main.js'));
    expect(nameSdk(new One(), 'loadModel', '/app/main.js')).toMatch(/^One [0-9a-f]{16} of \/app\/main\.js$/);
  });

  it('is another one for another class, program or code', () => {
    const plain = { loadModel: (name: string) => name };
    const names = [
      nameSdk(new One(), 'loadModel', '/app/main.js'),
      nameSdk(new One(), 'loadModel', '/app/other.js'),
      nameSdk(new Other(), 'loadModel', '/app/main.js'),
      nameSdk(plain, 'loadModel', '/app/main.js'),
      nameSdk({ loadModel: (name: string) => `${name}!` }, 'loadModel', '/app/main.js'),
      nameSdk(Object.assign(Object.create(null), plain), 'loadModel', '/app/main.js'),
    ];
    expect(new Set(names).size).toBe(names.length);
    expect(names).not.toContain(undefined);
  });

  it('goes by the method that loads, wherever that is', () => {
    const inner = { create: async () => ({}) };
    const sdk = { InferenceSession: inner };
    expect(nameSdk(sdk, 'InferenceSession.create', '/app/main.js')).toMatch(/^Object [0-9a-f]{16} of \/app\/main\.js$/);
    expect(nameSdk(sdk, 'InferenceSession.load', '/app/main.js')).toBeUndefined();
  });

  it('is that of the program that runs', () => {
    expect(nameSdk(new One())).toContain(process.argv[1]);
  });

  it('is none if the program has no file, or the object answers every key or throws', () => {
    expect(nameSdk(new One(), 'loadModel', '')).toBeUndefined();
    const anything: object = new Proxy(() => {}, { get: () => anything });
    expect(nameSdk(anything, 'loadModel', '/app/main.js')).toBeUndefined();
    const throwing = {
      get constructor(): never {
        throw new Error('mine');
      },
    };
    expect(nameSdk(throwing, 'loadModel', '/app/main.js')).toBeUndefined();
    expect(nameSdk({ loadModel: 5 }, 'loadModel', '/app/main.js')).toBeUndefined();
  });
});
