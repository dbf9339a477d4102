/* OpenSSL from its static archives: known answers for digests, HMAC, HKDF and AES-GCM; fresh ECDSA, Ed25519, RSA and
 * X25519 operations that must verify and must reject a changed message; a self-made X.509 certificate written, parsed
 * and verified; RAND; a TLS context. Prints the digest of the deterministic part. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static EVP_MD_CTX *folded;

static void must(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "failed: %s\n", what);
  ERR_print_errors_fp(stderr);
  exit(1);
}

static void known(const char *name, const unsigned char *bytes, size_t size, const char *want) {
  char hex[257] = "";
  for (size_t i = 0; i < size; i++) snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
  if (strcmp(hex, want) != 0) {
    fprintf(stderr, "%s: got %s, want %s\n", name, hex, want);
    exit(1);
  }
  EVP_DigestUpdate(folded, bytes, size);
}

static void digests(void) {
  static const struct { const char *name, *want; } cases[] = {
    {"SHA1", "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {"SHA256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"SHA384", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
    {"SHA3-256", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"},
    {"BLAKE2S256", "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    unsigned char out[64];
    unsigned size;
    EVP_MD *md = EVP_MD_fetch(NULL, cases[i].name, NULL);
    must(md != NULL && EVP_Digest("abc", 3, out, &size, md, NULL), cases[i].name);
    known(cases[i].name, out, size, cases[i].want);
    EVP_MD_free(md);
  }
  unsigned char out[32];
  unsigned size;
  must(HMAC(EVP_sha256(), "Jefe", 4, (const unsigned char *)"what do ya want for nothing?", 28, out, &size) != NULL, "HMAC");
  known("HMAC", out, size, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  must(PKCS5_PBKDF2_HMAC("password", 8, (const unsigned char *)"salt", 4, 2, EVP_sha256(), 32, out), "PBKDF2");
  known("PBKDF2", out, 32, "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43");
}

/* NIST GCM test case 4, 128-bit key. */
static void aes_gcm(void) {
  static const unsigned char key[] = "\xfe\xff\xe9\x92\x86\x65\x73\x1c\x6d\x6a\x8f\x94\x67\x30\x83\x08";
  static const unsigned char iv[] = "\xca\xfe\xba\xbe\xfa\xce\xdb\xad\xde\xca\xf8\x88";
  static const unsigned char aad[] = "\xfe\xed\xfa\xce\xde\xad\xbe\xef\xfe\xed\xfa\xce\xde\xad\xbe\xef\xab\xad\xda\xd2";
  static const unsigned char text[] =
    "\xd9\x31\x32\x25\xf8\x84\x06\xe5\xa5\x59\x09\xc5\xaf\xf5\x26\x9a\x86\xa7\xa9\x53\x15\x34\xf7\xda\x2e\x4c\x30\x3d\x8a\x31"
    "\x8a\x72\x1c\x3c\x0c\x95\x95\x68\x09\x53\x2f\xcf\x0e\x24\x49\xa6\xb5\x25\xb1\x6a\xed\xf5\xaa\x0d\xe6\x57\xba\x63\x7b\x39";
  unsigned char out[64], tag[16], back[64];
  int n;
  EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
  must(EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, key, iv), "GCM init");
  must(EVP_EncryptUpdate(c, NULL, &n, aad, 20) && EVP_EncryptUpdate(c, out, &n, text, 60), "GCM update");
  must(EVP_EncryptFinal_ex(c, out + n, &n) && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, tag), "GCM tag");
  known("GCM tag", tag, 16, "5bc94fbc3221a5db94fae95ae7121a47");
  must(EVP_DecryptInit_ex(c, EVP_aes_128_gcm(), NULL, key, iv), "GCM init");
  must(EVP_DecryptUpdate(c, NULL, &n, aad, 20) && EVP_DecryptUpdate(c, back, &n, out, 60), "GCM decrypt");
  must(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, 16, tag) && EVP_DecryptFinal_ex(c, back + n, &n), "GCM verify");
  must(memcmp(back, text, 60) == 0, "GCM round trip");
  tag[3] ^= 1;
  must(EVP_DecryptInit_ex(c, NULL, NULL, key, iv) && EVP_DecryptUpdate(c, back, &n, out, 60), "GCM again");
  must(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, 16, tag) && EVP_DecryptFinal_ex(c, back + n, &n) <= 0, "GCM rejects");
  EVP_CIPHER_CTX_free(c);
}

