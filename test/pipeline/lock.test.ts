import { describe, expect, it } from 'vitest';
import { formatLock, type Lock, type LockMode, openLedger, parseLock, sha256 } from '../../pipeline/lock.ts';
import { errorOf } from './support.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const lockOf = (inputs: Record<string, string>, compiler?: string): Lock => ({
  ...(compiler === undefined ? {} : { compiler }),
  inputs: new Map(Object.entries(inputs).map(([name, text]) => [name, sha256(bytes(text))])),
});

/** A build that reads `inputs` against `before`. */
function build(before: Lock | undefined, mode: LockMode, inputs: Record<string, string>, compiler?: string) {
  const ledger = openLedger(before, mode, 'casemate.lock');
  for (const [name, text] of Object.entries(inputs)) ledger.seeInput(name, bytes(text));
  if (compiler !== undefined) ledger.seeCompiler(compiler);
  return ledger.close();
}

describe('casemate.lock', () => {
  it('has the same bytes for the same inputs, whatever order they were read in', () => {
    const a = formatLock(build(undefined, 'verify', { 'b.o': '1', 'a.o': '2' }, 'clang 14').lock);
    const b = formatLock(build(undefined, 'verify', { 'a.o': '2', 'b.o': '1' }, 'clang 14').lock);
    expect(a).toBe(b);
    expect(a).toBe(
      `{\n  "version": 1,\n  "compiler": "clang 14",\n  "inputs": {\n    "a.o": "sha256:${sha256(bytes('2'))}",\n` +
        `    "b.o": "sha256:${sha256(bytes('1'))}"\n  }\n}\n`,
    );
    expect(formatLock(parseLock(a, 'casemate.lock'))).toBe(a);
  });

  it('stops a changed input with both hashes and the way to accept it', () => {
    const before = lockOf({ 'a.o': 'old', 'b.o': 'same' });
    const error = errorOf(() => build(before, 'verify', { 'a.o': 'new', 'b.o': 'same' }));
    expect(error.code).toBe('manifest');
    expect(error.message).toBe(
      `casemate.lock: a.o: SHA-256 is ${sha256(bytes('new'))}, the lock says ${sha256(bytes('old'))}; ` +
        'if the change is wanted, build with --update-lock',
    );
  });

  it('stops another compiler', () => {
    expect(errorOf(() => build(lockOf({}, 'clang 14'), 'verify', {}, 'clang 19')).message).toContain(
      'the compiler is "clang 19", the lock says "clang 14"',
    );
  });

  it('accepts a change with --update-lock, and says what changed', () => {
    const { lock, changes } = build(
      lockOf({ 'a.o': 'old', 'c.o': '' }),
      'update',
      { 'a.o': 'new', 'b.o': '' },
      'clang',
    );
    expect(lock).toEqual(lockOf({ 'a.o': 'new', 'b.o': '' }, 'clang'));
    expect(changes).toEqual(['compiler: clang', 'added b.o', 'changed a.o', 'removed c.o']);
  });

  it('follows a changed manifest, but not when frozen', () => {
    const before = lockOf({ 'a.o': '1' });
    expect(build(before, 'verify', { 'a.o': '1', 'b.o': '2' }).changes).toEqual(['added b.o']);
    expect(build(before, 'frozen', { 'a.o': '1' }).changes).toEqual([]);
    for (const inputs of [{ 'a.o': '1', 'b.o': '2' }, {}]) {
      expect(errorOf(() => build(before, 'frozen', inputs as Record<string, string>)).message).toContain(
        'the build does not match the lock',
      );
    }
    expect(errorOf(() => build(before, 'frozen', { 'a.o': '2' })).message).toContain('SHA-256 is');
    expect(errorOf(() => build(undefined, 'frozen', {})).message).toContain('there is no lock');
  });

  it.each([
    ['[]', 'expected an object'],
    ['{"version": 2, "inputs": {}}', '"version" is 2, not 1'],
    ['{"inputs": {}}', '"version" is missing, not 1'],
    ['{"version": 1}', '"inputs" is not an object'],
    ['{"version": 1, "inputs": {"a": "sha256:00"}}', '"a" has no "sha256:" and 64'],
    ['{"version": 1, "inputs": {"a": 5}}', '"a" has no'],
    ['{"version": 1, "inputs": {}, "extra": 1}', 'unknown key "extra"'],
    ['{"version": 1, "compiler": 1, "inputs": {}}', '"compiler" is not text'],
    ['{"version": 1, "inputs": {"__proto__": "sha256:"}}', '__proto__'],
    ['nonsense', 'expected a value'],
  ])('that is damaged says so: %s', (text, expected) => {
    const error = errorOf(() => parseLock(text, 'casemate.lock'));
    expect(error.code).toBe('manifest');
    expect(error.message).toMatch(/^casemate\.lock:1: /);
    expect(error.message).toContain(expected);
  });
});
