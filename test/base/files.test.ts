/** Writing all or nothing, in folders that others may write as well. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CasemateError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files.ts';
import { temporaryFolder } from '../support/paths.ts';

const temporaryName = (name: string): string => `.${name}.${process.pid}.tmp`;

describe('a file that is written whole', () => {
  it('takes the place of the old one, and leaves nothing beside it', () => {
    const folder = temporaryFolder('files');
    writeFileSync(join(folder, 'out'), 'old');
    writeFileAtomic(join(folder, 'out'), [Buffer.from('new'), Buffer.from('er')], 0o600);
    expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('newer');
    expect(statSync(join(folder, 'out')).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['out']);
  });

  it('leaves the old one as it was when its bytes cannot be made', () => {
    const folder = temporaryFolder('files');
    writeFileSync(join(folder, 'out'), 'old');
    const chunks = function* (): Generator<Uint8Array> {
      yield Buffer.from('half');
      throw new Error('no more');
    };
    expect(() => writeFileAtomic(join(folder, 'out'), chunks())).toThrow(CasemateError);
    expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['out']);
  });

  it('is not written through a link that somebody has put where the temporary file goes', () => {
    const [folder, elsewhere] = [temporaryFolder('files'), temporaryFolder('victim')];
    writeFileSync(join(elsewhere, 'victim'), 'mine');
    for (const target of [join(elsewhere, 'victim'), join(elsewhere, 'new')]) {
      symlinkSync(target, join(folder, temporaryName('out')));
      writeFileAtomic(join(folder, 'out'), Buffer.from('text'));
      expect(lstatSync(join(folder, 'out')).isFile()).toBe(true);
    }
    expect(readFileSync(join(elsewhere, 'victim'), 'utf8')).toBe('mine');
    expect(existsSync(join(elsewhere, 'new'))).toBe(false);
    expect(readdirSync(folder)).toEqual(['out']);
  });

  it('is refused where a folder has that name', () => {
    const folder = temporaryFolder('files');
    mkdirSync(join(folder, temporaryName('out')));
    expect(() => writeFileAtomic(join(folder, 'out'), Buffer.from('text'))).toThrow(/cannot write/);
  });
});
