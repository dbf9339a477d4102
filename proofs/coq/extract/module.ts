/**
 * A TypeScript file of what Coq has extracted: types, functions in the order in which they were declared, and the helpers
 * that they need, each with what the Coq file proves of it.
 */
import { fail, printable } from '../../../base/errors.ts';
import { emitDefinition } from './emit.ts';
import { helpers } from './helpers.ts';
import { camelCase, namesFrom, pascalCase } from './naming.ts';
import type { Source } from './source.ts';
import { type Declaration, partsOf, type Type } from './syntax.ts';
import { builtinFunctions, builtTypes, typeName } from './table.ts';
import {
  declaredText,
  genericText,
  parametersIn,
  type Surroundings,
  type UserConstructor,
  type UserFunction,
} from './type-text.ts';
import { globalsOf, inferDefinition } from './types.ts';

const ourTypes = new Set(builtTypes.map(({ coq }) => typeName(coq)));
const isOurs = (name: string): boolean => ourTypes.has(name) || builtinFunctions.has(name);

const namesOf = (one: Declaration): string[] => (one.kind === 'terms' ? one.terms.map(({ name }) => name) : [one.name]);

function* namesInType(type: Type): Generator<string> {
  if (type.kind === 'arrow') {
    yield* namesInType(type.from);
    yield* namesInType(type.to);
  } else if (type.kind === 'named') {
    yield type.name;
    for (const one of type.args) yield* namesInType(one);
  }
}

/** Names of declarations, or constructors, that a declaration uses. */
function usesOf(one: Declaration): string[] {
  if (one.kind === 'alias') return [...namesInType(one.type)];
  if (one.kind === 'inductive')
    return one.constructors.flatMap(({ args }) => args.flatMap((arg) => [...namesInType(arg)]));
  return one.terms.flatMap(({ type, value }) => [
    ...namesInType(type),
    ...[...partsOf(value)].flatMap((part) => {
      if (part.kind === 'global' || part.kind === 'construct') return [part.name];
      return part.kind === 'case'
        ? part.cases.flatMap(({ pattern }) => (pattern.kind === 'constructor' ? [pattern.name] : []))
        : [];
    }),
  ]);
}

/** Declarations that roots need, in their order; those that the table stands for are left out. */
function needed(declarations: readonly Declaration[], roots: readonly string[]): Declaration[] {
  const byName = new Map<string, Declaration>();
  for (const one of declarations) {
    for (const name of namesOf(one)) byName.set(name, one);
    if (one.kind === 'inductive') for (const { name } of one.constructors) byName.set(name, one);
  }
  const kept = new Set<Declaration>();
  const open = [...roots];
  while (open.length > 0) {
    const name = open.pop()!;
    const one = byName.get(name);
    if (one === undefined || kept.has(one) || namesOf(one).some(isOurs)) continue;
    kept.add(one);
    open.push(...usesOf(one));
  }
  return declarations.filter((one) => kept.has(one));
}

/** A text that ends no comment and begins no line of its own. */
const inComment = (text: string): string => printable(text.replaceAll('*/', '* /'), 600);

function comment(lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  return ['/**', ...lines.map((line) => (line === '' ? ' *' : ` * ${line}`)), ' */'];
}

/** Whether a statement speaks of a name. */
const isAbout = (statement: string, name: string): boolean =>
  new RegExp(`(?<![\\w'])${name.replaceAll(/[^\w]/g, '\\$&')}(?![\\w'])`).test(statement);

export interface ModuleRequest {
  /** Of the Coq file, as it is to be shown. */
  readonly file: string;
  readonly declarations: readonly Declaration[];
  readonly source: Source;
  /** Names in Coq of what is asked for; modules before dots. */
  readonly roots: readonly string[];
}

const letters = 'abcdefghijklmnopqrstuvwxyz';

