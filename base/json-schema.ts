/**
 * Hand-written JSON of a known shape: every violation of a shipped schema in words, with file, line and key.
 *
 * What people write by hand (casemate.json, policy.json) has one schema that their editors use too. A schema library says
 * what is wrong in terms of the schema; a reader needs what was found, what is allowed, and where. What a schema cannot
 * say is checked by whoever asks, who is given the same way to point at a key.
 */
import { Ajv, type ErrorObject } from 'ajv';
import { type ErrorCode, fail, printable } from './errors.ts';
import { type At, parseJson, pointerStep, readablePath } from './json.ts';
import { nearest } from './nearest.ts';

/** A value as a message shows it: scalars in full, containers by kind and size. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return `an object with ${Object.keys(value).length} keys`;
  return printable(JSON.stringify(value), 80);
}

const kinds: Record<string, string> = {
  string: 'text in double quotes',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  null: 'null',
};

function alternatives(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** What an ajv error means to a reader. Keywords are those that the schema uses; any other falls to ajv's own words. */
function explain(error: ErrorObject): string {
  const parent = error.parentSchema as { description?: string; properties?: object; type?: string | string[] };
  const found = `found ${show(error.data)}`;
  const about = parent.description === undefined ? '' : `: ${parent.description}`;
  switch (error.keyword) {
    case 'additionalProperties': {
      const key = String(error.params['additionalProperty']);
      const known = Object.keys(parent.properties ?? {});
      const meant = nearest(key, known);
      return `unknown key ${printable(JSON.stringify(key), 60)}; ${
        meant === undefined ? `allowed are ${alternatives(known)}` : `did you mean "${meant}"?`
      }`;
    }
    case 'required':
      return `the key "${error.params['missingProperty']}" is missing`;
    case 'type': {
      const types = [error.params['type'] as string | string[]].flat();
      return `${found}; must be ${alternatives(types.map((type) => kinds[type] ?? type))}${about}`;
    }
    case 'enum': {
      const allowed = error.params['allowedValues'] as string[];
      const meant = typeof error.data === 'string' ? nearest(error.data, allowed) : undefined;
      const hint = meant === undefined ? '' : ` (did you mean "${meant}"?)`;
      return `${found}; must be ${alternatives(allowed.map((word) => `"${word}"`))}${hint}`;
    }
    case 'pattern':
      return `${found}; must be ${parent.description ?? `of the form ${error.params['pattern']}`}`;
    case 'minimum':
    case 'maximum':
      return `${found}; must be ${error.keyword === 'minimum' ? 'at least' : 'at most'} ${error.params['limit']}${about}`;
    case 'multipleOf':
      return `${found}; must be a multiple of ${error.params['multipleOf']}${about}`;
    case 'minLength':
    case 'maxLength':
    case 'minItems':
    case 'maxItems': {
      const size = (error.data as string | unknown[]).length;
      const unit = error.keyword.endsWith('Length') ? 'characters' : 'elements';
      const bound = error.keyword.startsWith('min') ? 'at least' : 'at most';
      return `found ${size} ${unit}; must be ${bound} ${error.params['limit']}`;
    }
    default:
      return `${found}; ${error.message ?? 'not allowed'}`;
  }
}

/** A schema of docs/schema, and the function of base/accepts.gen.ts that says quickly whether a value keeps to it. */
export interface Shape {
  readonly schema: object;
  readonly accepts: (value: unknown) => boolean;
}

/** What is wrong, by the schema library, which takes its time to be made ready; `all`: else the first alone. */
export function violationsOf(value: unknown, { schema }: Shape, all: boolean): readonly ErrorObject[] {
  // Schemas themselves are checked by tests.
  const validate = new Ajv({ allErrors: all, verbose: true, validateSchema: false, strictTypes: false }).compile(
    schema,
  );
  if (validate(value)) throw new Error('a schema and the function that was made of it do not agree');
  return validate.errors ?? [];
}

/** Validates `value`; returns the pointer and text of every violation. */
function violations(value: unknown, shape: Shape): { pointer: string; text: string }[] {
  if (shape.accepts(value)) return [];
  return violationsOf(value, shape, true).map((error) => ({
    pointer:
      error.keyword === 'additionalProperties'
        ? error.instancePath + pointerStep(String(error.params['additionalProperty']))
        : error.instancePath,
    text: explain(error),
  }));
}

/** The value of a text that keeps to a shape; else an error of `code` about the first violation. */
export function parseBySchema(text: string, file: string, shape: Shape, code: ErrorCode): { value: unknown; at: At } {
  const document = parseJson(text, file, code);
  const at: At = (pointer) => {
    const path = readablePath(pointer);
    return `${printable(file)}:${document.lineOf(pointer)}${path === '' ? '' : `: ${path}`}`;
  };
  const found = violations(document.value, shape).map((each) => ({ ...each, line: document.lineOf(each.pointer) }));
  if (found.length > 0) {
    const first = found.reduce((a, b) => (b.line < a.line ? b : a));
    const more = found.length > 1 ? ` (and ${found.length - 1} more)` : '';
    fail(code, `${at(first.pointer)}: ${first.text}${more}`);
  }
  return { value: document.value, at };
}
