/* SPDX-License-Identifier: Apache-2.0 */
/* Known answers. The first two rows are the application secrets of RFC 8448 s. 3; all others, and every
 * generation after the first, were computed by a separate HMAC program from the text of RFC 8446 s. 7 and RFC
 * 5246 s. 5. */
#include "tls/keys.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void unhex(const char *hex, uint8_t *ret)
{
    for (; *hex; hex += 2, ret++) {
        unsigned int byte;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        *ret = (uint8_t)byte;
    }
}

static void check_hex(const char *name, const uint8_t *bytes, const char *hex)
{
    uint8_t want[64];
    unhex(hex, want);
    if (memcmp(bytes, want, strlen(hex) / 2) != 0)
        fail_msg("%s: not %s", name, hex);
}

#define GENERATIONS 3
static const struct {
    const char *name;
    enum tls_suite suite;
    uint8_t hash_bytes;
    struct {
        const char *secret, *key, *iv;
    } generation[GENERATIONS];
} rows13[] = {
    {"RFC 8448 server",
     TLS_AES_128_GCM,
     32,
     {{"a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643", "9f02283b6c9c07efc26bb9f2ac92e356",
       "cf782b88dd83549aadf1e984"},
      {"51921b8aa3001976eb401d0a4319a8516416a6c56001a357e5d162031e84f916", "2e63be99d67b39097feb9786cf7a15a0",
       "628a0a8298ac953baef4255a"},
      {"6418ddd5d277cde37bfaae96363a805a95abfaa55ccd80713848de187fb082f6", "65b9c2b0f1a857bc47aac35f79d007c8",
       "3945073c176791288c5d8ce5"}}},
    {"RFC 8448 client",
     TLS_AES_128_GCM,
     32,
     {{"9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5", "17422dda596ed5d9acd890e3c63f5051",
       "5b78923dee08579033e523d9"},
      {"fcdfcc72725aaee48bf64e4fd8b749cdbdbab39d90da0b26e2245ca6ea167207", "3879d82f5f14056e623f2ce5bfc66fce",
       "5dfb2c5938c3379b6cc5d1f2"},
      {"68474fe58c172143d0a009a76edd231b0d934f3058588ea0852662279e54a573", "215f086ece93c88043a7d492b236c774",
       "f3c0ed95225a0800394de786"}}},
    {"SHA-256, 32-byte key",
     TLS_CHACHA20_POLY1305,
     32,
     {{"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
       "2ffbc449e87844051c7768f61ffd8ad070830f01ec2c520ef65f08e8296dffa0", "2f41c846a431a163814bcd71"},
      {"2cecd0a17506ef5fa73edc062d6e7b5397cf074ec1b4d8f99a120772932f0b45",
       "c690ede9a7525f64b759094f3bda2da3b5b52e50cffacd89a37bdf85affdd091", "4ef68fed17d39b5f23bb4b30"},
      {"2d3fb1fe267c2e0126351cc169afb7ca25c0d8867167c55c5533e3715558a6b9",
       "a0bbbcfeba507420e29aff13ebeaeb194782449236bef1c04640793d86732721", "2739edacb4dc79885391a769"}}},
    {"SHA-384",
     TLS_AES_256_GCM,
     48,
     {{"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
       "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
       "1334d52ed50c753410e1f3662ad8bcb305a03537a970c9a69329b9ceb90fcce1", "eb1c45335bb283df0a774932"},
      {"2c47c9561f8cc98c66121c2397149a3ee79401faf6051ec9eaea4d9454dfc787"
       "cb15a863207a9dd088086fbb5dcb0ed1",
       "948e78b1d8a13a780129ca8b24238cb954cc91eedffe9934f7acf36ac2fdac08", "531b1fec140029c3ec7585c6"},
      {"174943c8d4ace87a87a134367ee6934186b2cab305d2df2c2f1e4a2e8890e24f"
       "09bc67f849e3245fcf76a55e8a5bff94",
       "2f04fd8bb41e9057c820297a83ec7fd77e392ea6f208c209c095c5e29e809178", "4209dc66302c4afb8bafd496"}}},
};