/** The text of the file. Errors: 'extraction', with the name of the definition that has no form in TypeScript. */
export function moduleText({ file, declarations, source, roots }: ModuleRequest): string {
  const plain = roots.map((one) => one.slice(one.lastIndexOf('.') + 1));
  const all = needed(declarations, plain);
  const names = namesFrom(Object.keys(helpers));
  const types = new Map<string, string>();
  const constructors = new Map<string, UserConstructor>();
  const functions = new Map<string, UserFunction>();
  for (const one of all) {
    if (one.kind !== 'terms') types.set(one.name, names.take(pascalCase(one.name)));
    if (one.kind === 'inductive') {
      const isEnumeration = one.constructors.length > 1 && one.constructors.every(({ args }) => args.length === 0);
      const form = isEnumeration ? 'enumeration' : one.constructors.length === 1 ? 'record' : 'union';
      for (const { name, args } of one.constructors) {
        // The extraction begins constructors with a capital.
        const known = [...source.fields].find(([coq]) => coq.replace(/^./, (c) => c.toUpperCase()) === name)?.[1];
        const wanted = known?.length === args.length ? known.map(camelCase) : args.map((_, i) => letters[i % 26]!);
        const own = namesFrom(['kind', 'constructor', '__proto__']);
        constructors.set(name, { name, form, fields: wanted.map(own.take) });
      }
    }
    if (one.kind === 'terms')
      for (const { name, type, value } of one.terms) {
        const arity = value.kind === 'lambda' ? value.params.length : 0;
        functions.set(name, {
          name: names.take(camelCase(name)),
          arity,
          isCalled: arity === 0 && parametersIn(type) > 0,
        });
      }
  }
  const wantedHelpers = new Set<string>();
  const need = (helper: string): void => {
    if (wantedHelpers.has(helper)) return;
    wantedHelpers.add(helper);
    for (const one of helpers[helper]!.uses) need(one);
  };
  const around: Surroundings = { types, constructors, functions, need };
  const globals = globalsOf(declarations);
  const out: string[] = [];
  for (const one of all) {
    if (one.kind === 'alias')
      out.push(
        `export type ${types.get(one.name)}${genericText(one.params.length)} = ${declaredText(one.type, around)};`,
        '',
      );
    else if (one.kind === 'inductive') {
      const forms = one.constructors.map(({ name, args }) => {
        const { form, name: kind, fields } = constructors.get(name)!;
        if (form === 'enumeration') return `'${kind}'`;
        const members = args.map((arg, i) => `readonly ${fields[i]}: ${declaredText(arg, around)}`);
        const list = form === 'union' ? [`readonly kind: '${kind}'`, ...members] : members;
        return list.length === 0 ? 'Record<string, never>' : `{ ${list.join('; ')} }`;
      });
      const head = `export type ${types.get(one.name)}${genericText(one.params.length)} =`;
      if (forms.length === 0) out.push(`${head} never;`, '');
      else if (forms.length === 1) out.push(`${head} ${forms[0]};`, '');
      else out.push(head, ...forms.map((form, i) => `  | ${form}${i === forms.length - 1 ? ';' : ''}`), '');
    } else
      for (const definition of one.terms) {
        const theorems = source.theorems.filter(({ statement }) => isAbout(statement, definition.name));
        const proved = theorems.map(({ name, statement }) => `${name}: ${inComment(statement)}`);
        const inferred = inferDefinition(definition.name, definition.type, definition.value, globals);
        out.push(...comment(proved.length === 0 ? [] : ['Proved in Coq:', ...proved]));
        out.push(...emitDefinition(definition, inferred, around, names), '');
      }
  }
  if (out.length === 0) fail('extraction', `${printable(file)}: has nothing that computes; nothing was extracted`);
  // The helpers' own types are needed as well, whoever asked for them.
  const last = Object.keys(helpers).filter((name) => wantedHelpers.has(name));
  const first = comment([`Extracted from ${inComment(file)} by casemate: change that file, and not this one.`]);
  return `${[...first, '', ...out].join('\n')}${last.map((name) => `\n${helpers[name]!.text}`).join('')}`.replaceAll(
    /\n{3,}/g,
    '\n\n',
  );
}
