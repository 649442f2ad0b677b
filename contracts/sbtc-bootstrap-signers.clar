;; Governance of the signer registry: the current signers, through their multisig account, name the next set.
;; The order of the checks is part of the interface (spec "The registry contract"). Duplicates, the order of the keys
;; and whether they are points of the curve are not checked here: clients must.

(define-constant ERR_KEY_SIZE (err u200))
(define-constant ERR_INVALID_CALLER (err u201))
(define-constant ERR_SIGNATURE_THRESHOLD (err u202))
;; u210 + the index of the first key of a wrong size.
(define-constant ERR_KEY_SIZE_AT u210)

(define-constant KEY_BYTES u33)
;; Versions of a pay-to-script-hash address in c32.
(define-constant VERSION_MAINNET_P2SH 0x14)
(define-constant VERSION_TESTNET_P2SH 0x15)
;; OP_1 is 0x51: the opcode that pushes k is OP_PUSH_BASE + k, up to OP_16 (R3).
(define-constant OP_PUSH_BASE u80)
(define-constant OP_CHECKMULTISIG 0xae)
(define-constant PUSH_33 0x21)

(define-public (rotate-keys-wrapper
    (new-keys (list 128 (buff 33)))
    (new-aggregate-pubkey (buff 33))
    (new-signature-threshold uint))
  (let (
      (key-count (len new-keys))
      (signer-principal (contract-call? .sbtc-registry get-current-signer-principal)))
    (asserts! (> key-count u1) ERR_KEY_SIZE)
    (asserts! (> new-signature-threshold (/ key-count u2)) ERR_SIGNATURE_THRESHOLD)
    (asserts! (<= new-signature-threshold key-count) ERR_SIGNATURE_THRESHOLD)
    (asserts! (is-eq tx-sender signer-principal) ERR_INVALID_CALLER)
    (try! (fold check-key-size new-keys (ok u0)))
    (asserts! (is-eq (len new-aggregate-pubkey) KEY_BYTES) ERR_KEY_SIZE)
    (contract-call? .sbtc-registry rotate-keys
      new-keys
      (pubkeys-to-principal new-keys new-signature-threshold)
      new-aggregate-pubkey
      new-signature-threshold)))

;; The account of a multisig: hash160 of its redeem script, the keys in list order.
(define-read-only (pubkeys-to-principal (pubkeys (list 128 (buff 33))) (m uint))
  (unwrap-panic (principal-construct?
    (if is-in-mainnet VERSION_MAINNET_P2SH VERSION_TESTNET_P2SH)
    (pubkeys-to-hash pubkeys m))))

(define-read-only (pubkeys-to-hash (pubkeys (list 128 (buff 33))) (m uint))
  (hash160 (pubkeys-to-spend-script pubkeys m)))

;; OP_m, each key pushed, OP_n, OP_CHECKMULTISIG. 128 keys make 4355 bytes.
(define-read-only (pubkeys-to-spend-script (pubkeys (list 128 (buff 33))) (m uint))
  (concat
    (concat (push-opcode m) (pubkeys-to-bytes pubkeys))
    (concat (push-opcode (len pubkeys)) OP_CHECKMULTISIG)))

(define-read-only (pubkeys-to-bytes (pubkeys (list 128 (buff 33))))
  (fold append-pubkey pubkeys 0x))

(define-private (append-pubkey (pubkey (buff 33)) (script (buff 4352)))
  (unwrap-panic (as-max-len? (concat (concat script PUSH_33) pubkey) u4352)))

;; The last byte of the consensus encoding of a uint, which is its type byte and 16 bytes, big-endian.
(define-private (push-opcode (k uint))
  (unwrap-panic (as-max-len?
    (unwrap-panic (slice? (unwrap-panic (to-consensus-buff? (+ k OP_PUSH_BASE))) u16 u17))
    u1)))

(define-private (check-key-size (key (buff 33)) (index (response uint uint)))
  (let ((i (try! index)))
    (asserts! (is-eq (len key) KEY_BYTES) (err (+ ERR_KEY_SIZE_AT i)))
    (ok (+ i u1))))
