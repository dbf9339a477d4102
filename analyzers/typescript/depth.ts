/**
 * A bound on nesting: lowering, proofs and the interpreter walk expressions and statements by recursion, and a stack that
 * runs over is no verdict. A sum of more terms than this, or blocks inside blocks, is refused before any of them starts.
 */
import type { Diagnostic } from '../diagnostics.ts';
import { ts } from './compiler.ts';
import type { Shadow } from './shadow.ts';

const DEEPEST_NESTING = 500;

/** Looks at functions with a contract, and at contracts: those lie behind the source's own `sourceLength`. */
export function refuseDepth(
  file: ts.SourceFile,
  shadow: Shadow,
  sourceLength: number,
  diagnostics: Diagnostic[],
): void {
  const roots = file.statements.filter(
    (node) => node.pos >= sourceLength || shadow.functions.some(({ pos }) => pos === node.pos),
  );
  for (const root of roots) {
    const open: { readonly node: ts.Node; readonly depth: number }[] = [{ node: root, depth: 0 }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { node, depth } = next;
      if (depth > DEEPEST_NESTING) {
        const start = node.getStart(file);
        diagnostics.push({
          span: shadow.toSource(start, Math.max(start + 1, node.end)),
          message: `this is nested more than ${DEEPEST_NESTING} levels deep`,
          advice: 'Give parts of it names: const part = ...;',
        });
        break;
      }
      ts.forEachChild(node, (child) => {
        open.push({ node: child, depth: depth + 1 });
      });
    }
  }
}
