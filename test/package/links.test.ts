/** Reads every document of the repository: where its links lead, there is something, also once the package is installed. It opens no network. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './installed.ts';

const { repository } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
/** A link that begins so leads into this repository, and what follows is a path. */
const OWN = `${repository.url.replace(/^git\+|\.git$/g, '')}/blob/main/`;

/** Folders without documents of ours. */
const SKIPPED = /(^|\/)(node_modules|\.git|\.vm|dist|build|coverage|prebuilds|proc|sys)$/;

function listDocuments(folder = ''): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.test(path) ? [] : listDocuments(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

const documents = listDocuments();
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** A document without what is shown in it as code, the lines kept. */
function dropCode(text: string): string {
  return text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/(`+)(?!`)[\s\S]*?[^`]\1(?!`)/g, '');
}

/** Where the links, pictures and references of a document lead. */
function listTargets(text: string): string[] {
  const found = dropCode(text).matchAll(
    /\]\(<?([^()\s>]+)>?(?: "[^"]*")?\)|^\[[^\]]+\]:\s*<?([^\s>]+)|(?:href|src)="([^"]+)"/gm,
  );
  return [...found].map(([, inline, reference, html]) => (inline ?? reference ?? html)!);
}

/** The names by which a document's headings can be reached: as GitHub makes them. */
function listAnchors(text: string): string[] {
  const anchors: string[] = [];
  const counts = new Map<string, number>();
  for (const [, heading] of text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const words = heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '');
    const name = words
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
      .replaceAll(' ', '-');
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    anchors.push(count === 0 ? name : `${name}-${count}`);
  }
  return anchors;
}

/** The path in the repository that a link of `document` leads to, and its anchor. `undefined` if it leads elsewhere. */
function resolveTarget(
  document: string,
  target: string,
): { readonly path: string; readonly anchor?: string } | undefined {
  const own = target.startsWith(OWN);
  if (!own && /^[a-z][a-z+.-]*:/i.test(target)) return undefined;
  const [path, anchor] = (own ? target.slice(OWN.length) : target).split('#') as [string, string?];
  const whole = own ? path : path === '' ? document : posix.join(posix.dirname(document), path);
  return { path: decodeURI(whole), ...(anchor !== undefined && { anchor }) };
}

/** The dead links of a document: there is no such file, or it has no such heading. */
function listDeadLinks(document: string, text: string): string[] {
  return listTargets(text).filter((target) => {
    const resolved = resolveTarget(document, target);
    if (!resolved) return false;
    const { path, anchor } = resolved;
    if (path.startsWith('..') || !existsSync(join(ROOT, path))) return true;
    return (
      anchor !== undefined &&
      path.endsWith('.md') &&
      !listAnchors(path === document ? text : read(path)).includes(anchor)
    );
  });
}

/** Paths that a document names in code as files of this repository. A pattern or a part of a path is none. */
function listNamedFiles(text: string): string[] {
  const found = text.matchAll(
    /`((?:src|test|native|bench|tools|examples|docs)\/[\w./-]+\.(?:ts|mjs|cjs|cc|h|md|json|svg))`/g,
  );
  return [...found].map(([, path]) => path!);
}

describe('the reader of links', () => {
  const text = [
    '# One `heading`, twice',
    '## One heading, twice',
    '[a](docs/none.md) [b](#one-heading-twice-1) ![c](docs/pictures/load.svg) [d](#none)',
    '`[e](none.md)` and ``[f](`none.md)``',
    '```md',
    '[g](none.md)',
    '```',
    '[h]: none.md',
    '[i](https://example.org/none.md) <img src="none.png">',
    `[j](${OWN}package.json) [k](${OWN}none.json) [l](../outside.md)`,
  ].join('\n');

  it('finds each dead link, and neither one that leads to something nor one that is shown as code', () => {
    const dead = ['docs/none.md', '#none', 'none.md', 'none.png', `${OWN}none.json`, '../outside.md'];
    expect(listDeadLinks('README.md', text)).toEqual(dead);
  });

  it('finds every document', () => {
    expect(documents).toEqual(expect.arrayContaining(['README.md', 'docs/headroom.md', 'test/fixtures/README.md']));
    expect(documents.flatMap((path) => listTargets(read(path))).length).toBeGreaterThan(50);
  });

  it('finds the files that a text names', () => {
    const named = listNamedFiles('`src/index.ts`, `src/none.ts`, `src/adapters/`, `docs/adding-*.md` and src/plain.ts');
    expect(named).toEqual(['src/index.ts', 'src/none.ts']);
  });
});

describe('the documents', () => {
  it.each(documents)('%s has no dead link', (document) => {
    expect(listDeadLinks(document, read(document))).toEqual([]);
  });

  it.each(documents)('%s names no file that there is not', (document) => {
    expect(listNamedFiles(read(document)).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it('docs/decisions/README.md leads to every decision', () => {
    const decisions = readdirSync(join(ROOT, 'docs/decisions')).filter((name) => name !== 'README.md');
    expect(decisions.length).toBeGreaterThan(5);
    expect(listTargets(read('docs/decisions/README.md'))).toEqual(expect.arrayContaining(decisions));
  });

  it('of the tarball lead to nothing that stays behind', () => {
    const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: 'pipe',
    });
    const [{ files }] = JSON.parse(output) as [{ files: readonly { path: string }[] }];
    const packed = files.map(({ path }) => path);
    const links = packed
      .filter((path) => path.endsWith('.md'))
      .flatMap((document) => listTargets(read(document)).map((target) => ({ document, target })))
      .filter(({ target }) => !target.startsWith(OWN));
    const left = links.filter(({ document, target }) => {
      const path = resolveTarget(document, target)?.path.replace(/\/$/, '');
      return path !== undefined && !packed.some((file) => file === path || file.startsWith(`${path}/`));
    });
    expect(links.length).toBeGreaterThan(20);
    expect(left.map(({ document, target }) => `${document}: ${target}`)).toEqual([]);
  });
});
