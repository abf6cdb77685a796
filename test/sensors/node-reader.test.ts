import { freemem, totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { NodeReader } from '../../src/sensors/node-reader.ts';

describe('the node reader', () => {
  it('says what node:os says, and that it is not precise', () => {
    const reader = new NodeReader();
    expect(reader.readFrom()).toEqual(['node:os']);
    const snapshot = reader.snapshot();
    expect(snapshot).toMatchObject({ source: 'node', precise: false, ancestorsHidden: false, totalBytes: totalmem() });
    expect(Math.abs(snapshot.availableBytes - freemem())).toBeLessThan(256 * MiB);
    expect(snapshot.scopes).toEqual([snapshot.limitedBy]);
    expect(snapshot.limitedBy).toMatchObject({ kind: 'host', limitBytes: totalmem(), reclaimableBytes: 0 });
    expect(Object.isFrozen(snapshot.scopes[0])).toBe(true);
  });

  it('measures the same', () => {
    const { totalBytes, availableBytes, hostBinds } = new NodeReader().measure();
    expect({ totalBytes, hostBinds }).toEqual({ totalBytes: totalmem(), hostBinds: true });
    expect(Math.abs(availableBytes - freemem())).toBeLessThan(256 * MiB);
  });

  it('has the machine as its only limit, once it was read', () => {
    const reader = new NodeReader();
    expect(reader.limits()).toEqual([]);
    const { totalBytes } = reader.measure();
    expect(reader.limits()).toEqual([{ kind: 'host', path: 'host', limitBytes: totalBytes }]);
  });

  it('refuses to read after it was closed', () => {
    const reader = new NodeReader();
    reader.close();
    expect(() => reader.measure()).toThrow(expect.objectContaining({ code: 'ERR_SENSOR' }));
  });
});
