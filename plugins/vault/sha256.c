/* SHA-256 by the letter of FIPS 180-4, so that the example needs no library. */
#include "sha256.h"

#include <string.h>

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t word, unsigned count)
{
    return word >> count | word << (32 - count);
}

static void schedule(const uint8_t *block, uint32_t words[64])
{
    for (size_t i = 0; i < 16; i++, block += 4)
        words[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 | block[3];
    for (size_t i = 16; i < 64; i++) {
        uint32_t near = words[i - 2];
        uint32_t far = words[i - 15];
        words[i] = words[i - 16] + words[i - 7] + (rotate(far, 7) ^ rotate(far, 18) ^ far >> 3) +
                   (rotate(near, 17) ^ rotate(near, 19) ^ near >> 10);
    }
}

static void compress(uint32_t state[8], const uint8_t *block)
{
    uint32_t words[64];
    uint32_t v[8];
    schedule(block, words);
    memcpy(v, state, sizeof v);
    for (size_t i = 0; i < 64; i++) {
        uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        uint32_t first =
            v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) + choice + constants[i] + words[i];
        uint32_t second = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) + majority;
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += first;
        v[0] = first + second;
    }
    for (size_t i = 0; i < 8; i++)
        state[i] += v[i];
}

void sha256_init(struct sha256 *hash)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(hash->state, start, sizeof start);
    hash->length = 0;
}

void sha256_add(struct sha256 *hash, const void *bytes, size_t length)
{
    const uint8_t *byte = bytes;
    for (size_t i = 0; i < length; i++) {
        hash->block[hash->length++ % SHA256_BLOCK] = byte[i];
        if (hash->length % SHA256_BLOCK == 0)
            compress(hash->state, hash->block);
    }
}

void sha256_finish(struct sha256 *hash, uint8_t digest[SHA256_SIZE])
{
    static const uint8_t padding[SHA256_BLOCK] = {0x80};
    uint64_t bits = hash->length * 8;
    uint8_t size[8];
    for (size_t i = 0; i < 8; i++)
        size[i] = (uint8_t)(bits >> (56 - 8 * i));
    size_t used = hash->length % SHA256_BLOCK;
    sha256_add(hash, padding, (used < 56 ? 56 : 120) - used);
    sha256_add(hash, size, sizeof size);
    for (size_t i = 0; i < SHA256_SIZE; i++)
        digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

static void hmac_start(struct sha256 *hash, const uint8_t key[SHA256_BLOCK], uint8_t mask)
{
    uint8_t pad[SHA256_BLOCK];
    for (size_t i = 0; i < SHA256_BLOCK; i++)
        pad[i] = key[i] ^ mask;
    sha256_init(hash);
    sha256_add(hash, pad, sizeof pad);
}

void hmac_sha256(const void *key, size_t key_length, const void *bytes, size_t length, uint8_t digest[SHA256_SIZE])
{
    struct sha256 hash;
    uint8_t block[SHA256_BLOCK] = {0};
    if (key_length > SHA256_BLOCK) {
        sha256_init(&hash);
        sha256_add(&hash, key, key_length);
        sha256_finish(&hash, block);
    } else if (key_length > 0) {
        memcpy(block, key, key_length);
    }
    hmac_start(&hash, block, 0x36);
    sha256_add(&hash, bytes, length);
    sha256_finish(&hash, digest);
    hmac_start(&hash, block, 0x5c);
    sha256_add(&hash, digest, SHA256_SIZE);
    sha256_finish(&hash, digest);
}
