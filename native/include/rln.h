/* rln.h - the one public header of the C core of rln.
 *
 * Encodings
 *   scalar   32 bytes, little-endian, canonical: < r, the order of the BN254 groups
 *   G1       64 bytes x || y;  compressed 32 bytes x
 *   G2       128 bytes x.c0 || x.c1 || y.c0 || y.c1;  compressed 64 bytes x.c0 || x.c1
 *            coordinates are 32 bytes, little-endian, canonical: < p. The two top bits of the last byte of a
 *            point are flags: 0x80 means that y is the larger of y and -y (Fp2: compare c1 first), 0x40 means
 *            infinity (all else is zero). Source: arkworks canonical serialisation, zerokit-spec 5.2 and 7.2.
 *   proof    128 bytes, A (G1 compressed) || B (G2 compressed) || C (G1 compressed)
 *
 * Contract of every function
 *   - a length follows its array. It counts bytes where the array is bytes, and is checked against what the
 *     call needs;
 *   - if the status is not RLN_OK, output arrays are all zero and output handles are NULL;
 *   - a handle is read-only after creation: any number of threads may use it, one may free it;
 *   - pool may be NULL: the call then runs on the calling thread alone;
 *   - arrays do not overlap unless a comment says so; handles and pointers to single results are not NULL;
 *   - fault may be NULL. If the status is an error other than RLN_ERR_MEMORY, *fault names what was wrong;
 *   - time is constant in secrets only where a comment says so.
 */
#ifndef RLN_H
#define RLN_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

/* cffi: begin */

typedef enum rln_status {
    RLN_OK = 0,
    RLN_ERR_LENGTH = 1,     /* a buffer has the wrong length, or bytes are left over */
    RLN_ERR_RANGE = 2,      /* a number is not canonical */
    RLN_ERR_POINT = 3,      /* not a point: off the curve, outside the subgroup, infinity, bad flags */
    RLN_ERR_PARAMETER = 4,  /* an argument outside what the function accepts; parts that do not match */
    RLN_ERR_FORMAT = 5,     /* a file does not have its format */
    RLN_ERR_KEY = 6,        /* a key is well formed but unsound */
    RLN_ERR_RECOVERY = 7,   /* two shares do not determine a secret */
    RLN_ERR_WITNESS = 8,    /* the inputs have no witness: an operation of the graph failed */
    RLN_ERR_ENTROPY = 9,    /* the system gives no random bytes, or the given ones are zero, repeated or unusable */
    RLN_ERR_MEMORY = 10,
    RLN_ERR_ENGINE = 11,    /* no such engine, or this processor cannot run it */
    RLN_ERR_INTERNAL = 12
} rln_status;

/* What was wrong: field is a static string ("h_query", "delta_g2", "node"); index is the position of the faulty
 * element, or UINT64_MAX for the whole field. */
typedef struct rln_fault {
    const char *field;
    uint64_t index;
    uint64_t expected;
    uint64_t got;
} rln_fault;

typedef struct rln_pool rln_pool;
typedef struct rln_identity rln_identity;
typedef struct rln_graph rln_graph;
typedef struct rln_witness rln_witness;
typedef struct rln_proving_key rln_proving_key;
typedef struct rln_verifying_key rln_verifying_key;
typedef struct rln_tables rln_tables;
typedef struct rln_partial rln_partial;
typedef struct rln_token rln_token;

/* ---- engine ------------------------------------------------------------------------------------- */

/* The engines of this build, in order of preference; NULL after the last. */
const char *rln_engine_name_at(size_t index);
/* 1 if this processor can run the engine; 0 if it cannot or there is no such engine. */
int rln_engine_supported(const char *name);
/* Choose an engine; NULL chooses the best supported one. Call once, at import, before other threads run.
 * RLN_ERR_ENGINE. */
rln_status rln_engine_choose(const char *name);
/* The engine in use. The first call chooses the best one if none is chosen. */
const char *rln_engine_name(void);

