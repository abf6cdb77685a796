/** Whether every type that a public signature names can be imported by that name. Needs `npm run compile`. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from './installed.ts';

// The compiler that comes with arethetypeswrong: the repository's own can't be called by a program. Its types aren't ours to import.
const ts = createRequire(createRequire(import.meta.url).resolve('@arethetypeswrong/core'))('typescript');
const DIST = join(ROOT, 'dist');
const ENTRIES = [join(DIST, 'index.d.ts'), join(DIST, 'metrics/guard-metrics.d.ts')];

/** Our types that the signatures of exported things lead to without being exported, as "name in name". */
function findForgottenTypes(entries: readonly string[], folder: string): readonly string[] {
  const program = ts.createProgram(entries, { module: ts.ModuleKind.NodeNext, types: [], noEmit: true });
  const checker = program.getTypeChecker();
  // biome-ignore-start lint/suspicious/noExplicitAny: the compiler's symbols and nodes, see above
  const follow = (symbol: any): any =>
    symbol && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const exported = new Set<any>(
    entries.flatMap((file) =>
      checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file))).map(follow),
    ),
  );
  const forgotten = new Set<string>();
  const visited = new Set<any>();

  function visitSymbol(symbol: any): void {
    for (const declaration of symbol?.declarations ?? []) {
      const { fileName } = declaration.getSourceFile();
      if (!fileName.startsWith(folder) || visited.has(declaration)) continue;
      visited.add(declaration);
      visitNode(declaration, symbol.name);
    }
  }

  function visitNode(node: any, from: string): void {
    if (node.modifiers?.some(({ kind }: any) => kind === ts.SyntaxKind.PrivateKeyword)) return;
    const name = ts.isTypeReferenceNode(node)
      ? node.typeName
      : ts.isExpressionWithTypeArguments(node)
        ? node.expression
        : undefined;
    const symbol = name && follow(checker.getSymbolAtLocation(name));
    const [declaration] = symbol?.declarations ?? [];
    if (declaration?.getSourceFile().fileName.startsWith(folder) && !ts.isTypeParameterDeclaration(declaration)) {
      if (!exported.has(symbol)) forgotten.add(`${symbol.name} in ${from}`);
      visitSymbol(symbol);
    }
    ts.forEachChild(node, (child: any) => visitNode(child, from));
  }
  // biome-ignore-end lint/suspicious/noExplicitAny: see above

  for (const symbol of exported) visitSymbol(symbol);
  return [...forgotten];
}

it('a public signature names no type that is not exported', () => {
  expect(findForgottenTypes(ENTRIES, DIST)).toEqual([]);
});

it('one that is not exported would be found', () => {
  expect(findForgottenTypes([join(DIST, 'loading/load-guard-options.d.ts')], DIST)).toContain(
    'LadderStep in LoadChoices',
  );
});
