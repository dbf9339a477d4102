/**
 * Entry points of cryptographic libraries as Debian has them compiled, for the checks of erasure: which of their
 * arguments are secret, and what of their results is public.
 *
 * An entry is `name(argument, ...) result`. Arguments: s32 secret bytes, p64 public bytes, o16 room for a public result,
 * t288 room for a secret one, v64 a number; result: bytes of it that are public, 0 without one.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../paths.ts';
import type { Image } from '../small-links.ts';
import { compileCached, x86 } from '../toolchain.ts';
import { type Library, requireLibrary } from '../tools.ts';
import { type Argument, compileSubject, linkSubjects, type Subject, targetFlags } from './oracle.ts';

const sodium = `
crypto_hash_sha256(o32, s64, v64) 4
crypto_hash_sha512(o64, s100, v100) 4
crypto_auth_hmacsha256(o32, p64, v64, s32) 4
crypto_auth_hmacsha512(o64, p64, v64, s32) 4
crypto_auth_hmacsha512256(o32, p64, v64, s32) 4
crypto_onetimeauth_poly1305(o16, p100, v100, s32) 4
crypto_shorthash_siphash24(o8, p40, v40, s16) 4
crypto_shorthash_siphashx24(o16, p40, v40, s16) 4
crypto_generichash_blake2b(o32, v32, p100, v100, s32, v32) 4
crypto_generichash_blake2b_salt_personal(o32, v32, p100, v100, s32, v32, p16, p16) 4
crypto_kdf_blake2b_derive_from_key(o32, v32, v7, p8, s32) 4
crypto_core_hchacha20(o32, p16, s32, v0) 4
crypto_core_hsalsa20(o32, p16, s32, v0) 4
crypto_core_salsa20(o64, p16, s32, v0) 4
crypto_core_salsa2012(o64, p16, s32, v0) 4
crypto_core_salsa208(o64, p16, s32, v0) 4
crypto_stream_chacha20(o100, v100, p8, s32) 4
crypto_stream_chacha20_ietf(o100, v100, p12, s32) 4
crypto_stream_chacha20_xor(o100, p100, v100, p8, s32) 4
crypto_stream_xchacha20(o100, v100, p24, s32) 4
crypto_stream_salsa20(o100, v100, p8, s32) 4
crypto_stream_salsa2012(o100, v100, p8, s32) 4
crypto_stream_salsa208(o100, v100, p8, s32) 4
crypto_stream_xsalsa20(o100, v100, p24, s32) 4
crypto_scalarmult_curve25519(o32, s32, p32) 4
crypto_scalarmult_curve25519_base(o32, s32) 4
crypto_scalarmult_ed25519_base_noclamp(o32, s32) 4
crypto_box_beforenm(t32, p32, s32) 4
crypto_sign_ed25519_seed_keypair(o32, t64, s32) 4
crypto_sign_ed25519_sk_to_curve25519(t32, s64) 4
crypto_secretbox_xsalsa20poly1305(o96, p96, v96, p24, s32) 4
crypto_secretbox_easy(o112, p96, v96, p24, s32) 4
crypto_secretbox_xchacha20poly1305_easy(o112, p96, v96, p24, s32) 4
crypto_aead_chacha20poly1305_ietf_encrypt(o112, v0, p96, v96, p16, v16, v0, p12, s32) 4
crypto_aead_chacha20poly1305_encrypt(o112, v0, p96, v96, p16, v16, v0, p8, s32) 4
crypto_aead_xchacha20poly1305_ietf_encrypt(o112, v0, p96, v96, p16, v16, v0, p24, s32) 4
crypto_core_ed25519_scalar_add(t32, s32, p32) 0
crypto_core_ed25519_scalar_mul(t32, s32, p32) 0
crypto_core_ed25519_scalar_negate(t32, s32) 0
crypto_core_ed25519_scalar_complement(t32, s32) 0
crypto_core_ed25519_scalar_reduce(t32, s64) 0
crypto_kx_seed_keypair(o32, t32, s32) 4
crypto_verify_16(s16, p16) 4
crypto_verify_32(s32, p32) 4
crypto_verify_64(s64, p64) 4
sodium_memcmp(s32, p32, v32) 4
sodium_compare(s32, p32, v32) 4
sodium_is_zero(s32, v32) 4
sodium_memzero(s32, v32) 0
sodium_increment(s32, v32) 0
sodium_add(s32, p32, v32) 0
sodium_bin2hex(t65, v65, s32, v32) 0`;

const mbedtls = `
mbedtls_sha1_ret(s100, v100, o20) 4
mbedtls_sha256_ret(s100, v100, o32, v0) 4
mbedtls_sha512_ret(s100, v100, o64, v0) 4
mbedtls_md5_ret(s100, v100, o16) 4
mbedtls_ripemd160_ret(s100, v100, o20) 4
mbedtls_aes_setkey_enc(t288, s32, v256) 4
mbedtls_aes_setkey_dec(t288, s32, v256) 4
mbedtls_camellia_setkey_enc(t276, s32, v256) 4
mbedtls_des_setkey_enc(t128, s8) 4
mbedtls_des3_set3key_enc(t384, s24) 4
mbedtls_blowfish_setkey(t4168, s16, v128) 4
mbedtls_arc4_setup(t264, s16, v16) 0
mbedtls_xtea_setup(t16, s16) 0
mbedtls_chacha20_crypt(s32, p12, v0, v100, p100, o100) 4
mbedtls_poly1305_mac(s32, p100, v100, o16) 4
mbedtls_platform_zeroize(s32, v32) 0`;

const bearssl = `
br_chacha20_ct_run(s32, p12, v1, s100, v100) 4
br_chacha20_sse2_run(s32, p12, v1, s100, v100) 4
br_aes_ct_keysched(t240, s32, v32) 4
br_aes_ct64_keysched(t240, s32, v32) 4
br_aes_big_keysched_inv(t240, s32, v32) 4
br_des_ct_keysched(t768, s24, v24) 4
br_aes_x86ni_keysched_enc(t240, s32, v32) 4
br_ghash_ctmul64(s16, p16, p64, v64) 0
br_ghash_pclmul(s16, p16, p64, v64) 0
br_sha2small_round(p64, s32) 0
br_ccopy(v1, t32, s32, v32) 0
br_i31_decode(t40, s32, v32) 0`;

function argumentOf(text: string): Argument {
  const [kind, size] = [text[0], Number(text.slice(1))];
  switch (kind) {
    case 's':
      return { kind: 'secret', size };
    case 'p':
      return { kind: 'public', bytes: Uint8Array.from({ length: size }, (_, i) => (7 + 31 * i) & 255) };
    case 'o':
      return { kind: 'output', size };
    case 't':
      return { kind: 'state', size };
    case 'v':
      return { kind: 'value', value: BigInt(size) };
    default:
      throw new Error(`${text}: not an argument`);
  }
}

export function subjectsOf(text: string): Subject[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [, name, args, result] = /^(\w+)\((.*)\) (\d)$/.exec(line)!;
      return { function: name!, arguments: args!.split(', ').map(argumentOf), result: Number(result) };
    });
}

/** The entry points of each library. */
export const cryptography: readonly { readonly library: Library; readonly subjects: readonly Subject[] }[] = [
  { library: 'libsodium.a', subjects: subjectsOf(sodium) },
  { library: 'libmbedcrypto.a', subjects: subjectsOf(mbedtls) },
  { library: 'libbearssl.a', subjects: subjectsOf(bearssl) },
];

/** What a program with all of them is linked of, for x86-64. */
export async function cryptographyInputs(): Promise<{ objects: string[]; archives: string[] }> {
  const names = cryptography.flatMap(({ subjects }) => subjects.map(({ function: name }) => name));
  const declared = names.map((name) => `extern int ${name}();\n`).join('');
  const text = `${declared}void *const erasure_subjects[] = {\n${names.map((name) => `  ${name},\n`).join('')}};\n`;
  const source = join(cacheFolder('small'), 'erasure-subjects.c');
  writeFileSync(source, text);
  const objects = [
    await compileCached('gcc', source, [...targetFlags(x86), '-w']),
    await compileSubject(x86, 'gcc', 'hosted.c', ['-O2', '-ffreestanding', '-w']),
  ];
  return { objects, archives: cryptography.map(({ library }) => requireLibrary(library)) };
}

/** The program, with the oracle's driver. */
export async function linkCryptography(output: string): Promise<Image> {
  const { objects, archives } = await cryptographyInputs();
  return linkSubjects(x86, objects, output, archives);
}
