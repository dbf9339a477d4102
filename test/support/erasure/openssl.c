/*
 * Calls into OpenSSL's own C that make one function of several, each with its context on its stack, and names that the
 * library links to and that none of this calls.
 */
#include <openssl/aes.h>
#include <openssl/md4.h>
#include <openssl/md5.h>
#include <openssl/modes.h>
#include <openssl/ripemd.h>
#include <openssl/sha.h>
#include <openssl/whrlpool.h>
#include <crypto/chacha.h>
#include <crypto/poly1305.h>
#include <crypto/siphash.h>
#include <internal/sm3.h>
#include <internal/sha3.h>

#define DIGEST(name, CTX, INIT, UPDATE, FINAL) \
  int digest_##name(const unsigned char *secret, size_t size, unsigned char *out) { \
    CTX context; \
    INIT(&context); \
    UPDATE(&context, secret, size); \
    FINAL(out, &context); \
    return 1; \
  }
DIGEST(md4, MD4_CTX, MD4_Init, MD4_Update, MD4_Final)
DIGEST(md5, MD5_CTX, MD5_Init, MD5_Update, MD5_Final)
DIGEST(ripemd160, RIPEMD160_CTX, RIPEMD160_Init, RIPEMD160_Update, RIPEMD160_Final)
DIGEST(sha1, SHA_CTX, SHA1_Init, SHA1_Update, SHA1_Final)
DIGEST(sha256, SHA256_CTX, SHA256_Init, SHA256_Update, SHA256_Final)
DIGEST(sha512, SHA512_CTX, SHA512_Init, SHA512_Update, SHA512_Final)
DIGEST(sm3, SM3_CTX, ossl_sm3_init, ossl_sm3_update, ossl_sm3_final)
DIGEST(whirlpool, WHIRLPOOL_CTX, WHIRLPOOL_Init, WHIRLPOOL_Update, WHIRLPOOL_Final)

int digest_sha3(const unsigned char *secret, size_t size, unsigned char *out) {
  KECCAK1600_CTX context;
  ossl_sha3_init(&context, 6, 256);
  ossl_sha3_update(&context, secret, size);
  return ossl_sha3_final(out, &context);
}

int mac_poly1305(const unsigned char *secret, const unsigned char *text, size_t size, unsigned char *out) {
  POLY1305 context;
  Poly1305_Init(&context, secret);
  Poly1305_Update(&context, text, size);
  Poly1305_Final(&context, out);
  return 1;
}

int mac_siphash(const unsigned char *secret, const unsigned char *text, size_t size, unsigned char *out) {
  SIPHASH context = {0};
  SipHash_set_hash_size(&context, 8);
  SipHash_Init(&context, secret, 2, 4);
  SipHash_Update(&context, text, size);
  return SipHash_Final(&context, out, 8);
}

int encrypt_block(const unsigned char *secret, const unsigned char *in, unsigned char *out) {
  AES_KEY schedule;
  AES_set_encrypt_key(secret, 256, &schedule);
  AES_encrypt(in, out, &schedule);
  OPENSSL_cleanse(&schedule, sizeof schedule);
  return 1;
}

int encrypt_cbc(const unsigned char *secret, const unsigned char *in, size_t size, unsigned char *out) {
  AES_KEY schedule;
  unsigned char start[16] = {0};
  AES_set_encrypt_key(secret, 256, &schedule);
  CRYPTO_cbc128_encrypt(in, out, size, &schedule, start, (block128_f)AES_encrypt);
  OPENSSL_cleanse(&schedule, sizeof schedule);
  return 1;
}

int encrypt_ctr(const unsigned char *secret, const unsigned char *in, size_t size, unsigned char *out) {
  AES_KEY schedule;
  unsigned char counter[16] = {0}, stream[16];
  unsigned used = 0;
  AES_set_encrypt_key(secret, 256, &schedule);
  CRYPTO_ctr128_encrypt(in, out, size, &schedule, counter, stream, &used, (block128_f)AES_encrypt);
  OPENSSL_cleanse(&schedule, sizeof schedule);
  return 1;
}

int wrap_key(const unsigned char *secret, const unsigned char *in, size_t size, unsigned char *out) {
  AES_KEY schedule;
  AES_set_encrypt_key(secret, 256, &schedule);
  return CRYPTO_128_wrap(&schedule, 0, out, in, size, (block128_f)AES_encrypt) == size + 8;
}

#define STOPS(X) \
  X(EVP_MD_CTX_new) X(EVP_MD_CTX_free) X(EVP_MD_fetch) X(EVP_MD_free) X(EVP_DigestInit_ex) X(EVP_DigestUpdate) \
  X(EVP_DigestFinal_ex) X(EVP_Digest) X(EVP_sha512) X(ERR_new) X(ERR_set_debug) X(ERR_set_error) X(CRYPTO_free) \
  X(CRYPTO_malloc) X(CRYPTO_zalloc) X(CRYPTO_clear_free) X(OPENSSL_die) X(stderr)
#define STOP(name) \
  __attribute__((weak)) void name(void) { __builtin_trap(); }
#undef stderr
STOPS(STOP)