/* ---- entropy, threads --------------------------------------------------------------------------- */

/* n random bytes from the operating system. RLN_ERR_ENTROPY if it gives none. */
rln_status rln_entropy(uint8_t *r, size_t n);
/* 1..256 threads in total, including the calling one. A pool belongs to the process that made it. */
rln_status rln_pool_new(size_t threads, rln_pool **r);
void rln_pool_free(rln_pool *pool);

/* ---- fields, curve, pairing: for tests and for users who need BN254 ----------- */

typedef enum rln_field {
    RLN_FIELD_FR = 0,   /* 32 bytes for each element */
    RLN_FIELD_FP = 1,   /* 32 */
    RLN_FIELD_FP2 = 2,  /* 64:  c0 + c1 u, u^2 = -1 */
    RLN_FIELD_FP6 = 3,  /* 192: c0 + c1 v + c2 v^2, v^3 = 9 + u */
    RLN_FIELD_FP12 = 4  /* 384: c0 + c1 w, w^2 = v */
} rln_field;

typedef enum rln_field_operation {
    RLN_ADD = 0,
    RLN_SUB = 1,
    RLN_MUL = 2,
    RLN_SQR = 3,
    RLN_NEG = 4,
    RLN_INV = 5  /* 1/0 = 0 */
} rln_field_operation;

/* r[i] = a[i] op b[i]. SQR, NEG and INV ignore b, which may then be NULL with length 0. */
rln_status rln_field_evaluate(rln_field field, rln_field_operation operation, uint8_t *r, size_t r_len,
                              const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len, rln_fault *fault);

/* r[0..2^log_n), in natural order: the values, at the powers of the 2^log_n-th root of unity, of the polynomial with
 * coefficients a; inverse = 1 goes back. log_n is 0..28. a and r may be the same array. */
rln_status rln_ntt(uint8_t *r, size_t r_len, const uint8_t *a, size_t a_len, int inverse, rln_pool *pool,
                   rln_fault *fault);

/* group is 1 or 2. Points are uncompressed and may be infinity. G2 points must be in the subgroup; this is checked. */
rln_status rln_point_add(int group, uint8_t *r, size_t r_len, const uint8_t *a, size_t a_len, const uint8_t *b,
                         size_t b_len, rln_fault *fault);
/* r = sum scalars[i] * points[i]. Time depends on all values. */
rln_status rln_point_msm(int group, uint8_t *r, size_t r_len, const uint8_t *points, size_t points_len,
                         const uint8_t *scalars, size_t scalars_len, rln_pool *pool, rln_fault *fault);
rln_status rln_point_compress(int group, uint8_t *r, size_t r_len, const uint8_t *a, size_t a_len, rln_fault *fault);
rln_status rln_point_decompress(int group, uint8_t *r, size_t r_len, const uint8_t *a, size_t a_len, rln_fault *fault);
/* r (384 bytes, in the form of RLN_FIELD_FP12) = e(P, Q), the reduced optimal ate pairing. */
rln_status rln_pairing(uint8_t *r, size_t r_len, const uint8_t *p, size_t p_len, const uint8_t *q, size_t q_len,
                       rln_fault *fault);

/* ---- hashes -------------------------------------------------------------------------------------- */

/* Keccak-256 with the original padding 0x01. */
rln_status rln_keccak256(uint8_t *r, size_t r_len, const uint8_t *m, size_t m_len);
/* The Keccak-256 digest as an integer, little-endian (or big-endian), mod r. m may have any length. */
rln_status rln_hash_to_field(uint8_t *r, size_t r_len, const uint8_t *m, size_t m_len, int big_endian);
/* n hashes of arity scalars each (1..8). in holds n * arity scalars, r holds n scalars. Constant time. */
rln_status rln_poseidon_hash_many(uint8_t *r, size_t r_len, const uint8_t *in, size_t in_len, size_t arity,
                                  rln_pool *pool, rln_fault *fault);
