"""The types of the module that cffi makes from native/include/rln.h; a test compares the two."""

from collections.abc import Callable
from typing import Any

class CData:
    """A pointer, an array or a struct of C, which only cffi can make."""

    def __getattr__(self, name: str) -> Any: ...
    def __setattr__(self, name: str, value: Any) -> None: ...
    def __getitem__(self, index: int) -> Any: ...
    def __setitem__(self, index: int, value: Any) -> None: ...
    def __add__(self, other: int) -> CData: ...
    def __len__(self) -> int: ...
    def __enter__(self) -> CData: ...
    def __exit__(self, *_: object) -> None: ...

class _Buffer:
    def __getitem__(self, index: slice) -> bytes: ...
    def __setitem__(self, index: slice, value: bytes) -> None: ...
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int) -> memoryview: ...

class _FFI:
    NULL: CData
    def new(self, cdecl: str, init: Any = ...) -> CData: ...
    def gc(self, cdata: CData, destructor: Callable[[CData], None], size: int = ...) -> CData: ...
    def buffer(self, cdata: CData, size: int = ...) -> _Buffer: ...
    def from_buffer(self, cdecl: str, value: Any, require_writable: bool = ...) -> CData: ...
    def string(self, cdata: CData, maxlen: int = ...) -> bytes: ...
    def unpack(self, cdata: CData, length: int) -> Any: ...
    def cast(self, cdecl: str, value: Any) -> CData: ...
    def memmove(self, dest: Any, src: Any, n: int) -> None: ...
    def typeof(self, cdata: Any) -> Any: ...
    def sizeof(self, cdecl: str | CData) -> int: ...

