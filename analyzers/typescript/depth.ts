/**
 * A bound on nesting: lowering, proofs and the interpreter walk expressions and statements by recursion, and a stack that
 * runs over is no verdict. A sum of more terms than this, or blocks inside blocks, is refused before any of them starts.
 *
 * Choices in choices, a ? b : c ? d : ..., have a bound of their own: the compiler narrows types through all of them at
 * each, in a time that grows with the cube of their number, minutes for a few hundred. It checks whole files, so that
 * bound is for code without a contract too.
 */
import type { Diagnostic } from '../diagnostics.ts';
import { ts } from './compiler.ts';
import type { Shadow } from './shadow.ts';

const DEEPEST_NESTING = 500;
const DEEPEST_CHOICE = 64;

/** Looks at functions and classes with a contract, and at contracts; for choices at all. */
export function refuseDepth(file: ts.SourceFile, shadow: Shadow, diagnostics: Diagnostic[]): void {
  const refused = (node: ts.Node, message: string, advice: string): void => {
    const start = node.getStart(file);
    diagnostics.push({ span: shadow.toSource(start, Math.max(start + 1, node.end)), message, advice });
  };
  for (const root of file.statements) {
    const verified =
      shadow.isAdded(root.pos) || [...shadow.functions, ...shadow.classes].some(({ pos }) => pos === root.pos);
    const open: { readonly node: ts.Node; readonly depth: number; readonly choices: number }[] = [
      { node: root, depth: 0, choices: 0 },
    ];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { node, depth } = next;
      const choices = next.choices + (ts.isConditionalExpression(node) ? 1 : 0);
      if (verified && depth > DEEPEST_NESTING) {
        refused(
          node,
          `this is nested more than ${DEEPEST_NESTING} levels deep`,
          'Give parts of it names: const part = ...;',
        );
        break;
      }
      if (choices > DEEPEST_CHOICE) {
        refused(
          node,
          `more than ${DEEPEST_CHOICE} choices ?: in each other`,
          'Write if or switch, or give parts names.',
        );
        break;
      }
      ts.forEachChild(node, (child) => {
        open.push({ node: child, depth: depth + 1, choices });
      });
    }
  }
}