/* The dense parameters for width 2..9: full * width + partial * width round constants, and width^2 matrix
 * entries row by row. Call with rounds_len = matrix_len = 0 to get the two numbers of rounds. */
rln_status rln_poseidon_parameters(size_t width, uint8_t *rounds, size_t rounds_len, uint8_t *matrix, size_t matrix_len,
                                   uint32_t *full_rounds, uint32_t *partial_rounds);
/* The root above a leaf, from depth siblings (32 bytes each, the leaf's own first) and depth bits 0 or 1. */
rln_status rln_merkle_root(uint8_t *r, size_t r_len, const uint8_t *leaf, size_t leaf_len, const uint8_t *siblings,
                           size_t siblings_len, const uint8_t *bits, size_t bits_len, rln_fault *fault);
/* The same, but all nodes above the leaf, root last: depth scalars. */
rln_status rln_merkle_path(uint8_t *r, size_t r_len, const uint8_t *leaf, size_t leaf_len, const uint8_t *siblings,
                           size_t siblings_len, const uint8_t *bits, size_t bits_len, rln_fault *fault);

/* ---- identity: the handle holds the secret; time is constant in it -------------------------------- */

/* From the caller's entropy, 64 bytes for each element: 64 for a simple identity, 128 for an extended one. */
rln_status rln_identity_new(const uint8_t *random, size_t random_len, int extended, rln_identity **r);
/* zerokit's seeded key generation (zerokit-spec 3.1). seed may have any length, including 0. */
rln_status rln_identity_from_seed(const uint8_t *seed, size_t seed_len, int extended, rln_identity **r);
rln_status rln_identity_from_secret(const uint8_t *secret, size_t secret_len, rln_identity **r, rln_fault *fault);
void rln_identity_free(rln_identity *identity);
rln_status rln_identity_commitment(const rln_identity *identity, uint8_t *r, size_t r_len);
/* The identity secret. The caller owns the copy and wipes it. */
rln_status rln_identity_secret(const rln_identity *identity, uint8_t *r, size_t r_len);
/* trapdoor || nullifier, 64 bytes, of an extended identity; RLN_ERR_PARAMETER for a simple one. */
rln_status rln_identity_extended(const rln_identity *identity, uint8_t *r, size_t r_len);
/* 1 if equal, else 0; constant time. */
int rln_identity_equal(const rln_identity *a, const rln_identity *b);
/* y = secret + a1 x and nullifier = Poseidon(a1), a1 = Poseidon(secret, external nullifier, message id).
 * x = 0 gives RLN_ERR_PARAMETER before the secret is used. */
rln_status rln_identity_share(const rln_identity *identity, uint8_t *y, size_t y_len, uint8_t *nullifier,
                              size_t nullifier_len, const uint8_t *x, size_t x_len, const uint8_t *external_nullifier,
                              size_t external_nullifier_len, const uint8_t *message_id, size_t message_id_len,
                              rln_fault *fault);
/* The identity on the line through two shares (x || y, 64 bytes) with the same nullifier. RLN_ERR_RECOVERY if
 * the x are equal or Poseidon(a1) is not that nullifier. */
rln_status rln_identity_recover(const uint8_t *nullifier, size_t nullifier_len, const uint8_t *first, size_t first_len,
                                const uint8_t *second, size_t second_len, rln_identity **r, rln_fault *fault);

/* ---- witness graph ------------------------------------------------------------------------------- */

/* data is a whole wtns.graph.001 file with at most 2^20 nodes. The file's length bounds the memory. */
rln_status rln_graph_load(const uint8_t *data, size_t data_len, rln_graph **r, rln_fault *fault);
void rln_graph_free(rln_graph *graph);
size_t rln_graph_node_count(const rln_graph *graph);
size_t rln_graph_witness_size(const rln_graph *graph);   /* wires */
size_t rln_graph_input_size(const rln_graph *graph);     /* slots, slot 0 is the constant 1 */
size_t rln_graph_input_count(const rln_graph *graph);    /* named inputs */
/* The i-th named input. name is not terminated; it is valid as long as the graph. */
rln_status rln_graph_input(const rln_graph *graph, size_t index, const char **name, size_t *name_len, uint32_t *offset,
                           uint32_t *length);

