/**
 * `casemate prove --coq`, with Coq: what is true is proved with no human, what is false stays open whatever a
 * handwritten proof does, and definitions compute what the interpreter computes.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { run } from '../../analyzers/interpreter/run.ts';
import { createDraw, drawArguments } from '../../analyzers/interpreter/sample.ts';
import { copyValue, isArrayValue, type Value } from '../../analyzers/interpreter/values.ts';
import type { Program } from '../../analyzers/ir.ts';
import { type Type, valueType } from '../../analyzers/types.ts';
import { exportToCoq } from '../../pipeline/coq.ts';
import { analyzeFiles } from '../../pipeline/prove.ts';
import { modifiedOf } from '../../proofs/coq/definitions.ts';
import { exportProgram } from '../../proofs/coq/export.ts';
import { atom, zText } from '../../proofs/coq/names.ts';
import { createExported } from '../../proofs/coq/program.ts';
import { programOf } from '../support/contracts.ts';
import { isLong } from '../support/long.ts';
import { requireTools } from '../support/tools.ts';

// Half a gigabyte, which only long runs install.
if (isLong) requireTools('coqc');
const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'casemate-test-'));
  folders.push(folder);
  return folder;
};
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const exampleOf = (path: string): Program => analyzeFiles([path]).program!;
const LONG = 1_200_000;

describe.skipIf(!isLong)('with Coq', () => {
  const statusesOf = async (program: Program, folder = newFolder()): Promise<Record<string, string>> => {
    const { claims } = await exportToCoq(program, { folder });
    return Object.fromEntries(claims.map(({ claim: { id }, status, by }) => [id, `${status}: ${by}`]));
  };

  it.each([
    ['align-up is the least multiple', 'examples/contracts/align.ts', ['alignUp']],
    ['a queue is first in, first out', 'examples/contracts/fifo.ts', ['place', 'put', 'take']],
    ['the access table decides as its relation says', 'examples/contracts/access.ts', ['find', 'allowed']],
    ['the parser of DNS names stays in bounds and ends', 'examples/dns/names.ts', ['lower', 'endOfName']],
  ])(
    '%s',
    async (_, path, names) => {
      const folder = newFolder();
      const statuses = await statusesOf(exampleOf(path), folder);
      for (const name of names) expect(statuses[`contract_${name}`]).toBe('closed: a script');
      const made = spawnSync('make', [], { cwd: folder, encoding: 'utf8' });
      expect(made.status).toBe(0);
      // coqchk tells it on the other channel.
      expect(`${made.stdout}${made.stderr}`).toContain('* Axioms: <none>');
    },
    LONG,
  );

  it(
    'what a clause says of the value of a function is known from its contract, behind another function too',
    async () => {
      const program = programOf(`
/**
 * @pure
 * @ensures implies(character === 43, result === 62)
 * @ensures result <= 64
 */
export function bitsOf(character: u8): u8 { if (character === 43) return 62; return 64; }
/** @pure */
export function isPlus(character: u8): boolean { return bitsOf(character) === 62; }
/**
 * @pure
 * @requires bits === 62
 * @ensures bitsOf(result) === bits
 */
