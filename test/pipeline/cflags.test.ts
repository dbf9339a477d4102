import { describe, expect, it } from 'vitest';
import { checkFlags, isAllowedFlag } from '../../pipeline/cflags.ts';
import { errorOf } from './support.ts';

describe('compiler flags of a manifest', () => {
  it.each([
    '-O', '-O2', '-Os', '-Oz', '-g', '-g3', '-gdwarf-5', '-DNDEBUG', '-DNAME="a b; $(c)"', '-DF(x)=(x)\n', '-UNDEBUG',
    '-std=c11', '-std=gnu2x', '-Wall', '-Wno-unused-parameter', '-Werror=implicit-fallthrough', '-Wframe-larger-than=512',
    '-Wno-everything', '-pedantic', '-ffunction-sections', '-fno-common', '-fstack-protector-strong', '-fvisibility=hidden',
    '-fno-builtin-memcpy', '-march=x86-64-v3', '-mno-avx', '-msse4.2', '-maes',
  ])('may be %s', (flag) => expect(isAllowedFlag(flag)).toBe(true)); // biome-ignore format: a list

  it.each([
    '@file', '-fplugin=x.so', '-fplugin-arg-x-y', '-fpass-plugin=x.so', '-Xclang', '-load', '-B.', '-B/tmp', '-wrapper',
    '-include', '-includex.h', '-imacros', '-I/etc', '-isystem', '--sysroot=/', '-o', '-ox', '-MF', '-MFx', '-MD', '-MJx',
    '-w',
    '-save-temps', '-Wa,-I/etc', '-Wp,-MD,x', '-Wl,-T,x', '-Xassembler', '-Xpreprocessor', '-Xlinker', '-fuse-ld=/tmp/x',
    '-fprofile-use=/etc/passwd', '-fsanitize=address', '-fsanitize-blacklist=/x', '-fmodules', '-fmodule-file=x', '-flto',
    '-fdebug-prefix-map=a=b', '-ffile-prefix-map=a=b', '-fcrash-diagnostics-dir=/', '-fsave-optimization-record',
    '-gsplit-dwarf', '-gz', '-x', '-xc++', '-c', '-S', '-E', '-target', '--target=arm', '-m32', '-mcmodel=large',
    '-mllvm', '--config', '-cc1', '-###', '-v', '-ivfsoverlay', '-working-directory', '', '-', '--', 'main.c', '/etc/passwd',
    '-D', '-D@x', '-march=../x', '-std=', '-Wno-x,y', '-DX\0', '-specs=x', '-dumpdir', '-ftime-trace', '-fstack-usage',
  ])('may not be %j', (flag) => expect(isAllowedFlag(flag)).toBe(false)); // biome-ignore format: a list

  it('are refused by place and name, with what to do instead', () => {
    const where = (i: number): string => `casemate.json:4: cflags[${i}]`;
    expect(errorOf(() => checkFlags(['-O2', '-Iinclude'], where)).message).toBe(
      'casemate.json:4: cflags[1]: the flag "-Iinclude" is not allowed; name the folder in "include" instead',
    );
    expect(errorOf(() => checkFlags(['-lm'], where)).message).toContain('options of the link belong in "link"');
    expect(errorOf(() => checkFlags(['-\u001b'], where)).message).not.toContain('\u001b');
  });
});