/* inputs: input_size scalars; slot 0 is ignored. If identity is not NULL, its secret goes into secret_slot.
 * RLN_ERR_WITNESS names the node whose operation has no result. Time depends on the values. */
rln_status rln_witness_new(const rln_graph *graph, const uint8_t *inputs, size_t inputs_len,
                           const rln_identity *identity, size_t secret_slot, rln_witness **r, rln_fault *fault);
/* From an assignment that was computed elsewhere: n scalars, the first is 1. */
rln_status rln_witness_import(const uint8_t *wires, size_t wires_len, rln_witness **r, rln_fault *fault);
void rln_witness_free(rln_witness *witness);
size_t rln_witness_size(const rln_witness *witness);
/* Wires start .. start + r_len / 32. All wires are secret except 1 .. public inputs. */
rln_status rln_witness_read(const rln_witness *witness, size_t start, uint8_t *r, size_t r_len);

/* ---- Groth16 keys -------------------------------------------------------------------------------- */

typedef enum rln_key_format {
    RLN_KEY_ARK = 0,  /* zerokit's .arkzkey: zerokit-spec 5.2, num_witness as zerokit writes it */
    RLN_KEY_ZKEY = 1  /* snarkjs .zkey, Groth16 */
} rln_key_format;

typedef struct rln_key_info {
    uint64_t wires;
    uint64_t public_inputs;  /* the constant 1 not counted */
    uint64_t constraints;    /* the rows that bind the public inputs not counted */
    uint64_t domain;
    uint64_t a_entries;      /* non-zero entries of the matrices */
    uint64_t b_entries;
} rln_key_info;

/* A sparse matrix: row i holds the entries row_starts[i] .. row_starts[i + 1] of columns and of the 32-byte
 * scalars in coefficients. There are rows + 1 starts, ascending, the first is 0. */
typedef struct rln_matrix {
    const uint32_t *row_starts;
    size_t row_starts_count;
    const uint32_t *columns;
    size_t columns_count;
    const uint8_t *coefficients;
    size_t coefficients_len;
} rln_matrix;

/* Checks that every point is canonical, on its curve and in the subgroup, and that alpha, beta, gamma and delta are not
 * infinity. */
rln_status rln_proving_key_load(rln_key_format format, const uint8_t *data, size_t data_len, rln_pool *pool,
                                rln_proving_key **r, rln_fault *fault);
void rln_proving_key_free(rln_proving_key *key);
rln_status rln_proving_key_info(const rln_proving_key *key, rln_key_info *r);
/* rln_proving_key_size: the number of bytes that rln_proving_key_encode writes. */
size_t rln_proving_key_size(const rln_proving_key *key, rln_key_format format);
rln_status rln_proving_key_encode(const rln_proving_key *key, rln_key_format format, uint8_t *r, size_t r_len);
/* Check that the proving key belongs to its own verifying key, by pairing equations over random combinations
 * (threats D5). random: 16 bytes for each wire, and 16 more. RLN_ERR_KEY names the part that does not match. */
rln_status rln_proving_key_check(const rln_proving_key *key, const uint8_t *random, size_t random_len, rln_pool *pool,
                                 rln_fault *fault);
rln_status rln_proving_key_verifying_key(const rln_proving_key *key, rln_verifying_key **r);

/* alpha_g1 || beta_g2 || gamma_g2 || delta_g2 || u64 count || IC points, compressed or not.
 * RLN_ERR_KEY: a point is infinity (IC 0 may be), or delta = +-gamma. */
rln_status rln_verifying_key_decode(const uint8_t *data, size_t data_len, int compressed, rln_verifying_key **r,
                                    rln_fault *fault);