export function digit(bits: u8): u8 { if (bits > 62) return 0; return 43; }
/** @ensures isPlus(result) */
export function plus(): u8 { return 43; }`);
      const statuses = await statusesOf(program);
      for (const name of ['bitsOf', 'isPlus', 'digit', 'plus'])
        expect(statuses[`contract_${name}`]).toBe('closed: a script');
    },
    LONG,
  );

  describe('what is false', () => {
    const wrong = () => programOf('/** @ensures result === a + 1 */\nexport function f(a: u8): u32 { return a; }');
    const attack = async (text: string): Promise<string> => {
      const folder = newFolder();
      await exportToCoq(wrong(), { folder });
      const file = join(folder, 'handwritten', 'contract_f.v');
      expect(readFileSync(file, 'utf8')).toContain('Abort.');
      writeFileSync(file, text);
      const statuses = await statusesOf(wrong(), folder);
      expect(readFileSync(file, 'utf8')).toBe(text);
      expect(readFileSync(join(folder, 'Checked.v'), 'utf8')).not.toContain('Proved_contract_f');
      return statuses['contract_f'];
    };
    const required =
      'Require Import ZArith.\nRequire Import Verified.Casemate Verified.Program Verified.Statements.\nOpen Scope Z_scope.\n';
    it(
      'stays open when it is admitted',
      async () => {
        expect(await attack(`${required}Theorem proof : contract_f.\nProof.\nAdmitted.\n`)).toMatch(/^open/);
      },
      LONG,
    );
    it(
      'stays open when something else of its name is proved',
      async () => {
        expect(await attack(`${required}Theorem proof : True.\nProof. exact I. Qed.\n`)).toMatch(
          /^refused: .*something else/,
        );
      },
      LONG,
    );
    it(
      'stays open when its statement has another meaning in the proof',
      async () => {
        const text = `${required}Definition contract_f := True.\nTheorem proof : contract_f.\nProof. exact I. Qed.\n`;
        expect(await attack(text)).toMatch(/^refused: .*something else/);
      },
      LONG,
    );
    it(
      'stays open, before Coq reads it, when an axiom, a notation or an option is in the proof',
      async () => {
        for (const line of ['Axiom a : contract_f.', 'Notation contract_f := True.', 'Unset Guard Checking.'])
          expect(await attack(`${required}${line}\nTheorem proof : contract_f.\nProof. auto. Qed.\n`)).toMatch(
            /^refused: handwritten\/contract_f\.v:4: /,
          );
      },
      LONG,
    );
    it(
      'believes nothing that lies in the folder besides',
      async () => {
        const folder = newFolder();
        await exportToCoq(wrong(), { folder });
        const forged = 'Require Import ZArith.\nDefinition contract_f : Prop := True.\n';
        writeFileSync(join(folder, 'Statements.v'), forged);
        writeFileSync(join(folder, 'Makefile'), 'check:\n\ttouch run\n');
        writeFileSync(join(folder, 'Contract_f.v'), 'Theorem proof : True. Proof. exact I. Qed.\n');
        writeFileSync(join(folder, 'Statements.vo'), 'forged');
        expect((await statusesOf(wrong(), folder))['contract_f']).toMatch(/^open/);
        expect(readFileSync(join(folder, 'Statements.v'), 'utf8')).toContain('cm_ends');
        for (const name of ['run', 'Contract_f.v', 'Statements.vo']) expect(existsSync(join(folder, name))).toBe(false);
      },
      LONG,
    );
  });

  it(
    'a proof by hand counts, and is kept',
    async () => {
      const program = () =>
        programOf(
          '/** @requires a * a * a === 27n * b * b * b\n * @ensures result === 3n * b */\nexport function f(a: bigint, b: bigint): bigint { return a; }',
        );
      const folder = newFolder();
      const [first] = Object.entries(await statusesOf(program(), folder)).filter(([, said]) => said.startsWith('open'));
      expect(first[0]).toBe('contract_f');
      const file = join(folder, 'handwritten', 'contract_f.v');
      const proof = `  intros a b given. unfold requires_f, ensures_f, f_f, cm_ends in *.
  assert (cubes : (a - 3 * b) * (a * a + 3 * a * b + 9 * (b * b)) = 0) by (ring_simplify; lia).
  apply Z.mul_eq_0 in cubes. destruct cubes as [same | squares]; [lia|].
  assert (twice : (2 * a + 3 * b) * (2 * a + 3 * b) + 27 * (b * b) = 0) by lia.
  pose proof (Z.square_nonneg (2 * a + 3 * b)). pose proof (Z.square_nonneg b).
  assert (zero : b * b = 0) by lia. apply Z.mul_eq_0 in zero. destruct zero; nia.`;
      writeFileSync(file, readFileSync(file, 'utf8').replace('Abort.', `${proof}\nQed.`));
      expect((await statusesOf(program(), folder))['contract_f']).toBe('closed: handwritten/contract_f.v');
    },
    LONG,
  );

  it('refuses a folder that has something else in it', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'letter.txt'), 'mine');
    await expect(
      exportToCoq(programOf('/** @pure */\nexport function f(): u8 { return 1; }'), { folder }),
    ).rejects.toThrow(/neither empty nor made by casemate/);
  });
});

/** A value of the interpreter as a term of Coq. */
function termOf(exported: ReturnType<typeof createExported>, value: Value, type: Type): string {
  if (typeof value === 'bigint') return zText(value);
  if (typeof value === 'boolean') return String(value);
  const inner = valueType(type);
  if (isArrayValue(value)) {
    if (inner.kind !== 'array') throw new TypeError('no array');
    return `[${value.elements.map((one) => termOf(exported, one, inner.element)).join('; ')}]`;
  }
  if (inner.kind !== 'record') throw new TypeError('no record');
  const fields = value.fields.map((one, i) => atom(termOf(exported, one, inner.fields[i].type)));
  return `(make_${exported.types.record(inner).name} ${fields.join(' ')})`;
}

describe.skipIf(!isLong)('definitions compute what the interpreter computes', () => {
  const files = ['access', 'align', 'base64', 'bits', 'crc32', 'fifo', 'free-list', 'ipv4', 'ring'];
  it.each(files)(
    '%s',
    async (name) => {
      const program = exampleOf(`examples/contracts/${name}.ts`);
      const { program: text, definitions } = exportProgram(program);
      // Names are given in the same order.
      const exported = createExported(program);
      exportProgram(program);
      const draw = createDraw(10);
      const goals: string[] = [];
      for (const { function: subject, name: called } of definitions) {
        for (const { type } of subject.parameters) exported.types.of(type);
        let found = 0;
        for (let tries = 0; tries < 2000 && found < 60; tries++) {
          const args = drawArguments(subject, draw);
          const before = args.map(copyValue);
          const { outcome } = run(program, subject, args);
          if (outcome.kind !== 'returned') continue;
          found++;
          const changed = modifiedOf(subject).map(({ id, type }) =>
            termOf(exported, args[subject.parameters.findIndex((one) => one.id === id)], type),
          );
          const parts = [
            ...(outcome.value === undefined ? [] : [termOf(exported, outcome.value, subject.result)]),
            ...changed,
          ];
          const result = parts.length === 0 ? 'tt' : parts.length === 1 ? atom(parts[0]) : `(${parts.join(', ')})`;
          const given = before.map((value, i) => atom(termOf(exported, value, subject.parameters[i].type)));
          goals.push(`Goal ${[called, ...given].join(' ')} = Ok ${result}. Proof. vm_compute; reflexivity. Qed.`);
        }
        expect(found).toBeGreaterThan(5);
      }
      const folder = newFolder();
      const library = readFileSync(new URL('../../proofs/coq/library/Casemate.v', import.meta.url), 'utf8');
      writeFileSync(join(folder, 'Casemate.v'), library);
      writeFileSync(join(folder, 'Program.v'), text);
      const head =
        'Require Import ZArith List.\nImport ListNotations.\nRequire Import Verified.Casemate Verified.Program.\nOpen Scope Z_scope.\n';
      writeFileSync(join(folder, 'Agree.v'), `${head}${goals.join('\n')}\n`);
      for (const file of ['Casemate', 'Program', 'Agree']) {
        const { status, stderr, stdout } = spawnSync('coqc', ['-q', '-w', 'none', '-Q', '.', 'Verified', `${file}.v`], {
          cwd: folder,
          encoding: 'utf8',
        });
        expect(`${stdout}${stderr}`).toBe('');
        expect(status).toBe(0);
      }
    },
    LONG,
  );
});