class _Lib:
    RLN_OK: int
    RLN_ERR_LENGTH: int
    RLN_ERR_RANGE: int
    RLN_ERR_POINT: int
    RLN_ERR_PARAMETER: int
    RLN_ERR_FORMAT: int
    RLN_ERR_KEY: int
    RLN_ERR_RECOVERY: int
    RLN_ERR_WITNESS: int
    RLN_ERR_ENTROPY: int
    RLN_ERR_MEMORY: int
    RLN_ERR_ENGINE: int
    RLN_ERR_INTERNAL: int
    RLN_FIELD_FR: int
    RLN_FIELD_FP: int
    RLN_FIELD_FP2: int
    RLN_FIELD_FP6: int
    RLN_FIELD_FP12: int
    RLN_ADD: int
    RLN_SUB: int
    RLN_MUL: int
    RLN_SQR: int
    RLN_NEG: int
    RLN_INV: int
    RLN_KEY_ARK: int
    RLN_KEY_ZKEY: int
    RLN_REFUSED: int
    def rln_engine_name_at(self, index: int, /) -> CData: ...
    def rln_engine_supported(self, name: bytes | CData, /) -> int: ...
    def rln_engine_choose(self, name: bytes | CData, /) -> int: ...
    def rln_engine_name(self) -> CData: ...
    def rln_entropy(self, r: CData, n: int, /) -> int: ...
    def rln_pool_new(self, threads: int, r: CData, /) -> int: ...
    def rln_pool_free(self, pool: CData, /) -> None: ...
    def rln_field_evaluate(
        self,
        field: int,
        operation: int,
        r: CData,
        r_len: int,
        a: bytes | CData,
        a_len: int,
        b: bytes | CData,
        b_len: int,
        fault: CData,
        /,
    ) -> int: ...
    def rln_ntt(
        self,
        r: CData,
        r_len: int,
        a: bytes | CData,
        a_len: int,
        inverse: int,
        pool: CData,
        fault: CData,
        /,
    ) -> int: ...
    def rln_point_add(
        self,
        group: int,
        r: CData,
        r_len: int,
        a: bytes | CData,
        a_len: int,
        b: bytes | CData,
        b_len: int,
        fault: CData,
        /,
    ) -> int: ...
    def rln_point_msm(
        self,
        group: int,
        r: CData,
        r_len: int,
        points: bytes | CData,
        points_len: int,
        scalars: bytes | CData,
        scalars_len: int,
        pool: CData,
        fault: CData,
        /,
    ) -> int: ...
    def rln_point_compress(
        self,
        group: int,
        r: CData,
        r_len: int,
        a: bytes | CData,
        a_len: int,
        fault: CData,
        /,
    ) -> int: ...
    def rln_point_decompress(
        self,
        group: int,
        r: CData,
        r_len: int,
        a: bytes | CData,
        a_len: int,
        fault: CData,
        /,
    ) -> int: ...
    def rln_pairing(
        self,
        r: CData,
        r_len: int,
        p: bytes | CData,
        p_len: int,
        q: bytes | CData,
        q_len: int,
        fault: CData,
        /,
    ) -> int: ...
    def rln_keccak256(self, r: CData, r_len: int, m: bytes | CData, m_len: int, /) -> int: ...
    def rln_hash_to_field(
        self,
        r: CData,
        r_len: int,
        m: bytes | CData,
        m_len: int,
        big_endian: int,
        /,
    ) -> int: ...
    def rln_poseidon_hash_many(
        self,
        r: CData,
        r_len: int,
        inputs: bytes | CData,
        inputs_len: int,
        arity: int,
        pool: CData,
        fault: CData,
        /,
    ) -> int: ...
    def rln_poseidon_parameters(
        self,
        width: int,
        rounds: CData,
        rounds_len: int,
        matrix: CData,
        matrix_len: int,
        full_rounds: CData,
        partial_rounds: CData,
        /,
    ) -> int: ...
    def rln_merkle_root(
        self,
        r: CData,
        r_len: int,
        leaf: bytes | CData,
        leaf_len: int,
        siblings: bytes | CData,
        siblings_len: int,
        bits: bytes | CData,
        bits_len: int,
        fault: CData,
        /,
    ) -> int: ...
    def rln_merkle_path(
        self,
        r: CData,
        r_len: int,
        leaf: bytes | CData,
        leaf_len: int,
        siblings: bytes | CData,
        siblings_len: int,
        bits: bytes | CData,
        bits_len: int,
        fault: CData,
        /,
    ) -> int: ...
    def rln_identity_new(self, random: bytes | CData, random_len: int, extended: int, r: CData, /) -> int: ...
    def rln_identity_from_seed(
        self,
        seed: bytes | CData,
        seed_len: int,
        extended: int,
        r: CData,
        /,
    ) -> int: ...
    def rln_identity_from_secret(
        self,
        secret: bytes | CData,
        secret_len: int,
        r: CData,
        fault: CData,
        /,
    ) -> int: ...
    def rln_identity_free(self, identity: CData, /) -> None: ...
    def rln_identity_commitment(self, identity: CData, r: CData, r_len: int, /) -> int: ...
    def rln_identity_secret(self, identity: CData, r: CData, r_len: int, /) -> int: ...
    def rln_identity_extended(self, identity: CData, r: CData, r_len: int, /) -> int: ...
    def rln_identity_equal(self, a: CData, b: CData, /) -> int: ...
    def rln_identity_share(
        self,
        identity: CData,
        y: CData,
        y_len: int,
        nullifier: CData,
        nullifier_len: int,
        x: bytes | CData,
        x_len: int,
        external_nullifier: bytes | CData,
        external_nullifier_len: int,
        message_id: bytes | CData,
        message_id_len: int,
        fault: CData,
        /,
    ) -> int: ...
    def rln_identity_recover(
        self,
        nullifier: bytes | CData,
        nullifier_len: int,
        first: bytes | CData,
        first_len: int,
        second: bytes | CData,
        second_len: int,
        r: CData,
        fault: CData,
        /,
    ) -> int: ...
    def rln_graph_load(self, data: bytes | CData, data_len: int, r: CData, fault: CData, /) -> int: ...
    def rln_graph_free(self, graph: CData, /) -> None: ...
    def rln_graph_node_count(self, graph: CData, /) -> int: ...
    def rln_graph_witness_size(self, graph: CData, /) -> int: ...
    def rln_graph_input_size(self, graph: CData, /) -> int: ...
    def rln_graph_input_count(self, graph: CData, /) -> int: ...
    def rln_graph_input(
        self,
        graph: CData,
        index: int,
        name: CData,
        name_len: CData,
        offset: CData,
        length: CData,
        /,
    ) -> int: ...
    def rln_witness_new(
        self,
        graph: CData,
        inputs: bytes | CData,
        inputs_len: int,
        identity: CData,
        secret_slot: int,
        r: CData,
        fault: CData,
        /,
    ) -> int: ...
    def rln_witness_import(self, wires: bytes | CData, wires_len: int, r: CData, fault: CData, /) -> int: ...
    def rln_witness_free(self, witness: CData, /) -> None: ...
    def rln_witness_size(self, witness: CData, /) -> int: ...
    def rln_witness_read(self, witness: CData, start: int, r: CData, r_len: int, /) -> int: ...
    def rln_proving_key_load(
        self,
        format: int,
        data: bytes | CData,
        data_len: int,
        pool: CData,
        r: CData,
        fault: CData,
        /,
    ) -> int: ...
    def rln_proving_key_free(self, key: CData, /) -> None: ...
    def rln_proving_key_info(self, key: CData, r: CData, /) -> int: ...
    def rln_proving_key_size(self, key: CData, format: int, /) -> int: ...
    def rln_proving_key_encode(self, key: CData, format: int, r: CData, r_len: int, /) -> int: ...
    def rln_proving_key_check(
        self,
        key: CData,
        random: bytes | CData,
        random_len: int,
        pool: CData,
        fault: CData,
        /,
    ) -> int: ...
    def rln_proving_key_verifying_key(self, key: CData, r: CData, /) -> int: ...
    def rln_verifying_key_decode(
        self,
        data: bytes | CData,
        data_len: int,
        compressed: int,
        r: CData,
        fault: CData,
        /,
    ) -> int: ...
    def rln_verifying_key_free(self, key: CData, /) -> None: ...
    def rln_verifying_key_public_inputs(self, key: CData, /) -> int: ...
    def rln_verifying_key_encode(self, key: CData, compressed: int, r: CData, r_len: int, /) -> int: ...
    def rln_setup(
        self,
        a: CData,
        b: CData,
        c: CData,
        wires: int,
        public_inputs: int,
        random: CData,
        random_len: int,
        pool: CData,
        progress: CData,
        r: CData,
        fault: CData,
        /,
    ) -> int: ...
    def rln_tables_size(self, key: CData, folded: int, /) -> int: ...
    def rln_tables_build(
        self,
        key: CData,
        c: CData,
        pool: CData,
        progress: CData,
        r: CData,
        r_len: int,
        fault: CData,
        /,
    ) -> int: ...
    def rln_tables_open(
        self,
        key: CData,
        data: bytes | CData,
        data_len: int,
        r: CData,
        fault: CData,
        /,
    ) -> int: ...
    def rln_tables_free(self, tables: CData, /) -> None: ...
    def rln_proof_create(
        self,
        key: CData,
        tables: CData,
        witness: CData,
        blinding: bytes | CData,
        blinding_len: int,
        pool: CData,
        proof: CData,
        proof_len: int,
        fault: CData,
        /,
    ) -> int: ...
    def rln_proof_quotient(
        self,
        key: CData,
        witness: CData,
        pool: CData,
        r: CData,
        r_len: int,
        fault: CData,
        /,
    ) -> int: ...
    def rln_proof_decompress(
        self,
        proof: bytes | CData,
        proof_len: int,
        r: CData,
        r_len: int,
        fault: CData,
        /,
    ) -> int: ...
    def rln_proof_compress(
        self,
        points: bytes | CData,
        points_len: int,
        r: CData,
        r_len: int,
        fault: CData,
        /,
    ) -> int: ...
    def rln_proof_verify(
        self,
        key: CData,
        inputs: bytes | CData,
        inputs_len: int,
        proof: bytes | CData,
        proof_len: int,
        ok: CData,
        fault: CData,
        /,
    ) -> int: ...
    def rln_proof_verify_many(
        self,
        key: CData,
        inputs: bytes | CData,
        inputs_len: int,
        proofs: bytes | CData,
        proofs_len: int,
        coefficients: bytes | CData,
        coefficients_len: int,
        pool: CData,
        results: CData,
        results_count: int,
        /,
    ) -> int: ...
    def rln_partial_new(
        self,
        key: CData,
        tables: CData,
        witness: CData,
        known: bytes | CData,
        known_len: int,
        pool: CData,
        r: CData,
        fault: CData,
        /,
    ) -> int: ...
    def rln_partial_update(
        self,
        partial: CData,
        witness: CData,
        pool: CData,
        r: CData,
        fault: CData,
        /,
    ) -> int: ...
    def rln_partial_free(self, partial: CData, /) -> None: ...
    def rln_partial_finish(
        self,
        partial: CData,
        witness: CData,
        blinding: bytes | CData,
        blinding_len: int,
        pool: CData,
        proof: CData,
        proof_len: int,
        fault: CData,
        /,
    ) -> int: ...
    def rln_partial_size(self, key: CData, /) -> int: ...
    def rln_partial_encode(self, partial: CData, pool: CData, r: CData, r_len: int, /) -> int: ...
    def rln_partial_decode(
        self,
        key: CData,
        tables: CData,
        witness: CData,
        data: bytes | CData,
        data_len: int,
        pool: CData,
        r: CData,
        fault: CData,
        /,
    ) -> int: ...
    def rln_token_new(
        self,
        partial: CData,
        zero: CData,
        one: CData,
        blinding: bytes | CData,
        blinding_len: int,
        pool: CData,
        r: CData,
        fault: CData,
        /,
    ) -> int: ...
    def rln_token_publish(
        self,
        token: CData,
        x: bytes | CData,
        x_len: int,
        proof: CData,
        proof_len: int,
        fault: CData,
        /,
    ) -> int: ...
    def rln_token_free(self, token: CData, /) -> None: ...
    def rln_graph_known(
        self,
        graph: CData,
        unknown: bytes | CData,
        unknown_len: int,
        known: CData,
        known_len: int,
        fault: CData,
        /,
    ) -> int: ...

ffi: _FFI
lib: _Lib
