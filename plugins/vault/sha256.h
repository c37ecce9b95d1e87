/* SHA-256 (FIPS 180-4) and HMAC (RFC 2104) with it. Pure. */
#ifndef VAULT_SHA256_H
#define VAULT_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32, SHA256_BLOCK = 64 };

struct sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes taken in */
    uint8_t block[SHA256_BLOCK];
};

void sha256_init(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *bytes, size_t length);
void sha256_finish(struct sha256 *hash, uint8_t digest[SHA256_SIZE]);

void hmac_sha256(const void *key, size_t key_length, const void *bytes, size_t length, uint8_t digest[SHA256_SIZE]);

#endif