void rln_verifying_key_free(rln_verifying_key *key);
size_t rln_verifying_key_public_inputs(const rln_verifying_key *key);
rln_status rln_verifying_key_encode(const rln_verifying_key *key, int compressed, uint8_t *r, size_t r_len);

/* A fresh key for the constraints <A,w> <B,w> = <C,w>; wires 1..public_inputs are public.
 * random: 320 bytes of entropy, 64 each for tau, alpha, beta, gamma and delta; the call wipes them.
 * progress: NULL, or a word that the call raises from 0 to 1000. */
rln_status rln_setup(const rln_matrix *a, const rln_matrix *b, const rln_matrix *c, size_t wires, size_t public_inputs,
                     uint8_t *random, size_t random_len, rln_pool *pool, uint32_t *progress, rln_proving_key **r,
                     rln_fault *fault);

/* ---- tables of a proving key ----------------------------------------------------------------------- */

/* Multiples of a key's points, which make proofs with it several times faster. folded = 1: the C matrix is known; it is
 * folded into L, and the quotient is taken on the domain itself (docs/speed.md). On all machines with the same byte
 * order, every engine makes the same bytes. They hold nothing secret. */
size_t rln_tables_size(const rln_proving_key *key, int folded);
/* c = NULL: not folded. r_len is rln_tables_size; r is aligned to 64 bytes. progress as in rln_setup. */
rln_status rln_tables_build(const rln_proving_key *key, const rln_matrix *c, rln_pool *pool, uint32_t *progress,
                            uint8_t *r, size_t r_len, rln_fault *fault);
/* Use tables that were built for this key. data is aligned to 64 bytes. The caller owns data and key, and keeps both
 * longer than the handle. Lengths and numbers are checked; points are not, so the caller checks a digest first.
 * RLN_ERR_FORMAT: data holds no tables, or those of a key with other sizes; RLN_ERR_PARAMETER: those of another key. */
rln_status rln_tables_open(const rln_proving_key *key, const uint8_t *data, size_t data_len, rln_tables **r,
                           rln_fault *fault);
void rln_tables_free(rln_tables *tables);

/* ---- Groth16 proofs ------------------------------------------------------------------------------ */

/* proof is 128 bytes. blinding is one of
 *   128 bytes of fresh entropy, 64 each for r and s: RLN_ERR_ENTROPY if one of them is zero or if they are equal;
 *   64 bytes, the two scalars r || s, used unchanged: this reproduces a known proof.
 * Time depends on the witness. */
rln_status rln_proof_create(const rln_proving_key *key, const rln_tables *tables, const rln_witness *witness,
                            const uint8_t *blinding, size_t blinding_len, rln_pool *pool, uint8_t *proof,
                            size_t proof_len, rln_fault *fault);
/* The values h_i that multiply the H query (zerokit-spec 6 step 4): as many scalars as the domain has elements. */
rln_status rln_proof_quotient(const rln_proving_key *key, const rln_witness *witness, rln_pool *pool, uint8_t *r,
                              size_t r_len, rln_fault *fault);
/* From 128 bytes to 256 (A || B || C, uncompressed), and back. Both make all checks of decoding. */
rln_status rln_proof_decompress(const uint8_t *proof, size_t proof_len, uint8_t *r, size_t r_len, rln_fault *fault);
rln_status rln_proof_compress(const uint8_t *points, size_t points_len, uint8_t *r, size_t r_len, rln_fault *fault);
/* *ok = 1: accepted; 0: refused. inputs: exactly public_inputs scalars. */
rln_status rln_proof_verify(const rln_verifying_key *key, const uint8_t *inputs, size_t inputs_len,
                            const uint8_t *proof, size_t proof_len, int *ok, rln_fault *fault);
#define RLN_REFUSED -1

/* n proofs, n * public_inputs scalars, and n coefficients of 16 bytes from fresh entropy (RLN_ERR_ENTROPY if one is
 * zero or two are equal). results[i], i < n, is RLN_OK (accepted), RLN_REFUSED, or the status that rln_proof_verify
 * would return for that item. Unlike other outputs, all results are RLN_REFUSED if the call fails, because zero would
 * mean accepted. */
