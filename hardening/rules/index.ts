/** All rules, in the order in which they are run and shown. Each has its page in docs/rules. */
import type { Rule } from '../rule.ts';
import { bssBounds } from './bss-bounds.ts';
import { canary } from './canary.ts';
import { codePointers } from './code-pointers.ts';
import { executeOnly } from './execute-only.ts';
import { guardPages } from './guard-pages.ts';
import { leaks } from './leaks.ts';
import { noteShape } from './note-shape.ts';
import { privilegeGadgets } from './privilege-gadgets.ts';
import { relro } from './relro.ts';
import { secrets } from './secrets.ts';
import { wx } from './wx.ts';

export const rules: readonly Rule[] = [
  wx,
  executeOnly,
  privilegeGadgets,
  relro,
  codePointers,
  canary,
  guardPages,
  bssBounds,
  noteShape,
  secrets,
  leaks,
];
