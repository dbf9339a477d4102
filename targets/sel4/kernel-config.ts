/**
 * A kernel's configuration, as its build wrote it down.
 *
 * Every seL4 build leaves its choices in gen_config.json and, for C, in gen_config.h; both come from one list, so either
 * will do. What an image may rely on (floating point, room for capabilities, a console for debugging) follows from them,
 * and so does which proofs apply. A key that is not there is not off: it is an error for whoever asks for it.
 * Source: seL4's tools/config_gen.py (values are booleans or text; in C, `#define CONFIG_KEY  text`, 1 for true, and a
 * comment `disabled: CONFIG_KEY` for false) and config_set, config_option, config_string in tools/helpers.cmake.
 */
import { fail, printable } from '../../base/errors.ts';
import { parseJson } from '../../base/json.ts';

/** A file as text, with what messages call it. */
export interface NamedText {
  readonly name: string;
  readonly text: string;
}

export type ConfigValue = string | boolean | number;
export type KernelConfig = ReadonlyMap<string, ConfigValue>;

/** Bytes and keys of the largest configuration that is read; real ones have about 6,000 and 200. */
const mostText = 1 << 20;
const mostKeys = 4096;

const keyPattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

function fromJson({ name, text }: NamedText): Map<string, ConfigValue> {
  const { value, lineOf } = parseJson(text, name, 'kernel');
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    fail('kernel', `${printable(name)}: must be one object of configuration keys`);
  const config = new Map<string, ConfigValue>();
  for (const [key, entry] of Object.entries(value)) {
    const where = (): string => `${printable(name)}:${lineOf(`/${key}`)}`;
    if (!keyPattern.test(key)) fail('kernel', `${where()}: ${printable(key, 60)} is no configuration key`);
    if (typeof entry !== 'string' && typeof entry !== 'boolean' && typeof entry !== 'number')
      fail('kernel', `${where()}: ${key} must be true, false or text`);
    config.set(key, entry);
  }
  return config;
}

/** The value of a line of gen_config.h, if it is one that says something. */
function fromLine(line: string): readonly [key: string, value: ConfigValue] | undefined {
  const set = /^#define\s+CONFIG_([A-Za-z0-9_]+)\s+(.*?)\s*$/.exec(line);
  if (set) return [set[1], set[2] === '/* empty */' ? '' : set[2]];
  const off = /^\/\* disabled: CONFIG_([A-Za-z0-9_]+) \*\/\s*$/.exec(line);
  return off ? [off[1], false] : undefined;
}

function fromHeader({ name, text }: NamedText): Map<string, ConfigValue> {
  const config = new Map<string, ConfigValue>();
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const where = `${printable(name)}:${i + 1}`;
    const entry = fromLine(line);
    if (entry === undefined) {
      // What is left out here would count as absent later: only what cannot be a key is passed over.
      if (line.includes('CONFIG_')) fail('kernel', `${where}: cannot be read: ${printable(line, 80)}`);
      continue;
    }
    const [key, value] = entry;
    if (config.has(key)) fail('kernel', `${where}: CONFIG_${key} occurs twice`);
    config.set(key, value);
  }
  return config;
}

/** Reads a gen_config.json or gen_config.h, told apart by how they begin. */
export function parseGenConfig(file: NamedText): KernelConfig {
  const name = printable(file.name);
  if (file.text.length > mostText)
    fail('limit', `${name}: ${file.text.length} characters; a configuration has at most ${mostText}`);
  const config = /^\s*\{/.test(file.text) ? fromJson(file) : fromHeader(file);
  if (config.size === 0) fail('kernel', `${name}: no configuration key in it; give a gen_config.json or gen_config.h`);
  if (config.size > mostKeys) fail('limit', `${name}: ${config.size} keys; a configuration has at most ${mostKeys}`);
  return config;
}

function absent(key: string, file: string): never {
  return fail('kernel', `${printable(file)}: no key ${key} in it, and its absence decides nothing`);
}

/** Whether `key` is on; fails when the configuration does not say. C's 1 is true. */
export function flagOf(config: KernelConfig, key: string, file: string): boolean {
  const value = config.get(key) ?? absent(key, file);
  if (value === true || value === '1' || value === 1) return true;
  if (value === false) return false;
  return fail('kernel', `${printable(file)}: ${key} is ${printable(JSON.stringify(value), 60)}; must be true or false`);
}

/** As flagOf, for keys that only some platforms have: absent is off. */
export function isSet(config: KernelConfig, key: string, file: string): boolean {
  return config.has(key) && flagOf(config, key, file);
}

/** A count; fails when it is absent, no number or beyond `limits`. */
export function countOf(
  config: KernelConfig,
  key: string,
  file: string,
  limits: readonly [least: number, most: number],
): number {
  const value = config.get(key) ?? absent(key, file);
  const count = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  const [least, most] = limits;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < least || count > most) {
    const shown = printable(JSON.stringify(value), 60);
    fail('kernel', `${printable(file)}: ${key} is ${shown}; must be a number from ${least} to ${most}`);
  }
  return count;
}

/** A word; fails when it is absent or not text. */
export function wordOf(config: KernelConfig, key: string, file: string): string {
  const value = config.get(key) ?? absent(key, file);
  return typeof value === 'string'
    ? value
    : fail('kernel', `${printable(file)}: ${key} is ${String(value)}; must be a word`);
}