static void sign_and_verify(EVP_PKEY *key, const EVP_MD *md, const char *what) {
  unsigned char message[] = "the message that is signed", signature[512];
  size_t size = sizeof signature;
  EVP_MD_CTX *c = EVP_MD_CTX_new();
  must(key != NULL, what);
  must(EVP_DigestSignInit(c, NULL, md, NULL, key) == 1, what);
  must(EVP_DigestSign(c, signature, &size, message, sizeof message) == 1, what);
  EVP_MD_CTX_reset(c);
  must(EVP_DigestVerifyInit(c, NULL, md, NULL, key) == 1, what);
  must(EVP_DigestVerify(c, signature, size, message, sizeof message) == 1, what);
  message[0] ^= 1;
  EVP_MD_CTX_reset(c);
  must(EVP_DigestVerifyInit(c, NULL, md, NULL, key) == 1, what);
  must(EVP_DigestVerify(c, signature, size, message, sizeof message) != 1, what);
  EVP_MD_CTX_free(c);
  ERR_clear_error();
  EVP_DigestUpdate(folded, what, strlen(what));
}

static void x25519(void) {
  EVP_PKEY *a = EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), *b = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
  unsigned char one[32], two[32];
  size_t size = 32;
  EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(a, NULL);
  must(EVP_PKEY_derive_init(c) == 1 && EVP_PKEY_derive_set_peer(c, b) == 1 && EVP_PKEY_derive(c, one, &size) == 1, "X25519");
  EVP_PKEY_CTX_free(c);
  c = EVP_PKEY_CTX_new(b, NULL);
  must(EVP_PKEY_derive_init(c) == 1 && EVP_PKEY_derive_set_peer(c, a) == 1 && EVP_PKEY_derive(c, two, &size) == 1, "X25519");
  EVP_PKEY_CTX_free(c);
  must(memcmp(one, two, 32) == 0, "X25519 agreement");
  EVP_PKEY_free(a);
  EVP_PKEY_free(b);
}

static void certificate(EVP_PKEY *key) {
  X509 *made = X509_new();
  must(X509_set_version(made, 2) && ASN1_INTEGER_set(X509_get_serialNumber(made), 4711), "X509");
  X509_gmtime_adj(X509_getm_notBefore(made), -60);
  X509_gmtime_adj(X509_getm_notAfter(made), 3600);
  must(X509_set_pubkey(made, key), "X509 key");
  X509_NAME *name = X509_get_subject_name(made);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"unikernel.test", -1, -1, 0);
  X509_set_issuer_name(made, name);
  X509_EXTENSION *alt = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:unikernel.test,IP:192.0.2.1");
  must(alt != NULL && X509_add_ext(made, alt, -1) && X509_sign(made, key, EVP_sha256()), "X509 sign");
  X509_EXTENSION_free(alt);

  BIO *memory = BIO_new(BIO_s_mem());
  must(PEM_write_bio_X509(memory, made), "PEM write");
  X509 *read = PEM_read_bio_X509(memory, NULL, NULL, NULL);
  must(read != NULL && X509_cmp(read, made) == 0, "PEM read");
  must(X509_check_host(read, "unikernel.test", 0, 0, NULL) == 1, "host name");
  must(X509_check_host(read, "other.test", 0, 0, NULL) == 0, "other host name");
  char text[64];
  X509_NAME_oneline(X509_get_subject_name(read), text, sizeof text);
  must(strcmp(text, "/CN=unikernel.test") == 0, "subject");

  X509_STORE *store = X509_STORE_new();
  X509_STORE_CTX *context = X509_STORE_CTX_new();
  must(X509_STORE_add_cert(store, made) && X509_STORE_CTX_init(context, store, read, NULL), "store");
  must(X509_verify_cert(context) == 1, "chain");
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  BIO_free(memory);
  X509_free(read);
  X509_free(made);
}

int main(void) {
  folded = EVP_MD_CTX_new();
  must(EVP_DigestInit_ex(folded, EVP_sha256(), NULL), "digest");
  digests();
  aes_gcm();
  EVP_PKEY *ec = EVP_EC_gen("P-256"), *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), *rsa = EVP_RSA_gen(1024);
  sign_and_verify(ec, EVP_sha256(), "ECDSA P-256");
  sign_and_verify(ed, NULL, "Ed25519");
  sign_and_verify(rsa, EVP_sha512(), "RSA");
  x25519();
  certificate(ec);
  unsigned char one[32], two[32];
  must(RAND_bytes(one, 32) == 1 && RAND_bytes(two, 32) == 1 && memcmp(one, two, 32) != 0, "RAND");
  SSL_CTX *tls = SSL_CTX_new(TLS_method());
  must(tls != NULL && SSL_CTX_set_cipher_list(tls, "ECDHE+AESGCM") == 1, "TLS context");
  SSL *session = SSL_new(tls);
  must(session != NULL && sk_SSL_CIPHER_num(SSL_get_ciphers(session)) > 2, "TLS session");
  SSL_free(session);
  SSL_CTX_free(tls);
  EVP_PKEY_free(ec);
  EVP_PKEY_free(ed);
  EVP_PKEY_free(rsa);
  unsigned char out[32];
  must(EVP_DigestFinal_ex(folded, out, NULL), "digest");
  EVP_MD_CTX_free(folded);
  printf("openssl ");
  for (int i = 0; i < 8; i++) printf("%02x", out[i]);
  printf("\n");
  return 0;
}