static void generations13(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows13) / sizeof(rows13[0]); i++) {
        struct tls_direction d = {.sequence = 77};
        unhex(rows13[i].generation[0].secret, d.secret);
        assert_int_equal(tls_direction_derive(&d, rows13[i].suite, rows13[i].hash_bytes), 0);
        for (int g = 0; g < GENERATIONS; g++) {
            check_hex(rows13[i].name, d.secret, rows13[i].generation[g].secret);
            check_hex(rows13[i].name, d.key, rows13[i].generation[g].key);
            check_hex(rows13[i].name, d.iv, rows13[i].generation[g].iv);
            assert_int_equal(d.sequence, 0);
            d.sequence = 5;
            assert_int_equal(tls_direction_update(&d, rows13[i].suite, rows13[i].hash_bytes), 0);
        }
    }
}

/* Master secret 01 02 .. 30, client random c0 .. cf twice, server random 50 .. 6f. */
static const struct {
    const char *name;
    enum tls_suite suite;
    uint8_t hash_bytes;
    const char *client_key, *server_key, *client_iv, *server_iv;
} rows12[] = {
    {"AES-128-GCM", TLS_AES_128_GCM, 32, "9a1f8b189fe77f8071f79628094c6d14",
     "43a5dbdcb61f9d97b0ee097feaa5c3d7", "d604e66d0000000000000000", "65b23e7e0000000000000000"},
    {"AES-256-GCM", TLS_AES_256_GCM, 48, "e65f8841600b5736b1314004c5105e915d622e7eced774c092a28b0cf3da322c",
     "0c88cad8c8ccf9322aa3af8920bb1d1ef19cce600c89afdaa645ca6d408c2103", "e7b3d5ba0000000000000000",
     "23b823db0000000000000000"},
    {"ChaCha20-Poly1305", TLS_CHACHA20_POLY1305, 32,
     "9a1f8b189fe77f8071f79628094c6d1443a5dbdcb61f9d97b0ee097feaa5c3d7",
     "d604e66d65b23e7e2642c5dc6707c31f7c0064c1ea3eaaab6ef98e309c8dd925", "1df159efecb7266d583bd0ce",
     "51d3f98e282e1e46b14fa56b"},
};

static void key_block12(void **state)
{
    uint8_t master[TLS12_MASTER_BYTES], client_random[TLS_RANDOM_BYTES], server_random[TLS_RANDOM_BYTES];
    (void)state;
    for (int i = 0; i < TLS12_MASTER_BYTES; i++)
        master[i] = (uint8_t)(i + 1);
    for (int i = 0; i < TLS_RANDOM_BYTES; i++) {
        client_random[i] = (uint8_t)(0xc0 + i % 16);
        server_random[i] = (uint8_t)(0x50 + i);
    }
    for (size_t i = 0; i < sizeof(rows12) / sizeof(rows12[0]); i++) {
        struct tls_secrets s = {
            .version = 0x0303, .suite = rows12[i].suite, .hash_bytes = rows12[i].hash_bytes};
        memset(&s.send, 0xee, sizeof(s.send));
        memset(&s.receive, 0xee, sizeof(s.receive));
        assert_int_equal(tls12_secrets_derive(&s, master, client_random, server_random), 0);
        check_hex(rows12[i].name, s.receive.key, rows12[i].client_key);
        check_hex(rows12[i].name, s.send.key, rows12[i].server_key);
        check_hex(rows12[i].name, s.receive.iv, rows12[i].client_iv);
        check_hex(rows12[i].name, s.send.iv, rows12[i].server_iv);
        assert_int_equal(s.send.sequence, 1);
        assert_int_equal(s.receive.sequence, 1);
    }
}

static void refused(void **state)
{
    struct tls_direction d = {.sequence = 9};
    uint8_t secret[TLS_SECRET_BYTES_MAX] = {0}, out[8];
    (void)state;
    assert_int_equal(tls_expand_label(20, secret, "key", out, sizeof(out)), -EINVAL);
    assert_int_equal(tls_direction_update(&d, TLS_SUITE_NONE, 32), -EINVAL);
    assert_int_equal(d.sequence, 9);
    assert_int_equal(tls_suite_key_bytes(TLS_SUITE_NONE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generations13),
        cmocka_unit_test(key_block12),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
