/**
 * Functions behind veneers that erase, for riscv64: whoever calls them finds nothing that depends on the secret; what they
 * answer stays the same.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileSubject, driverObjects, observe, type Subject } from '../../support/erasure/oracle.ts';
import { linkPlanned } from '../../support/erasure/wiped.ts';
import { isLong } from '../../support/long.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { execute, riscv } from '../../support/toolchain.ts';

const folder = temporaryFolder('wipe-riscv64');
const subject = (name: string): Subject => ({ function: name, arguments: [{ kind: 'secret', size: 32 }], result: 4 });

describe('veneers of riscv64', () => {
  it.each(isLong ? [['-O2', '-ffunction-sections'], ['-O1'], ['-Os', '-mno-relax', '-ffunction-sections']] : [['-O2']])(
    'leave nothing of a secret, of code made with %s %s %s',
    async (...flags) => {
      const object = await compileSubject(
        riscv,
        riscv.cc,
        'called.c',
        flags.filter((flag) => flag !== undefined),
      );
      const objects = [object, ...(await driverObjects(riscv))];
      const bare = linkPlanned(objects, join(folder, 'bare'), []);
      const wiped = linkPlanned(objects, join(folder, 'wiped'), [{ function: 'worker' }, { function: 'hidden' }]);
      const callers = ['calls_worker', 'by_table_of_static', ...(isLong ? ['jumps_to_hidden', 'calls_alias'] : [])];
      for (const name of callers) {
        const seen = await observe(riscv, wiped.image, subject(name));
        expect([seen.stack, seen.registers, seen.memory]).toEqual([[], [], []]);
      }
      expect((await observe(riscv, bare.image, subject('calls_worker'))).stack.length).toBeGreaterThan(0);
    },
  );

  it('leave results as they are, wherever arguments lie', async () => {
    const results = { two: ['a0', 'a1'], real: ['fa0'], reals: ['fa0', 'fa1'] } as Record<string, string[]>;
    const every = ['plain', 'two', 'real', 'reals', 'many', 'variadic', 'deep', 'applied', 'aligned', 'hungry'];
    for (const flags of isLong ? [['-O2'], ['-O1', '-ffunction-sections'], ['-O0']] : [['-O2']]) {
      const own = ['-ffreestanding', '-DOWN_REFERENCE', '-DHUNGRY=400', ...flags];
      const object = await compileSubject(riscv, riscv.cc, 'results.c', own);
      // At -O2 `deep` calls itself no more. Where it does, the veneer of the inner call clears what the outer one watches.
      const isRecursive = !flags.includes('-O2');
      const wishes = (maxStack: number, names = every.filter((name) => !isRecursive || name !== 'deep')) =>
        names.map((name) => ({ function: name, results: results[name] ?? ['a0'], maxStack }));
      const { image, wiped } = linkPlanned([object], join(folder, 'results'), wishes(4096));
      expect((await execute(riscv, image.path)).status).toBe(0);
      if (isRecursive) {
        const recursive = linkPlanned([object], join(folder, 'recursive'), wishes(4096, ['deep']));
        expect((await execute(riscv, recursive.image.path)).status).not.toBe(0);
      }
      const planned = Object.fromEntries(wiped.map((one) => [one.function, one]));
      expect(planned['many']).toMatchObject({ arguments: 'stack' });
      expect(planned['hungry']).toMatchObject({ isProved: false, watched: 128 });
      const shallow = linkPlanned([object], join(folder, 'shallow'), wishes(256));
      expect((await execute(riscv, shallow.image.path)).status).not.toBe(0);
    }
  });
});
