import { describe, expect, it } from 'vitest';
import { parseMembership, parseMounts, relateToMount } from '../../../src/sensors/linux/mountinfo.ts';

describe('parseMembership', () => {
  it('prefers the v1 hierarchy that has the memory controller', () => {
    expect(parseMembership('4:memory:/a\n0::/b\n', 'f')).toEqual({ version: 1, path: '/a' });
    expect(parseMembership('0::/b\n4:cpu,memory,pids:/a\n', 'f')).toEqual({ version: 1, path: '/a' });
  });

  it('does not take a hierarchy for the memory one by its name', () => {
    expect(parseMembership('4:name=memory:/a\n3:memory_recursiveprot:/a\n0::/b\n', 'f')).toEqual({
      version: 2,
      path: '/b',
    });
  });

  it('keeps colons and blanks in a path', () => {
    expect(parseMembership('0::/a:b c\n', 'f')?.path).toBe('/a:b c');
  });

  it('knows none if only other controllers are', () => {
    expect(parseMembership('4:cpu:/a\n1:name=systemd:/\n', 'f')).toBeUndefined();
    expect(parseMembership('', 'f')).toBeUndefined();
  });

  it.each(['memory:/a', '0::relative', 'x::/a'])('refuses %j', (line) => {
    expect(() => parseMembership(`${line}\n`, 'f')).toThrow(expect.objectContaining({ code: 'ERR_SENSOR' }));
  });
});

describe('parseMounts', () => {
  const text = [
    '31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755',
    '35 31 0:32 /docker/a /sys/fs/cgroup/mem\\040ory rw shared:9 master:2 - cgroup cgroup rw,memory',
    '36 31 0:33 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu',
    '41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,memory_recursiveprot',
    '',
  ].join('\n');

  it('finds the mount of the memory controller, through optional fields and escapes', () => {
    expect(parseMounts(text, 1, 'f')).toEqual([{ root: '/docker/a', point: '/sys/fs/cgroup/mem ory' }]);
  });

  it('finds the unified mount', () => {
    expect(parseMounts(text, 2, 'f')).toEqual([{ root: '/', point: '/sys/fs/cgroup/unified' }]);
  });

  it.each(['31 23 0:28 / /sys rw', '31 23 - cgroup cgroup rw'])('refuses %j', (line) => {
    expect(() => parseMounts(line, 1, 'f')).toThrow(expect.objectContaining({ code: 'ERR_SENSOR' }));
  });
});

describe('relateToMount', () => {
  const below = (...segments: string[]) => ({ kind: 'below', segments });

  it('strips the mounted part', () => {
    expect(relateToMount('/', '/a/b')).toEqual(below('a', 'b'));
    expect(relateToMount('/docker/0123', '/docker/0123')).toEqual(below());
    expect(relateToMount('/docker/0123', '/docker/0123/child')).toEqual(below('child'));
    expect(relateToMount('/..', '/../b')).toEqual(below('b'));
  });

  it('does not take a longer name for a child', () => {
    expect(relateToMount('/docker/0123', '/docker/01234')).toEqual({ kind: 'elsewhere' });
  });

  it('does not find a group outside of what is mounted', () => {
    expect(relateToMount('/', '/../sibling')).toEqual({ kind: 'elsewhere' });
    expect(relateToMount('/docker/0123', '/')).toEqual({ kind: 'elsewhere' });
    expect(relateToMount('/../other', '/a')).toEqual({ kind: 'elsewhere' });
  });

  it('counts levels that have no name in our namespace', () => {
    expect(relateToMount('/../..', '/a')).toEqual({ kind: 'unnamed', unnamed: 2, segments: ['a'] });
  });
});
