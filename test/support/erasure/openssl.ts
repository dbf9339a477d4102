/**
 * Real cryptography for RISC-V: OpenSSL's C, from Debian's source package, compiled here without its assembly. Entries are
 * written as in crypto.ts; what needs a context of its own is called from openssl.c.
 */
import { join } from 'node:path';
import type { Image } from '../small-links.ts';
import { sourceFolder } from '../sources.ts';
import { compileCached, riscv } from '../toolchain.ts';
import { requireFile, type Tool } from '../tools.ts';
import { subjectsOf } from './crypto.ts';
import { compilerFlags, compileSubject, linkSubjects, type Subject, sourceOf } from './oracle.ts';

export const opensslSubjects: readonly Subject[] = subjectsOf(`
CRYPTO_memcmp(s32, p32, v32) 0
digest_md4(s100, v100, o16) 4
digest_md5(s100, v100, o16) 4
digest_ripemd160(s100, v100, o20) 4
digest_sha1(s100, v100, o20) 4
digest_sha256(s100, v100, o32) 4
digest_sha512(s200, v200, o64) 4
digest_sha3(s100, v100, o32) 4
digest_sm3(s100, v100, o32) 4
digest_whirlpool(s100, v100, o64) 4
mac_poly1305(s32, p100, v100, o16) 4
mac_siphash(s16, p100, v100, o8) 4
encrypt_block(s32, p16, o16) 4
encrypt_cbc(s32, p64, v64, o64) 4
encrypt_ctr(s32, p50, v50, o50) 4
wrap_key(s32, p32, v32, o40) 4
AES_set_encrypt_key(s32, v256, t244) 4
AES_set_decrypt_key(s32, v256, t244) 4
Camellia_set_key(s32, v256, t276) 4
ossl_aria_set_encrypt_key(s32, v256, t276) 4
ossl_sm4_set_key(s16, t128) 4
SEED_set_key(s16, t128) 0
BF_set_key(t4168, v16, s16) 0
CAST_set_key(t132, v16, s16) 0
RC2_set_key(t256, v16, s16, v128) 0
RC4_set_key(t1032, v16, s16) 0
DES_set_key_unchecked(s8, t128) 0
ChaCha20_ctr32(o100, p100, v100, s32, p16) 0
ossl_x25519(o32, s32, p32) 4
ossl_x25519_public_from_private(o32, s32) 0
OPENSSL_cleanse(s32, v32) 0`);

const files =
  'aes/aes_core.c aria/aria.c bf/bf_skey.c bf/bf_enc.c camellia/camellia.c camellia/cmll_misc.c cast/c_skey.c chacha/chacha_enc.c cpuid.c des/set_key.c ec/curve25519.c md4/md4_dgst.c md5/md5_dgst.c mem_clr.c modes/cbc128.c modes/ctr128.c modes/wrap128.c poly1305/poly1305.c rc2/rc2_skey.c rc4/rc4_skey.c ripemd/rmd_dgst.c seed/seed.c sha/keccak1600.c sha/sha1dgst.c sha/sha256.c sha/sha3.c sha/sha512.c siphash/siphash.c sm3/sm3.c sm4/sm4.c whrlpool/wp_block.c whrlpool/wp_dgst.c';

/** A program with all of them, for RISC-V, and the oracle's driver. */
export async function linkOpenssl(compiler: Tool, level: string, output: string): Promise<Image> {
  const folder = await sourceFolder('openssl');
  // Headers that its configuration makes: Debian's, of another machine with words of the same size.
  requireFile('/usr/include/x86_64-linux-gnu/openssl/configuration.h', 'libssl-dev');
  const headers = ['include', '', 'crypto/ec'].map((part) => `-I${join(folder, part)}`);
  const made = ['/usr/include', '/usr/include/x86_64-linux-gnu'].flatMap((path) => ['-idirafter', path]);
  const flags = [...compilerFlags(riscv, compiler), level, '-w', ...headers, ...made];
  const sources = [...files.split(' ').map((name) => join(folder, 'crypto', name)), sourceOf('openssl.c')];
  const objects: string[] = [];
  for (const source of sources) objects.push(await compileCached(compiler, source, flags));
  objects.push(await compileSubject(riscv, compiler, 'hosted.c', ['-O2', '-ffreestanding', '-w']));
  return linkSubjects(riscv, objects, output);
}