rln_status rln_proof_verify_many(const rln_verifying_key *key, const uint8_t *inputs, size_t inputs_len,
                                 const uint8_t *proofs, size_t proofs_len, const uint8_t *coefficients,
                                 size_t coefficients_len, rln_pool *pool, int32_t *results, size_t results_count);

/* ---- proofs in two steps, and tokens ------------------------------------------------------------- */

/* The part of a proof that depends on the known wires alone. It is secret, like the witness. known: one byte for each
 * wire, 1 if known, else 0; wire 0 is known. tables = NULL: none. The caller keeps key and tables longer than the
 * handle. */
rln_status rln_partial_new(const rln_proving_key *key, const rln_tables *tables, const rln_witness *witness,
                           const uint8_t *known, size_t known_len, rln_pool *pool, rln_partial **r, rln_fault *fault);
/* A new partial with the same known wires and the values in witness. The cost depends on how many values changed. */
rln_status rln_partial_update(const rln_partial *partial, const rln_witness *witness, rln_pool *pool, rln_partial **r,
                              rln_fault *fault);
void rln_partial_free(rln_partial *partial);
/* The proof that rln_proof_create would make from this witness and blinding. RLN_ERR_WITNESS names the first known
 * wire whose value differs. */
rln_status rln_partial_finish(const rln_partial *partial, const rln_witness *witness, const uint8_t *blinding,
                              size_t blinding_len, rln_pool *pool, uint8_t *proof, size_t proof_len, rln_fault *fault);
/* A partial proof in zerokit's form (zerokit-spec 6.1 and 7.5, without a leading tag). rln_partial_size: the number of
 * bytes that rln_partial_encode writes. rln_partial_decode makes the partial from these bytes and the values of the
 * witness. It computes the points again and compares them, so it costs as much as rln_partial_new. RLN_ERR_FORMAT;
 * RLN_ERR_POINT "partial_pi_a" .. if a point does not match the values. */
size_t rln_partial_size(const rln_proving_key *key);
rln_status rln_partial_encode(const rln_partial *partial, rln_pool *pool, uint8_t *r, size_t r_len);
rln_status rln_partial_decode(const rln_proving_key *key, const rln_tables *tables, const rln_witness *witness,
                              const uint8_t *data, size_t data_len, rln_pool *pool, rln_partial **r, rln_fault *fault);

/* A token: a proof that lacks only x. zero and one are witnesses of the same statement with x = 0 and x = 1, equal in
 * the known wires of partial (RLN_ERR_WITNESS). Every wire must be affine in x; the caller knows that from the
 * circuit. blinding as for rln_proof_create. The token does not need partial after this call. The call is cheap with
 * folded tables; without tables it costs more than a whole proof. */
rln_status rln_token_new(const rln_partial *partial, const rln_witness *zero, const rln_witness *one,
                         const uint8_t *blinding, size_t blinding_len, rln_pool *pool, rln_token **r, rln_fault *fault);
/* The proof for this x. The call spends and wipes the token, even if it fails. RLN_ERR_PARAMETER: the token is already
 * spent, or another process made it ("token"); or x = 0, whose share is the secret ("x"). If two threads publish the
 * same token, one succeeds. */
rln_status rln_token_publish(rln_token *token, const uint8_t *x, size_t x_len, uint8_t *proof, size_t proof_len,
                             rln_fault *fault);
void rln_token_free(rln_token *token);

/* known[i] = 1 for the wires that do not depend on the marked inputs. unknown holds one byte for each input slot. The
 * result of an operation with an unknown operand is unknown (zerokit-spec 6.1). */
rln_status rln_graph_known(const rln_graph *graph, const uint8_t *unknown, size_t unknown_len, uint8_t *known,
                           size_t known_len, rln_fault *fault);

/* cffi: end */

#pragma GCC visibility pop

#endif
